"""Whole failures, and the right behaviour: each is broken in a cluster, the agent runs, and what it did is compared.

The suite by which the agent is judged. Three scores that are never added up (fixed, escalated with the right cause,
left alone), and beside them the one that must be 0: what was healthy and is not, and every act where none was right.
`README.md` lists the scenarios; `make scenarios` runs them.
"""

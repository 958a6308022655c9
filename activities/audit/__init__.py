"""The ledger: what may be done, what was done, and the log of it, in one SQLite file.

`store` and `schema` keep the file, `append` writes records, `reserve` grants (`permission`: by whose word; `standing`:
what stands against it; `intents`: rows and leases), `ledger` does the rest, `halts` is the kill switch, `log` is for
readers. Only `acts` registers with Temporal; the others are plain and run without it.
"""

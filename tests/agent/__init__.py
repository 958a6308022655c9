"""A whole agent for tests: a real Temporal server, a cluster with its administrator, workers, keys and people.

Used where one room is not enough: `tests/faults`, `tests/replay/record.py` and the remediations of `tests/cluster`.
"""

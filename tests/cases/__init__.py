"""Bundles of objects, each with an expert's answer (see README.md), read by `tests/unit/runbooks/test_cases.py`."""

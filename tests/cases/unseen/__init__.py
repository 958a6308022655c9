"""Bundles that were written without sight of the code (see README.md), read by `tests/unit/runbooks/test_unseen.py`."""

"""The scenarios, one file per kind of failure; each file has `SCENARIOS`. `catalogue.py` names every file."""

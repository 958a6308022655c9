"""The files a reviewer reads: one per runbook, and `base.py` that says what a runbook is."""

"""The log outside of the cluster: one file per kind of receiver, and what they have in common.

`target.py` says what a receiver is, `guarded.py` is the one way to any of them over HTTP. After them comes the act that
ships a batch and moves the cursor. None of them decides what leaves: the settings name the receivers.
"""

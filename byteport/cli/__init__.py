"""The command line: `byteport`, and the same program as `kubectl byteport`. One file a command; `main.py` joins them.

A command parses, asks the rooms below, and prints; it decides nothing. Libraries that take long to import are imported
inside the command that needs them, so that `--help` and shell completion answer at once.
"""

"""The command line, one file per command; the same program is `kubectl byteport`."""

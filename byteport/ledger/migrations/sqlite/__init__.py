"""SQLite's versions: 1 and 2 kept payloads beside the headers; since 3 they lie apart, encrypted."""

"""Where the log is kept: tables, transactions, appending and reading, on SQLite and on PostgreSQL. Decides nothing.

Comes after `byteport/audit` (the format and its proof) and `byteport/contracts` (drafts); `activities/audit` (the acts on
the ledger), `byteport/api` (the ledger's HTTP face) and the command line use it.
"""

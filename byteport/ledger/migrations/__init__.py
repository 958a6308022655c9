"""The tables of the log from version to version, forward and back, for SQLite and for PostgreSQL.

alembic runs them (`byteport/ledger/migrating.py`); what they do to the tables is SQL in the files beside them, so that a
reviewer reads what the database is told.
"""

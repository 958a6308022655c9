"""The tables of one ledger file, and how a file of an earlier version becomes one of this version.

A file says whose it is and which version in its header. A new one is made from `head.sql` as it stands; one of an earlier
version is brought up to date when it is opened for writing, by the migrations, in one transaction: all of it or nothing.
Such a file cannot be read until then; one of a later version is refused, because nobody here knows what it means.

`agent_actions` is append-only by triggers, for REPLACE too (which deletes without firing a delete trigger), and its
searchable columns are *generated* from the hashed bytes: they cannot say anything else than what was hashed. Bodies lie
apart, encrypted; one is deleted only while the last record of its chain says so.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from byteport.errors import ConfigError
from byteport.ledger.keys import BodyKeys

SETTING = "ledger.path"
APPLICATION_ID = 0x42505254
VERSION = 4
OLDEST_SQLITE = (3, 35, 0)
SCRIPT = Path(__file__).parent / "migrations" / "sqlite" / "head.sql"
"""What the migrations make of an empty file; a test compares, and writes it again by `make docs`."""


def apply(connection: sqlite3.Connection, where: str, keys: BodyKeys | None) -> None:
    """Make the tables in an empty file, or bring those of an earlier version up to date.

    Raises `ConfigError` for a file of another program or of a newer version, and for one whose payloads are to be
    encrypted without a key.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigError(SETTING, f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed")
    connection.execute("BEGIN IMMEDIATE")
    if _is_empty(connection):
        _make(connection)
        connection.execute("COMMIT")
        return
    version = version_of(connection, where)
    connection.execute("COMMIT")
    if version != VERSION:
        bring(connection, version=version, to=VERSION, keys=keys)


def bring(connection: sqlite3.Connection, *, version: int, to: int, keys: BodyKeys | None) -> None:
    """From one version to another; then nothing of what was there before is left.

    Freed pages are overwritten as they are freed, and the WAL's copies of the earlier ones when it is folded.
    """
    from byteport.ledger.migrating import migrate_sqlite  # alembic takes longer to load than a file to open

    try:
        migrate_sqlite(connection, version=version, to=to, keys=keys)
    except sqlite3.Error:
        raise
    except Exception as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, sqlite3.Error):
            raise cause from None  # alembic's wrapper says the same in more words
        raise
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def check(connection: sqlite3.Connection, where: str) -> None:
    """Raises `ConfigError` unless this is a ledger of this version."""
    version = version_of(connection, where)
    if version < VERSION:
        way = "`byteport ledger migrate`, or the start of the process that writes it, brings it there"
        raise ConfigError(SETTING, f"{where} has format {version}, and this byteport reads format {VERSION}; {way}")


def version_of(connection: sqlite3.Connection, where: str) -> int:
    """The version of a ledger file. Raises `ConfigError` for what is none, or newer than this program."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise ConfigError(SETTING, f"{where} is a database of another program")
    if version > VERSION:
        raise ConfigError(
            SETTING, f"{where} has format {version}, of a newer byteport; this one knows formats up to {VERSION}"
        )
    if version < 1:
        raise ConfigError(SETTING, f"{where} has format {version}, which no byteport has written")
    return int(version)


def _is_empty(connection: sqlite3.Connection) -> bool:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return (application, version, tables) == (0, 0, 0)


def _make(connection: sqlite3.Connection) -> None:
    """`executescript` would commit first, so the script's parts are run one after the other."""
    for statement in SCRIPT.read_text().split(";;\n")[:-1]:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def written_again() -> str:
    """`head.sql` as the migrations make it: every table, index and trigger of an empty file that went through them all."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    from byteport.ledger.migrating import migrate_sqlite

    migrate_sqlite(connection, version=0, to=VERSION, keys=None)
    order = "CASE type WHEN 'table' THEN 1 WHEN 'index' THEN 2 ELSE 3 END, rowid"
    rows = connection.execute(f"SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY {order}")  # noqa: S608
    version = f"INSERT INTO alembic_version VALUES ('{VERSION}')"  # noqa: S608  both are constants
    parts = [*(text.strip() for (text,) in rows), version]
    connection.close()
    head = "-- Made from the migrations beside it by `make docs`; a test compares.\n"
    return head + ";;\n\n".join(parts) + ";;\n"

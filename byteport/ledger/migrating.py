"""Brings the tables of the log to a version, forward or back, by alembic. Loaded only when there is something to bring.

`schema` calls it for a SQLite file that is opened for writing, inside one transaction: all of it or nothing. For
PostgreSQL an administrator does, by `byteport ledger migrate`; see `postgres_migrating`.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Literal

from alembic import command
from alembic.config import Config
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.engine import Connection

from byteport.ledger.keys import BodyKeys

FOLDER = Path(__file__).parent / "migrations"
Direction = Literal["upgrade", "downgrade"]


def migrate_sqlite(connection: sqlite3.Connection, *, version: int, to: int, keys: BodyKeys | None) -> None:
    """Bring a file of `version` to another one, in one transaction: all of it, or nothing.

    Where another process has brought it there meanwhile, nothing is done. Files of before 3 know nothing of alembic; what
    wrote them is told to it here.
    """
    rows, connection.row_factory = connection.row_factory, None
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    try:
        with engine.begin() as bound:  # so that alembic leaves the end of it to us
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone() != (version,):
                return
            settings = config("sqlite", bound, keys=keys)
            if not _knows_versions(connection):
                command.stamp(settings, _named(version))
            step(settings, _named(to), "upgrade" if to > version else "downgrade")
            connection.execute(f"PRAGMA user_version = {to}")
    finally:
        connection.row_factory = rows


def config(
    database: str, bound: Connection | None, *, keys: BodyKeys | None = None, schema: str | None = None
) -> Config:
    """alembic's settings for the migrations of one kind of database, on an open connection."""
    made = Config()
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.set_main_option("version_locations", str(FOLDER / database).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    given: dict[str, Any] = {"connection": bound, "keys": keys, "version_schema": schema}
    made.attributes.update(given)
    return made


def step(settings: Config, to: str, direction: Direction) -> None:
    """Run every migration between the present version and `to`."""
    if direction == "upgrade":
        command.upgrade(settings, to)
    else:
        command.downgrade(settings, to)


def _named(version: int) -> str:
    return str(version) if version else "base"


def _knows_versions(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    return found is not None

"""Runs a file of SQL statements on the connection of a migration, as it stands and without reading parameters into it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from alembic import context, op

from byteport.errors import ConfigError
from byteport.ledger.keys import BodyKeys
from byteport.ledger.sealing import needed

HERE = Path(__file__).parent


def sqlite_connection() -> sqlite3.Connection:
    """The connection under alembic's."""
    connection = op.get_bind().connection.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


def run_sqlite(name: str) -> None:
    """The statements of a file, one after the other: `executescript` would commit first."""
    connection = sqlite_connection()
    for statement in statements((HERE / "sqlite" / name).read_text()):
        connection.execute(statement)


def run_postgres(name: str) -> None:
    """The statements of a file, all at once."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute((HERE / "postgres" / name).read_bytes())


def postgres_is_empty() -> None:
    """Raises `ConfigError` while there is a record: a log is not dropped by a migration."""
    driver: Any = op.get_bind().connection.driver_connection
    # Row-level security shows the owner no tenant's rows, so that it is the table's pages that are asked.
    (pages,) = driver.execute("SELECT pg_relation_size('byteport.agent_actions')").fetchone()
    if pages:
        raise ConfigError("ledger.url", "there are records; a log is not dropped by a migration")


def body_keys() -> BodyKeys:
    """The keys that encrypt bodies. Raises `ConfigError` when there are none."""
    keys: BodyKeys | None = context.config.attributes["keys"]
    return needed(keys)


def statements(script: str) -> list[str]:
    """Cut where SQLite itself says that a statement is complete."""
    found, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text.strip())
            text = ""
    return found

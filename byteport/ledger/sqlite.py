"""The ledger as a SQLite file: opened, kept to its owner, and written in one transaction at a time.

WAL, so that readers never wait; `BEGIN IMMEDIATE`, so that a transaction sees the last one's end before it decides;
`synchronous=FULL`, so that an intent that was answered survives a power cut; `secure_delete`, so that a destroyed body
does not stay in the file. Comes after `turns` and `schema`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from byteport.audit.chain import GENESIS
from byteport.audit.heads import Chain
from byteport.errors import ConfigError, Unavailable
from byteport.ledger import schema
from byteport.ledger.keys import BodyKeys
from byteport.ledger.store import LOCK_SECONDS, Clock, Head, Parameters, Randomness, Rows, Sql, Store, StoredRow
from byteport.ledger.turns import Turns

SCRUB_SECONDS = 1.0
"""How long emptying the write-ahead log waits for readers; writers wait for it."""


class SqliteSql:
    """A connection as every store shows it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Parameters = (), /) -> Rows:
        return self._connection.execute(statement, parameters)

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]], /) -> None:
        self._connection.executemany(statement, parameters)

    def stream(self, statement: str, parameters: Parameters = (), /) -> Iterator[Any]:
        return iter(self._connection.execute(statement, parameters))


class _Chains:
    """The log's tables; their triggers check every statement."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def head(self, chain: Chain) -> Head:
        row = self._sql.execute(
            "SELECT seq, hash, stamp_ms FROM chain_heads WHERE tenant = ? AND cluster_uid = ?",
            (chain.tenant, chain.cluster_uid),
        ).fetchone()
        return Head(row[0], row[1], row[2]) if row else Head(0, GENESIS, 0)

    def add(self, chain: Chain, rows: Sequence[StoredRow]) -> None:
        place = (chain.tenant, chain.cluster_uid)
        for row in rows:
            self._sql.execute(
                "INSERT INTO agent_actions (tenant, cluster_uid, seq, header, hash) VALUES (?, ?, ?, ?, ?)",
                (*place, row.seq, row.header, row.hash),
            )
            if row.body is not None:
                self._sql.execute(
                    "INSERT INTO agent_action_bodies"
                    " (tenant, cluster_uid, seq, body, incident_id, workflow_id, runbook, target)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*place, row.seq, row.body, *row.indexes),
                )
            self._sql.execute(
                "INSERT INTO chain_heads (seq, hash, stamp_ms, tenant, cluster_uid) VALUES (?, ?, ?, ?, ?)"
                if row.seq == 1
                else "UPDATE chain_heads SET seq = ?, hash = ?, stamp_ms = ? WHERE tenant = ? AND cluster_uid = ?",
                (row.seq, row.hash, row.stamp_ms, *place),
            )

    def destroy(self, chain: Chain, seq: int, ranges: Sequence[tuple[int, int]]) -> int:
        place, gone = (chain.tenant, chain.cluster_uid), 0
        for first, last in ranges:
            self._sql.execute(
                "INSERT INTO removals (tenant, cluster_uid, seq, first_seq, last_seq) VALUES (?, ?, ?, ?, ?)",
                (*place, seq, first, last),
            )
            gone += self._sql.execute(
                "DELETE FROM agent_action_bodies WHERE tenant = ? AND cluster_uid = ? AND seq BETWEEN ? AND ?",
                (*place, first, last),
            ).rowcount
        return gone

    def destroy_named(self, chain: Chain, seqs: Sequence[int]) -> int:
        place = (chain.tenant, chain.cluster_uid)
        return sum(
            self._sql.execute(
                "DELETE FROM agent_action_bodies WHERE tenant = ? AND cluster_uid = ? AND seq = ?", (*place, seq)
            ).rowcount
            for seq in seqs
        )


class _Session:
    """A transaction on the file's connection."""

    def __init__(self, store: SqliteStore, connection: sqlite3.Connection) -> None:
        self.sql = SqliteSql(connection)
        self.chains = _Chains(connection)
        self._store = store
        self._connection = connection

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._store.forget()


class SqliteReader:
    """One ledger file, for reading. Needs no right to write it, and never makes it."""

    def __init__(self, path: Path, keys: BodyKeys | None) -> None:
        self.path = path
        self.keys = keys

    @property
    def name(self) -> str:
        return str(self.path)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Sql]:
        """A read-only view of one moment. Raises `Unavailable` when it cannot be read, `ConfigError` when it is no ledger."""
        try:
            with translated(), _reading(self.path) as connection:
                yield SqliteSql(connection)
        except Unavailable as error:
            if isinstance(error.__cause__, sqlite3.DatabaseError) and not isinstance(
                error.__cause__, sqlite3.OperationalError
            ):
                raise ConfigError(
                    schema.SETTING, f"{self.path} cannot be read as a ledger: {error.__cause__}"
                ) from error
            raise


class SqliteStore(Turns):
    """One ledger file. Safe to share among threads; several processes may open the same file."""

    def __init__(self, path: Path, *, keys: BodyKeys | None, clock: Clock, randomness: Randomness) -> None:
        """Opens `path`, making it with mode 0600 if it is not there, and brings one of an earlier version up to date.

        Raises `ConfigError` for a file that others may read, that is no ledger, or whose folder cannot be written.
        """
        super().__init__(keys=keys, clock=clock, randomness=randomness)
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        _make(path)
        try:
            self._connect()
        except sqlite3.Error as error:
            raise ConfigError(schema.SETTING, f"{path} cannot be opened as a ledger: {error}") from error

    @property
    def name(self) -> str:
        return str(self.path)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Sql]:
        with SqliteReader(self.path, self.keys).snapshot() as sql:
            yield sql

    def of(self, tenant: str) -> Store:  # noqa: ARG002
        """Itself: whoever may open the file may read all of it, so that it belongs to one who is trusted by every tenant."""
        return self

    def scrub(self) -> bool:
        """Empty the write-ahead log, where pages lie as they were before. No, while somebody reads it."""
        with translated(), contextlib.closing(_writing(self.path, timeout=SCRUB_SECONDS)) as connection:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def close(self) -> None:
        with self._turn:
            self.forget()

    def forget(self) -> None:
        """Close the connection; the next transaction opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return translated()

    def _begin(self) -> _Session:
        connection = self._usable()
        connection.execute("BEGIN IMMEDIATE")
        return _Session(self, connection)

    def _usable(self) -> sqlite3.Connection:
        """The connection, opened anew if the file at the path is another one now: writes into a deleted file are lost."""
        if self._connection is None or self.path.stat().st_ino != self._inode:
            self.forget()
            self._connect()
        assert self._connection is not None
        return self._connection

    def _connect(self) -> None:
        connection = _writing(self.path)
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise ConfigError(schema.SETTING, f"{self.path} lies where SQLite cannot keep a WAL; use a local disk")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            schema.apply(connection, str(self.path), self.keys)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, self.path.stat().st_ino


def version_of_file(path: Path) -> int:
    """The version of its tables. Raises `ConfigError`."""
    if not path.is_file():
        raise ConfigError(schema.SETTING, f"{path} does not exist")
    with translated(), contextlib.closing(_writing(path)) as connection:
        return schema.version_of(connection, str(path))


def bring_file(path: Path, *, to: int, keys: BodyKeys | None) -> int:
    """Bring the tables of a file to a version, forward or back; what it was before. Raises `ConfigError`."""
    if not path.is_file():
        raise ConfigError(schema.SETTING, f"{path} does not exist")
    with translated(), contextlib.closing(_writing(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA secure_delete = ON")
        version = schema.version_of(connection, str(path))
        if version != to:
            schema.bring(connection, version=version, to=to, keys=keys)
        return version


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """SQLite's and the disk's errors in our words: whatever keeps the ledger from answering is `Unavailable`."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise  # a mistake of ours, not the file's state
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise Unavailable(f"the ledger does not answer: {name}") from error
    except OSError as error:
        raise Unavailable(f"the ledger's file cannot be used: {error.strerror}") from error


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read, inside one read transaction."""
    connection = sqlite3.connect(_uri(path, "ro"), uri=True, timeout=LOCK_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.text_factory = _text
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        schema.check(connection, str(path))
        yield connection
    finally:
        connection.close()


def _text(data: bytes) -> str:
    """What a column holds, whatever somebody has put there: what is no text can be made bytes again."""
    return data.decode("utf-8", "surrogateescape")


def _writing(path: Path, *, timeout: float = LOCK_SECONDS) -> sqlite3.Connection:
    connection = sqlite3.connect(
        _uri(path, "rw"), uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    return connection


def _make(path: Path) -> None:
    """An empty file for its owner only, unless there is one; SQLite gives the files beside it the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        status = path.stat()
    except OSError as error:
        raise ConfigError(schema.SETTING, f"{path}: {error.strerror or 'cannot be used'}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(schema.SETTING, f"{path} is not a regular file")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigError(schema.SETTING, f"{path} has mode {mode:04o}, so others may use it; run: chmod 600 {path}")


def _uri(path: Path, mode: str) -> str:
    return f"{path.absolute().as_uri()}?mode={mode}"

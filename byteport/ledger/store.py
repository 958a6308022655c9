"""The ledger's SQLite file: opened, kept to its owner, and written in one transaction at a time.

WAL, so that readers never wait; `BEGIN IMMEDIATE`, so that a transaction sees the last one's end before it decides;
`synchronous=FULL`, so that an intent that was answered survives a power cut. Methods block: `acts` calls them in threads.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from byteport.errors import ConfigError, Unavailable
from byteport.ledger import schema

Clock = Callable[[], datetime]
"""Gives the present moment, with a zone; `activities/clock.py` or a simulated cluster's own."""
Randomness = Callable[[int], bytes]
"""Gives so many unpredictable bytes; `secrets.token_bytes` in `workers/wiring.py`."""

LOCK_SECONDS = 4.0
"""How long a transaction waits for another process's; less than the acts' deadline of 10 s."""


@dataclass(frozen=True)
class Transaction:
    """An open transaction, the moment at which it got its turn, and chance."""

    sql: sqlite3.Connection
    now: datetime
    randomness: Randomness


class Store:
    """One ledger file. Safe to share among threads; several processes may open the same file."""

    def __init__(self, path: Path, *, clock: Clock, randomness: Randomness) -> None:
        """Opens `path`, making it with mode 0600 if it is not there.

        Raises `ConfigError` for a file that others may read, that is no ledger, or whose folder cannot be written.
        """
        self.path = path
        self._clock = clock
        self._randomness = randomness
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        _make(path)
        try:
            with self._turn:
                self._connect()
        except sqlite3.Error as error:
            raise ConfigError(schema.SETTING, f"{path} cannot be opened as a ledger: {error}") from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything inside is committed together, or not at all. Raises `Unavailable` when the file cannot be used."""
        with self._turn, translated():
            connection = self._usable()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(connection, self._clock(), self._randomness)
                connection.execute("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A read-only view of one moment, which nobody waits for. Raises `Unavailable` when the file cannot be read."""
        with snapshot(self.path) as connection:
            yield connection

    def close(self) -> None:
        with self._turn:
            self._forget()

    def _usable(self) -> sqlite3.Connection:
        """The connection, opened anew if the file at the path is another one now: writes into a deleted file are lost."""
        if self._connection is None or self.path.stat().st_ino != self._inode:
            self._forget()
            self._connect()
        assert self._connection is not None
        return self._connection

    def _connect(self) -> None:
        connection = sqlite3.connect(
            _uri(self.path, "rw"), uri=True, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise ConfigError(schema.SETTING, f"{self.path} lies where SQLite cannot keep a WAL; use a local disk")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            schema.apply(connection, str(self.path))
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, self.path.stat().st_ino

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._forget()

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextlib.contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only view of one moment, for whoever has no `Store`. Raises `Unavailable` when it cannot be read."""
    with translated(), reading(path) as connection:
        yield connection


def must_be_readable(path: Path) -> None:
    """Raises `Unavailable` unless a ledger of ours can be read at `path` now, `ConfigError` for one that is none."""
    with snapshot(path):
        return


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read, inside one read transaction."""
    connection = sqlite3.connect(_uri(path, "ro"), uri=True, timeout=LOCK_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        schema.check(application, version, str(path))
        yield connection
    finally:
        connection.close()


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

"""What a store of the log is, whichever database is behind it: transactions, snapshots, and rows that go in at the end.

`sqlite` and `postgres` are the two; `opening` chooses by the settings. Whoever acts on the ledger writes its statements
once: parameters are `?` or `:name`, rows are read by name and by index. Methods block: `acts` calls them in threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from byteport.audit.heads import Chain
from byteport.ledger.keys import BodyKeys

Clock = Callable[[], datetime]
"""Gives the present moment, with a zone; `activities/clock.py` or a simulated cluster's own."""
Randomness = Callable[[int], bytes]
"""Gives so many unpredictable bytes; `secrets.token_bytes` in `workers/wiring.py`."""
Parameters = Sequence[Any] | Mapping[str, Any]

LOCK_SECONDS = 4.0
"""How long a transaction waits for another process's; less than the acts' deadline of 10 s."""


class Rows(Protocol):
    """The answer to one statement. A row is read by name, by index, and as a sequence."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Sql(Protocol):
    """A database inside a transaction."""

    def execute(self, statement: str, parameters: Parameters = (), /) -> Rows: ...

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]], /) -> None: ...

    def stream(self, statement: str, parameters: Parameters = (), /) -> Iterator[Any]:
        """Rows one after the other, however many: never all of them in memory."""


class Head(NamedTuple):
    """The end of a chain: `seq` is 0 before its first record."""

    seq: int
    hash: str
    stamp_ms: int


class StoredRow(NamedTuple):
    """One record as it is stored: the header as it was hashed, and the body encrypted, or None where there is none."""

    seq: int
    header: str
    hash: str
    stamp_ms: int
    body: bytes | None
    indexes: tuple[bytes | None, ...]
    """Of the body's searchable fields, in the order of `sealing.SEARCHABLE`."""


class Chains(Protocol):
    """The only way to the log's own tables that changes them, inside a transaction."""

    def head(self, chain: Chain) -> Head:
        """The end of a chain, which nobody else moves before this transaction ends."""

    def add(self, chain: Chain, rows: Sequence[StoredRow]) -> None:
        """Put rows after the head and move it. The database itself checks that they fit."""

    def destroy(self, chain: Chain, seq: int, ranges: Sequence[tuple[int, int]]) -> int:
        """Destroy the bodies of `ranges`, which record `seq`, the last of the chain, says are gone. How many there were."""

    def destroy_named(self, chain: Chain, seqs: Sequence[int]) -> int:
        """Destroy the bodies of `seqs`, which records of the chain have named before (`due`). How many there were."""


@dataclass(frozen=True)
class Transaction:
    """An open transaction, the moment at which it got its turn, chance, and the keys of bodies."""

    sql: Sql
    chains: Chains
    now: datetime
    randomness: Randomness
    keys: BodyKeys | None
    """None in a process that neither writes nor reads bodies."""


class Readable(Protocol):
    """A store as those see it who only read."""

    @property
    def name(self) -> str:
        """For people: the file, or the database without its password."""

    @property
    def keys(self) -> BodyKeys | None: ...

    def snapshot(self) -> AbstractContextManager[Sql]: ...


class Store(ABC):
    """One tenant's ledger. Safe to share among threads; several processes may use the same one."""

    keys: BodyKeys | None

    @property
    @abstractmethod
    def name(self) -> str:
        """For people: the file, or the database without its password."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """Everything inside is committed together, or not at all. Raises `Unavailable` when the store cannot be used.

        Those who want one at the same time get their turns one after the other and may share a commit: each returns
        only when what it did is on disk, and what one of them takes back takes nothing from the others.
        """

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Sql]:
        """A read-only view of one moment, which nobody waits for. Raises `Unavailable` when the store cannot be read."""

    @abstractmethod
    def of(self, tenant: str) -> Store:
        """The same database for another tenant, whose rows are all that it then shows."""

    def scrub(self) -> bool:
        """See to it that what was deleted lies in none of the store's own files any more; whether that is so.

        Called after bodies or names were destroyed, and again for as long as it is not so. Where the database itself decides
        when freed space is written over, there is nothing to do.
        """
        return True

    @abstractmethod
    def close(self) -> None: ...

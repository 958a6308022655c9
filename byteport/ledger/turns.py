"""Transactions of one process that want to happen at the same time: each in its turn, and one commit for all of them.

A commit waits for the disk, so that whoever comes while others are at it joins them. The first opens the database's
transaction; each later one works behind a savepoint of its own, so that what it takes back is only its own; the last,
behind whom nobody waits, commits; and nobody's call returns before that. `sqlite` and `postgres` build on it.
"""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from byteport.ledger.keys import BodyKeys
from byteport.ledger.store import Chains, Clock, Randomness, Sql, Store, Transaction

MOST = 100
"""So many share a commit at most, so that the first of them does not wait for ever."""
LOOK_SECONDS = 0.5


class Session(Protocol):
    """A transaction of the database that is open."""

    @property
    def sql(self) -> Sql: ...

    @property
    def chains(self) -> Chains: ...

    def commit(self) -> None: ...

    def roll_back(self) -> None:
        """Never raises: what cannot be rolled back is given up."""


class _Shared:
    """One transaction of the database, for several of ours."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.members = 0
        self.over = threading.Event()
        self.error: Exception | None = None

    def end(self, error: Exception | None = None) -> None:
        self.error = error
        self.over.set()


class Turns(Store, ABC):
    """A store whose transactions share commits."""

    def __init__(self, *, keys: BodyKeys | None, clock: Clock, randomness: Randomness) -> None:
        self.keys = keys
        self._clock = clock
        self._randomness = randomness
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0
        self._shared: _Shared | None = None

    @abstractmethod
    def _begin(self) -> Session:
        """Open a transaction of the database. Called by one thread at a time."""

    @abstractmethod
    def _translated(self) -> contextlib.AbstractContextManager[None]:
        """The database's errors in our words."""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._translated():
            shared = self._enter()
            try:
                yield self._of(shared, self._clock())
            except BaseException:
                self._take_back(shared)
                self._leave(shared)
                raise
            self._keep(shared)
            self._leave(shared)
            self._await(shared)

    def _of(self, shared: _Shared, now: datetime) -> Transaction:
        return Transaction(shared.session.sql, shared.session.chains, now, self._randomness, self.keys)

    def _enter(self) -> _Shared:
        """Wait for the turn, which the caller then holds; open a transaction of the database, or join the one that is open."""
        with self._count:
            self._waiting += 1
        try:
            self._turn.acquire()
        finally:
            with self._count:
                self._waiting -= 1
        try:
            shared = self._shared
            if shared is None:
                shared = self._shared = _Shared(self._begin())
            else:
                self._joined(shared)
            shared.members += 1
        except BaseException:
            self._turn.release()
            raise
        return shared

    def _joined(self, shared: _Shared) -> None:
        try:
            shared.session.sql.execute("SAVEPOINT mine")
        except Exception as error:
            self._give_up(shared, error)
            raise

    def _keep(self, shared: _Shared) -> None:
        if shared.members == 1 or shared.over.is_set():
            return
        try:
            shared.session.sql.execute("RELEASE SAVEPOINT mine")
        except Exception as error:
            self._give_up(shared, error)
            self._turn.release()
            raise

    def _take_back(self, shared: _Shared) -> None:
        """What this turn did, and nothing of the others'; all of it, when it was the first or the database is gone."""
        if shared.members == 1:
            self._give_up(shared, None)
            return
        try:
            shared.session.sql.execute("ROLLBACK TO SAVEPOINT mine")
            shared.session.sql.execute("RELEASE SAVEPOINT mine")
        except Exception as error:  # noqa: BLE001  whatever it is, nobody of this transaction may believe in a commit
            self._give_up(shared, error)

    def _give_up(self, shared: _Shared, error: Exception | None) -> None:
        shared.session.roll_back()
        self._shared = None
        shared.end(error)

    def _leave(self, shared: _Shared) -> None:
        """Hand the turn on; commit first when nobody waits for it."""
        try:
            with self._count:
                last = self._waiting == 0
            if not shared.over.is_set() and (last or shared.members >= MOST):
                self._commit(shared)
        finally:
            self._turn.release()

    def _commit(self, shared: _Shared) -> None:
        self._shared = None
        try:
            shared.session.commit()
        except Exception as error:  # noqa: BLE001  it is raised again to every member, in its own thread
            shared.session.roll_back()
            shared.end(error)
        else:
            shared.end()

    def _await(self, shared: _Shared) -> None:
        """Until it is committed. Should the one who was to commit have vanished, whoever waits does."""
        while not shared.over.wait(LOOK_SECONDS):
            if self._turn.acquire(blocking=False):
                try:
                    if not shared.over.is_set():
                        self._commit(shared)
                finally:
                    self._turn.release()
        if shared.error is not None:
            raise shared.error

"""The host that plays go to now: fresh for each run of the suite, and another one when it stops answering.

A server that has served hundreds of plays on a busy machine may stand still. What was being played then says nothing of
the agent, so it is played once more on a fresh host, and both are told. Comes after `hosts.py`; `suite.py` plays on it.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from temporalio.service import RPCError, RPCStatusCode

from byteport.errors import Unavailable
from tests.scenarios.judge import Judgement
from tests.scenarios.model import Scenario
from tests.scenarios.run import NotBegun

SILENT = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
"""What a call says that nobody answered."""


class Host(Protocol):
    """Gives each scenario its cluster and its agent."""

    async def play(self, scenario: Scenario) -> Judgement: ...

    async def answers(self) -> bool:
        """Whether everything that it is made of still does."""
        ...


Opens = Callable[[int], AbstractAsyncContextManager[Host]]
"""Starts the host of that number, and ends it."""


class Tried(NamedTuple):
    """One attempt to play a scenario."""

    judgement: Judgement
    gone: str = ""
    """Why it is the host that could not play it; empty otherwise."""


class Standing:
    """See the module. Hosts are started when a play asks for one; all are ended at the end."""

    def __init__(self, opens: Opens) -> None:
        self._opens = opens
        self._lock = asyncio.Lock()
        self._now: _Stand | None = None
        self._stands: list[_Stand] = []

    @property
    def started(self) -> int:
        """How many hosts there have been."""
        return len(self._stands)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for stand in self._stands:
            await stand.end()

    async def play(self, scenario: Scenario) -> Tried:
        """On the host of now. A scenario that cannot even be played is wrong, and says why."""
        began = time.monotonic()
        try:
            async with self._host() as host:
                try:
                    return Tried(await host.play(scenario))
                except Exception as error:  # noqa: BLE001  one scenario must not end the suite
                    gone = _nobody_answered(error) or not await host.answers()
                    if gone:
                        self._leave(host)
                    return _unplayed(scenario, error, began, gone=gone)
        except Exception as error:  # noqa: BLE001  nor a host that does not start
            return _unplayed(scenario, error, began, gone=True)

    @asynccontextmanager
    async def _host(self) -> AsyncIterator[Host]:
        """Kept until the play is over, though others have left it meanwhile."""
        async with self._lock:
            if self._now is None:
                stand = _Stand(self._opens(self.started + 1))
                self._stands.append(stand)
                await stand.begin()
                self._now = stand
            stand = self._now
            stand.plays += 1
        try:
            yield stand.host
        finally:
            stand.plays -= 1
            if stand is not self._now and not stand.plays:
                await stand.end()

    def _leave(self, host: Host) -> None:
        """The next play gets another one, unless somebody else has seen to that already."""
        if self._now is not None and self._now.host is host:
            self._now = None


class _Stand:
    """One host, begun and ended in a task of its own, whoever asks for it."""

    host: Host

    def __init__(self, opened: AbstractAsyncContextManager[Host]) -> None:
        self.plays = 0
        self._opened = opened
        self._over = asyncio.Event()
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Raises what keeps it from starting."""
        self._task = asyncio.create_task(self._stand())
        waiting = asyncio.create_task(self._ready.wait())
        await asyncio.wait({self._task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            self._task.result()

    async def end(self) -> None:
        """A host that is gone may not end well; what was played on it has been judged already."""
        self._over.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _stand(self) -> None:
        async with self._opened as self.host:
            self._ready.set()
            await self._over.wait()


def _nobody_answered(error: Exception) -> bool:
    silent = isinstance(error, RPCError) and error.status in SILENT
    return silent or isinstance(error, NotBegun | Unavailable | ConnectionError)


def _unplayed(scenario: Scenario, error: Exception, began: float, *, gone: bool) -> Tried:
    where = traceback.extract_tb(error.__traceback__)[-1]
    why = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    wrong = (f"could not be played: {why}",)
    judgement = Judgement(scenario, False, wrong, (), "nothing", seconds=time.monotonic() - began)
    return Tried(judgement, why if gone else "")

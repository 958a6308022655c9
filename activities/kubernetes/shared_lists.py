"""One list for all who ask for the same at the same time, so that a storm of looks is no storm of lists.

Hundreds of targets of one namespace are looked at together, and each look reads all of it. Whoever asks while a list is
under way waits for the next one and shares it with the others who wait: so nobody is given what was read before they asked,
which is what an act relies on. Comes after the port, before `reads.py` and `shared_namespaces.py`. What is given is shared:
nobody may change it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from byteport.kubernetes.port import ClusterPort, Listed, Resource

PATIENCE = 2.0
"""Seconds that the next list waits at most for the one before it; a hung one must not hold up who asks later."""


Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class _Round(Generic[Answer]):
    """One answer, and how many wait for it."""

    def __init__(self, task: asyncio.Task[Answer]) -> None:
        self.task = task
        self.waiting = 0


class Sharing(Generic[Question, Answer]):
    """What `ask` answers, for all who ask the same at the same time."""

    def __init__(self, ask: Callable[[Question], Awaitable[Answer]]) -> None:
        self._asks = ask
        self._under_way: dict[Question, asyncio.Task[Answer]] = {}
        self._free_at: dict[Question, float] = {}
        """On the loop's clock: when so long has passed since the last answer as it took."""
        self._next: dict[Question, _Round[Answer]] = {}

    async def answer(self, question: Question) -> Answer:
        """As `ask` was answered at some moment after this was called; errors are its own, for all who share it."""
        coming = self._next.get(question)
        if coming is None:
            coming = _Round(asyncio.create_task(self._ask(question, self._under_way.get(question))))
            self._next[question] = coming
        coming.waiting += 1
        try:
            return await asyncio.shield(coming.task)
        finally:
            coming.waiting -= 1
            if coming.waiting == 0 and not coming.task.done():
                self._give_up(question, coming)

    async def _ask(self, question: Question, before: asyncio.Task[Answer] | None) -> Answer:
        await asyncio.sleep(0)  # who asks in this same moment is part of it
        if before is not None:
            await asyncio.wait([before], timeout=PATIENCE)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._free_at.get(question, 0) - loop.time())
        mine = self._next.pop(question).task
        self._under_way[question], began = mine, loop.time()
        try:
            return await self._asks(question)
        finally:
            if self._under_way.get(question) is mine:
                del self._under_way[question]
            self._rest(question, loop.time(), loop.time() - began)

    def _rest(self, question: Question, now: float, took: float) -> None:
        """At most half of the time is spent on one question: what takes long to read is asked for by the more at once."""
        self._free_at = {other: at for other, at in self._free_at.items() if at > now}
        self._free_at[question] = now + min(took, PATIENCE)

    def _give_up(self, question: Question, round_: _Round[Answer]) -> None:
        """Nobody waits any more."""
        if self._next.get(question) is round_:
            del self._next[question]
        round_.task.cancel()


class _Question(NamedTuple):
    resource: Resource
    namespace: str
    fields: str


class SharedLists:
    """The lists of one port, for the looks of one worker."""

    def __init__(self, cluster: ClusterPort) -> None:
        self._cluster = cluster
        self._sharing = Sharing(self._ask)

    async def list(self, resource: Resource, namespace: str, *, fields: str = "") -> Listed:
        """All objects, as they were at some moment after this was called; errors are the port's."""
        return await self._sharing.answer(_Question(resource, namespace, fields))

    async def _ask(self, question: _Question) -> Listed:
        return await self._cluster.list(question.resource, question.namespace, fields=question.fields)

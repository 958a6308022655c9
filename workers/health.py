"""Whether this process lives and can work, as a kubelet asks it: what has died, what it waits for, what does not answer.

`start.py` fills it while a process starts; `health_endpoint.py` serves it. Alive is everything that was begun and is still
going; ready is alive, with Temporal and the ledger answering now, the boundary looked at once, and no stop asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from enum import StrEnum

from byteport.errors import BytePortError

ANSWER_SECONDS = 2.0
"""How long an answer is waited for; less than a kubelet waits for ours."""
BELIEVED_SECONDS = 1.0
"""How long an answer is believed, so that whoever asks us often does not ask others as often."""

Question = Callable[[], Awaitable[None]]
"""Asks something outside of this process; raises one of our errors when it does not answer as it must."""


class Part(StrEnum):
    """What a process needs before it can work, each in the word that a probe's answer has for it."""

    TEMPORAL = "temporal"
    LEDGER = "ledger"
    BOUNDARY = "boundary"
    QUEUES = "queues"


class Health:
    """Of one process."""

    def __init__(self, stop: asyncio.Event, awaited: Collection[Part], asked: Mapping[Part, Question]) -> None:
        """`awaited` must each be reached once; `asked` must each answer whenever it is looked."""
        self._stop = stop
        self._awaited = set(awaited)
        self._asked = {part: _Asked(question) for part, question in asked.items()}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def lives_by(self, name: str, task: asyncio.Task[None]) -> None:
        """A task that must go on until the process is told to stop."""
        self._tasks[name] = task

    def reached(self, part: Part) -> None:
        """It was waited for, and is there."""
        self._awaited.discard(part)

    def deaths(self) -> list[str]:
        """What ended though nobody asked for it, a line each; none while the process drains, when everything ends."""
        if self._stop.is_set():
            return []
        return [f"{name}: has ended" for name, task in self._tasks.items() if task.done()]

    async def lacks(self) -> list[str]:
        """What keeps the process from taking work now, a line each."""
        if self._stop.is_set():
            return ["draining: no new work is taken"]
        waits = [f"{part.value}: not yet" for part in Part if part in self._awaited]
        answers = await asyncio.gather(*(one.answer() for one in self._asked.values()))
        silent = [f"{part.value}: {said}" for part, said in zip(self._asked, answers, strict=True) if said]
        return [*self.deaths(), *waits, *silent]

    async def close(self) -> None:
        """Give up the questions that nobody has answered."""
        await asyncio.gather(*(one.close() for one in self._asked.values()))


class _Asked:
    """One question, asked at most once at a time: a disk that hangs holds one thread, however often we are asked."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._answer: asyncio.Task[str] | None = None
        self._asked_at = 0.0

    async def answer(self) -> str:
        """Empty when it answered as it must."""
        now = asyncio.get_running_loop().time()
        if self._answer is None or (self._answer.done() and now - self._asked_at > BELIEVED_SECONDS):
            self._asked_at = now
            self._answer = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({self._answer}, timeout=ANSWER_SECONDS)
        return self._answer.result() if done else "does not answer"

    async def close(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
            await asyncio.gather(self._answer, return_exceptions=True)

    async def _ask(self) -> str:
        try:
            await self._question()
        except BytePortError as error:
            return f"does not answer ({error.code})"
        return ""

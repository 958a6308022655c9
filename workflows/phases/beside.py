"""Acts that a run does beside its story, without waiting for them: each wakes the run when it is done.

What fails is logged and given up; a run that must not end before they have asks `idle`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from byteport.errors import BytePortError
from temporalio import workflow


class Beside:
    """The jobs of one run."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._jobs: list[asyncio.Task[None]] = []
        self._last: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        self._jobs = [job for job in self._jobs if not job.done()]
        return not self._jobs

    def do(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Do it now."""
        job = asyncio.create_task(self._done(work))
        self._jobs.append(job)
        return job

    def do_in_turn(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do it when what was begun so before is done."""
        before = self._last

        async def in_turn() -> None:
            if before is not None:
                await workflow.wait([before])
            await work()

        self._last = self.do(in_turn())

    async def _done(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except BytePortError as error:
            workflow.logger.error("could not be done: %s", error.code)
        finally:
            self._wake()

"""An event loop whose time is virtual: nobody waits, and hours of pauses are a second. For code that does no real I/O."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Skipping(asyncio.SelectorEventLoop):
    """Nobody waits: as soon as nothing is to be done, it is the time of what comes next."""

    def __init__(self) -> None:
        super().__init__(_Selector(self))
        self.now = 0.0

    def time(self) -> float:
        return self.now


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: Skipping) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout:
            self._loop.now += timeout
        return super().select(0)


def skipping(main: Coroutine[Any, Any, Answer]) -> Answer:
    """What `main` returns."""
    with asyncio.Runner(loop_factory=Skipping) as runner:
        return runner.run(main)

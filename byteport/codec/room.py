"""Room for bodies: while one is opened it is there five times over, so that as many at once as may be answered would not fit.

Comes before `app`, which takes room for a body before it reads it and until its answer is sent. Small ones, which nearly all are,
find room beside each other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from byteport.serving.problems import Code, Problem

BODIES = 2
"""Of the largest there may be, held at once."""


class Room:
    """Of one process."""

    def __init__(self, largest: int, seconds: float) -> None:
        """`largest` is that of a body, in bytes; nobody waits longer than `seconds` for room."""
        self._largest = largest
        self._seconds = seconds
        self._left = BODIES * largest
        self._given_back = asyncio.Event()

    @contextlib.asynccontextmanager
    async def holding(self, length: str | None) -> AsyncIterator[None]:
        """While inside, there is room for a body whose `Content-Length` this is. Raises `Problem` where there is none in time."""
        size = self._size(length)
        try:
            async with asyncio.timeout(self._seconds):
                while self._left < size:
                    self._given_back.clear()
                    await self._given_back.wait()
        except TimeoutError:
            raise Problem(Code.BUSY, "come again in a second", retry_after=1) from None
        self._left -= size
        try:
            yield
        finally:
            self._left += size
            self._given_back.set()

    def _size(self, length: str | None) -> int:
        """One that says none, or too much, may become the largest before it is refused."""
        if length is None or not length.isdecimal() or len(length) > len(str(self._largest)):
            return self._largest
        return min(int(length), self._largest)

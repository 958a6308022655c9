"""How hard the API server is asked: a pace for what nobody waits for, and patience where it puts us off.

`streams.py` is patient, `second_looks.py` and `metric_sightings.py` are both, so that together they stay below what a
cluster at rest is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from byteport.errors import TemporaryError, Throttled

ATTEMPTS = 3
"""At a page that does not come: whoever begins again has to begin with the first."""
PAUSE_SECONDS = 1.0

Answer = TypeVar("Answer")


class Pace:
    """Turns, one every `seconds`; an unused one is not saved for later."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    async def wait(self) -> None:
        """Until it is the caller's turn."""
        clock = asyncio.get_running_loop().time
        turn = max(clock(), self._next)
        self._next = turn + self._seconds
        await asyncio.sleep(turn - clock())


async def patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask again while the server puts us off, each time after the delay that it gave; of other failures only a few times."""
    failed = 0
    while True:
        try:
            return await ask()
        except TemporaryError as error:
            failed += not isinstance(error, Throttled)
            if failed == ATTEMPTS:
                raise
            await asyncio.sleep(pause_of(error))


def pause_of(error: TemporaryError) -> float:
    """Seconds, as the server asks, and never so few that asking again is a load of its own."""
    return max(PAUSE_SECONDS, error.delay.total_seconds() if error.delay is not None else 0.0)

"""One batch given to one receiver, in the time that there is: before the call that ships is given up, it is known what was taken.

Comes after `target.py`, before `ship.py`, which moves the cursor by what is said here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from temporalio import activity

from activities.export.target import Batch, Shipped, Target
from byteport.contracts.export import SHIP
from byteport.errors import Unavailable

LONGEST_SECONDS = 60.0
"""After so long a call returns what it has done; the run sees how far it is, and calls again."""
LONGEST_BATCH_SECONDS = (SHIP.deadline - timedelta(seconds=30)).total_seconds() - LONGEST_SECONDS
"""After so long a receiver that has not said a word to a batch counts as not answering. A call that begins its last batch when
its time is nearly over ends before Temporal gives it up, whatever the receiver does."""
BEAT_SECONDS = 10.0


class Receiver:
    """The receiver of one call: made at its first batch."""

    def __init__(self, maker: Callable[[], Target]) -> None:
        self._maker = maker
        self._made: Target | None = None

    async def ship(self, batch: Batch) -> Shipped:
        self._made = self._made or self._maker()
        return await self._made.ship(batch)

    async def close(self) -> None:
        if self._made is not None:
            await self._made.close()


async def give(receiver: Receiver, batch: Batch) -> Shipped:
    """What the receiver says to the batch, in the time that there is; a claim to hold what it was not sent is none."""
    shipping = asyncio.ensure_future(receiver.ship(batch))
    ends = time.monotonic() + LONGEST_BATCH_SECONDS
    try:
        while not shipping.done():
            activity.heartbeat()
            await asyncio.wait({shipping}, timeout=min(BEAT_SECONDS, LONGEST_BATCH_SECONDS))
            if not shipping.done() and time.monotonic() >= ends:
                raise Unavailable(f"a receiver has said nothing to a batch for {LONGEST_BATCH_SECONDS:.0f} s")
    finally:
        shipping.cancel()  # where this call itself was cancelled; one that is done stays done
    got = await shipping
    if not batch.first - 1 <= got.last <= batch.last or (batch.lines and got.last < batch.first):
        raise Unavailable(f"a receiver says that it holds records up to {got.last}, which it was not sent")
    return got

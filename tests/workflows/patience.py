"""Waiting for what must come, with an end: never a sleep for luck."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from byteport.contracts.people import Notice
from tests.workflows.world import World

PATIENCE_SECONDS = 60.0
"""Of real time, after which a test says what it waited for in vain."""
LOOK_EVERY_SECONDS = 0.02

Seen = TypeVar("Seen")


async def until(look: Callable[[], Seen | None], what: str) -> Seen:
    """What `look` gives, once it gives something."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if seen := look():
            return seen
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    raise AssertionError(f"never seen: {what}")


async def until_so(look: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until `look` says yes."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if await look():
            return
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    raise AssertionError(f"never so: {what}")


async def paged(world: World, rung: int = 1, *, phase: str = "") -> Notice:
    """The page of one rung (in one phase), once it has been delivered."""
    return (await until(lambda: [n for n in world.notices if n.rung == rung and phase in n.key], f"page {rung}"))[-1]

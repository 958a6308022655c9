"""Room for bodies: as much at once as a small process holds, for whoever comes, and nobody waits for it for ever."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from byteport.codec.room import BODIES, Room
from byteport.serving.problems import Code, Problem

LARGEST = 1000


async def held(room: Room, until: asyncio.Event, length: str | None, inside: list[str | None]) -> None:
    async with room.holding(length):
        inside.append(length)
        await until.wait()


@pytest.mark.parametrize("length", [None, str(LARGEST), "9" * 20, "many"])
async def test_of_the_largest_there_are_so_many_at_once_and_the_next_comes_in_when_one_is_gone(
    length: str | None,
) -> None:
    room, until, inside = Room(LARGEST, 60), asyncio.Event(), list[str | None]()
    asking = [asyncio.create_task(held(room, until, length, inside)) for _ in range(BODIES + 3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(inside) == BODIES
    until.set()
    await asyncio.gather(*asking)
    assert len(inside) == BODIES + 3


async def test_small_ones_are_held_beside_each_other_and_beside_a_large_one() -> None:
    room, until, inside = Room(LARGEST, 60), asyncio.Event(), list[str | None]()
    lengths = [str(LARGEST), *["10"] * 100, "0"]
    asking = [asyncio.create_task(held(room, until, length, inside)) for length in lengths]
    await asyncio.sleep(0)
    assert len(inside) == len(lengths)
    until.set()
    await asyncio.gather(*asking)


async def test_whoever_finds_no_room_in_time_is_told_to_come_again_and_takes_none() -> None:
    room, until, inside = Room(LARGEST, 0.001), asyncio.Event(), list[str | None]()
    asking = [asyncio.create_task(held(room, until, None, inside)) for _ in range(BODIES)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as refused:
        await held(room, until, None, inside)
    assert (refused.value.code, refused.value.retry_after) == (Code.BUSY, 1)
    for task in asking:  # whoever is gone before it ends gives its room back, too
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    until.set()
    await asyncio.gather(*(held(room, until, None, inside) for _ in range(BODIES)))

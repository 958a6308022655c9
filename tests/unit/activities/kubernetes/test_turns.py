"""Whose turn it is to be measured: everyone's, and between the others those in which something is near its limit."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any, cast

from activities.kubernetes.paced import Pace
from activities.kubernetes.second_looks import LOOKS, SecondLooks
from byteport.errors import Throttled
from tests.builders.skipping import skipping

EVERY = 60.0
NAMES = [f"team-{number:03}" for number in range(200)]


class Measured:
    """Looks that take two requests each, and what is hot."""

    def __init__(self, pace: Pace, hot: frozenset[str], failing: str = "") -> None:
        self.looks: list[tuple[float, str]] = []
        self.hot = hot
        self._pace, self._failing = pace, failing

    async def look(self, namespace: str) -> None:
        self.looks.append((asyncio.get_running_loop().time(), namespace))
        for _ in range(2):
            await self._pace.wait()
        if namespace == self._failing:
            raise Throttled("not now")


class Enabled:
    names = frozenset(NAMES)


def looks(seconds: float, hot: frozenset[str], failing: str = "") -> list[tuple[float, str]]:
    async def run() -> list[tuple[float, str]]:
        pace = Pace(EVERY / LOOKS)
        measured = Measured(pace, hot, failing)
        nobody = cast("Any", None)
        again = SecondLooks(
            nobody,
            pace,
            cast("Any", Enabled()),
            nobody,
            cast("Any", measured),
            nobody,
            kinds={},
            dispensable=frozenset(),
            by_namespace=False,
        )
        task = asyncio.create_task(again.keep_measuring(EVERY))
        await asyncio.sleep(seconds)
        task.cancel()
        return measured.looks

    return skipping(run())


def test_each_namespace_has_its_turn_and_none_a_second_before_all_have_had_one() -> None:
    order = [name for _, name in looks(2500, frozenset())]
    assert sorted(order[: len(NAMES)]) == NAMES
    assert order[len(NAMES) : 2 * len(NAMES)] == order[: len(order) - len(NAMES)][: len(NAMES)]


def test_one_in_which_something_is_hot_comes_every_minute_or_two_and_the_others_still_have_their_turn() -> None:
    seen = looks(2500, frozenset({"team-150"}))
    times = [at for at, name in seen if name == "team-150"]
    assert max(later - earlier for earlier, later in pairwise(times)) <= 2 * EVERY
    assert {name for _, name in seen} == set(NAMES)


def test_a_look_that_fails_for_now_ends_nothing() -> None:
    assert {name for _, name in looks(2500, frozenset(), failing="team-000")} == set(NAMES)


def test_whoever_asks_nothing_is_asked_before_its_turn() -> None:
    async def run() -> list[float]:
        pace, turns = Pace(2.5), list[float]()

        async def asks() -> None:
            for _ in range(3):
                await pace.wait()
                turns.append(asyncio.get_running_loop().time())

        await asyncio.gather(asks(), asks())
        return turns

    assert skipping(run()) == [0, 2.5, 5, 7.5, 10, 12.5]

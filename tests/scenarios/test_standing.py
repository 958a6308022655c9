"""Which host a play has: a fresh one for each run, another when it is gone, and never without a word of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from byteport.errors import Unavailable
from tests.builders.sampled import one_in
from tests.scenarios.judge import Judgement
from tests.scenarios.model import Cluster, Row, Scenario, Silent
from tests.scenarios.report import all_right, lines, summary
from tests.scenarios.run import NotBegun
from tests.scenarios.suite import Played, played_once

pytestmark = pytest.mark.asyncio

GONE = Unavailable("nobody is there")


class FakeHost:
    """Plays as its world says, and notes what it is asked."""

    def __init__(self, number: int, world: FakeWorld) -> None:
        self._number = number
        self._world = world

    async def play(self, scenario: Scenario) -> Judgement:
        self._world.plays.append((self._number, scenario.name))
        await self._world.happens(self._number, scenario.name)
        return Judgement(scenario, True, (), (), "nothing")

    async def answers(self) -> bool:
        return self._number not in self._world.dead


class FakeWorld:
    """Hosts by number: which were started and ended, and what happens to a play on each."""

    def __init__(self, happens: Callable[[int, str], Awaitable[None]]) -> None:
        self.happens = happens
        self.plays: list[tuple[int, str]] = []
        self.dead: set[int] = set()
        self.started: list[int] = []
        self.ended: list[int] = []
        self.never_starts: set[int] = set()

    @asynccontextmanager
    async def open(self, number: int) -> AsyncIterator[FakeHost]:
        self.started.append(number)
        if number in self.never_starts:
            raise GONE
        yield FakeHost(number, self)
        self.ended.append(number)

    async def played(self, *names: str) -> dict[str, Played]:
        scenarios = [Scenario(name, Row.NOTHING, "Nothing.", (), Silent()) for name in names]
        done = await played_once(Cluster.SIMULATED, scenarios, 1, self.open, lambda _, __: None)
        return {one.judgement.scenario.name: one for one in done}


async def nothing(_: int, __: str) -> None:
    return None


def on_the_first(error: Exception) -> Callable[[int, str], Awaitable[None]]:
    """Host 1 answers every play with `error`."""

    async def happens(number: int, _: str) -> None:
        if number == 1:
            raise error

    return happens


async def test_a_run_has_one_host_which_is_ended_after_it() -> None:
    world = FakeWorld(nothing)
    done = await world.played("one", "two")
    assert all(one.judgement.right and not one.repeated for one in done.values())
    assert (world.started, world.ended) == ([1], [1])


@pytest.mark.parametrize("error", [GONE, NotBegun("the watch"), ConnectionResetError("reset")])
async def test_what_a_host_that_is_gone_could_not_play_is_played_once_more_on_a_fresh_one(error: Exception) -> None:
    world = FakeWorld(on_the_first(error))
    done = await world.played("one")
    assert world.plays == [(1, "one"), (2, "one")]
    assert world.ended == [1, 2]
    assert done["one"].judgement.right
    assert str(error) in done["one"].repeated


async def test_whatever_failed_counts_as_the_hosts_fault_when_it_does_not_answer() -> None:
    world = FakeWorld(on_the_first(AssertionError("waited in vain")))
    world.dead = {1}
    assert (await world.played("one"))["one"].repeated
    assert world.plays == [(1, "one"), (2, "one")]


async def test_what_fails_on_a_host_that_answers_is_wrong_and_not_played_again() -> None:
    world = FakeWorld(on_the_first(AssertionError("waited in vain")))
    one = (await world.played("one"))["one"]
    assert world.plays == [(1, "one")]
    assert (one.judgement.right, one.repeated) == (False, "")
    assert "could not be played: AssertionError: waited in vain" in one.judgement.wrong[0]


async def test_what_two_hosts_could_not_play_is_wrong() -> None:
    async def always(_: int, __: str) -> None:
        raise GONE

    world = FakeWorld(always)
    one = (await world.played("one"))["one"]
    assert world.plays == [(1, "one"), (2, "one")]
    assert not one.judgement.right
    assert one.repeated


async def test_a_host_that_does_not_start_is_replaced_too() -> None:
    world = FakeWorld(nothing)
    world.never_starts = {1}
    one = (await world.played("one"))["one"]
    assert world.plays == [(2, "one")]
    assert one.judgement.right
    assert one.repeated


async def test_plays_that_lose_one_host_together_share_the_next() -> None:
    all_there = asyncio.Barrier(3)

    async def happens(number: int, _: str) -> None:
        if number == 1:
            await all_there.wait()
            raise GONE

    world = FakeWorld(happens)
    done = await world.played("one", "two", "three")
    assert world.started == [1, 2]
    assert all(one.judgement.right and one.repeated for one in done.values())


async def test_a_host_that_is_left_is_ended_only_when_its_last_play_is_over() -> None:
    slow_may_end = asyncio.Event()

    async def happens(number: int, name: str) -> None:
        if number == 1 and name == "slow":
            await slow_may_end.wait()
        elif number == 1:
            raise GONE
        elif name == "quick":
            assert world.ended == []
            slow_may_end.set()

    world = FakeWorld(happens)
    done = await world.played("slow", "quick")
    assert done["slow"].repeated == ""
    assert done["slow"].judgement.right
    assert world.plays == [(1, "slow"), (1, "quick"), (2, "quick")]
    assert world.ended == [1, 2]


async def test_a_repeated_play_is_told_beside_the_scores() -> None:
    done = list((await FakeWorld(on_the_first(GONE)).played("one")).values())
    found = summary(done, runs=1, settle=5)
    assert all_right(done)
    assert [again["scenario"] for again in found["clusters"]["simulated"]["repeated"]] == ["one"]
    assert any(
        "one (run 1): played again on a fresh host after Unavailable: nobody is there" in x for x in lines(found)
    )


@pytest.mark.parametrize(
    ("argv", "said"),
    one_in(
        4,
        [
            (["--cluster", "other"], ["--cluster", "'all'", *(f"'{cluster}'" for cluster in Cluster)]),
            (["--runs", "0"], ["--runs", "from 1 on", "'0'"]),
            (["--runs", "two"], ["--runs", "from 1 on", "'two'"]),
            (["no-such-scenario"], ["'no-such-scenario'", "tests/scenarios/rows"]),
        ],
    ),
)
async def test_what_cannot_be_run_is_one_line_that_says_what_can(argv: list[str], said: list[str]) -> None:
    command = [sys.executable, "-m", "tests.scenarios", *argv]
    ended = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    error = ended.stderr.splitlines()[-1]
    assert all(word in error for word in said), error
    assert "Cluster." not in error

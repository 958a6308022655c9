"""All scenarios over one kind of cluster, several at a time, each so many times. Comes after `standing.py`.

Each run of the suite has a fresh host, so that the last one meets the same machine as the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.scenarios.hosts import AT_ONCE, ControlPlaneHost, SimulatedHost, temporal
from tests.scenarios.judge import Judgement
from tests.scenarios.model import Cluster, Scenario
from tests.scenarios.standing import Host, Opens, Standing

Say = Callable[[str], None]


class Played(NamedTuple):
    """One run of one scenario."""

    cluster: Cluster
    round: int
    judgement: Judgement
    repeated: str = ""
    """Why it was played a second time: what its first host said last. Empty when once was enough."""


async def played_all(
    cluster: Cluster, scenarios: Sequence[Scenario], folder: Path, *, runs: int, settle: int, say: Say
) -> list[Played]:
    """Run everything that can be shown on `cluster`, `runs` times, each time on a fresh host."""
    chosen = [scenario for scenario in scenarios if cluster in scenario.shown_on]
    done: list[Played] = []
    for number in range(1, runs + 1):
        opens = partial(_opened, cluster, folder / f"run-{number}", settle, len(chosen))
        done += await played_once(cluster, chosen, number, opens, partial(_told, say, runs * len(chosen), len(done)))
    return done


Tell = Callable[[int, Played], None]


async def played_once(
    cluster: Cluster, scenarios: Sequence[Scenario], number: int, opens: Opens, tell: Tell
) -> list[Played]:
    """Run `scenarios` once, longest first; what the host could not play is played once more on another."""
    room = asyncio.Semaphore(AT_ONCE[cluster])
    done: list[Played] = []

    async def one(scenario: Scenario) -> None:
        judgement, gone = await standing.play(scenario)
        if gone:
            judgement, _ = await standing.play(scenario)
        done.append(Played(cluster, number, judgement, gone))
        tell(len(done), done[-1])

    async def in_turn(scenario: Scenario) -> None:
        async with room:
            await one(scenario)

    async with Standing(opens) as standing:
        longest_first = sorted(scenarios, key=lambda scenario: -scenario.seconds)
        await asyncio.gather(*(in_turn(scenario) for scenario in longest_first if not scenario.alone))
        for scenario in scenarios:
            if scenario.alone:
                await one(scenario)
    return done


@asynccontextmanager
async def _opened(cluster: Cluster, folder: Path, settle: int, plays: int, number: int) -> AsyncIterator[Host]:
    """A Temporal server, a cluster and an agent on it: the `number`th of a run."""
    home = folder / f"host-{number}"
    async with temporal(home / "temporal") as server:
        if cluster is Cluster.SIMULATED:
            yield SimulatedHost(server, home, settle)
            return
        async with ControlPlaneHost.open(server, home, settle, plays=plays) as host:
            yield host


def _told(say: Say, plays: int, before: int, count: int, played: Played) -> None:
    judgement = played.judgement
    word = "BROKEN" if judgement.broken else "right" if judgement.right else "WRONG"
    again = f", played again on a fresh host after {played.repeated}" if played.repeated else ""
    where = f"[{before + count}/{plays}] {played.cluster.value}"
    say(f"{where} {judgement.scenario.name} {word} ({judgement.seconds:.0f} s){again}")
    if not judgement.right:
        for line in (f"did: {judgement.did}", *judgement.wrong, *judgement.broken):
            say(f"    {line}")

"""All scenarios over one kind of cluster, several at a time, each so many times. Comes after `hosts.py`."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from tests.scenarios.hosts import ControlPlaneHost, SimulatedHost, temporal
from tests.scenarios.judge import Judgement
from tests.scenarios.model import Cluster, Scenario

Say = Callable[[str], None]


class Host(Protocol):
    at_once: int

    async def play(self, scenario: Scenario) -> Judgement: ...


class Played(NamedTuple):
    """One run of one scenario."""

    cluster: Cluster
    round: int
    judgement: Judgement


async def played_all(
    cluster: Cluster, scenarios: Sequence[Scenario], folder: Path, *, runs: int, settle: int, say: Say
) -> list[Played]:
    """Run everything that can be shown on `cluster`, `runs` times."""
    chosen = [scenario for scenario in scenarios if cluster in scenario.shown_on]
    plays = [(scenario, number) for number in range(1, runs + 1) for scenario in chosen]
    if not plays:
        return []
    async with temporal(folder / "temporal") as server:
        if cluster is Cluster.SIMULATED:
            return await _play(SimulatedHost(server, folder, settle), cluster, plays, say)
        async with ControlPlaneHost.open(server, folder, settle, plays=len(plays)) as host:
            return await _play(host, cluster, plays, say)


async def _play(host: Host, cluster: Cluster, plays: Sequence[tuple[Scenario, int]], say: Say) -> list[Played]:
    room = asyncio.Semaphore(host.at_once)
    by_itself = asyncio.Lock()
    done: list[Played] = []

    async def one(scenario: Scenario, number: int) -> None:
        judgement = await _judged(host, scenario)
        done.append(Played(cluster, number, judgement))
        word = "BROKEN" if judgement.broken else "right" if judgement.right else "WRONG"
        say(f"[{len(done)}/{len(plays)}] {cluster.value} {scenario.name} {word} ({judgement.seconds:.0f} s)")

    async def in_turn(scenario: Scenario, number: int) -> None:
        async with room:
            await one(scenario, number)

    longest_first = sorted(plays, key=lambda play: -play[0].seconds)
    await asyncio.gather(*(in_turn(*play) for play in longest_first if not play[0].alone))
    async with by_itself:
        for play in plays:
            if play[0].alone:
                await one(*play)
    return done


async def _judged(host: Host, scenario: Scenario) -> Judgement:
    """A scenario that cannot even be played is wrong, and says why."""
    began = time.monotonic()
    try:
        return await host.play(scenario)
    except Exception as error:  # noqa: BLE001  one scenario must not end the suite
        where = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        return Judgement(
            scenario, False, (f"could not be played: {why}",), (), "nothing", seconds=time.monotonic() - began
        )

"""Many symptoms of many targets at once, told to a whole agent: how many runs, pages and bytes they become.

Comes before `test_many_symptoms.py`, which tells a tenth of them, and `tests/bench/folding.py`, which tells them all. The
targets lie in namespaces of twenty, or wherever the caller wants them, with a healthy release each, and what is told of them is
failing requests, so that nothing can be done and everything would be paged.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from byteport.audit.words import Event
from byteport.contracts.people import Notice
from byteport.contracts.workflows import REMEDIATION
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes import port
from byteport.sandbox.dev_server import DevServer
from byteport.temporal import intake
from tests.agent.agent import Agent
from tests.agent.places import eventually
from tests.agent.running import quick, running
from tests.agent.simulated import SimulatedPlace

OF_A_NAMESPACE = 20
AT_ONCE = 40
"""Symptoms on their way at the same time."""
PAGE = 4096
HELD = "part of a storm: one page for all"
"""What a run notes that will not page by itself. Before it has, there may be another page to come."""


@dataclass(frozen=True)
class Folded:
    """What became of them."""

    runs: int
    reported: int
    """Symptoms that the runs have counted."""
    escalated: int
    storm: bool
    """Whether nothing is done alone any more."""
    pages: tuple[Notice, ...]
    mebibytes_before: int
    mebibytes_most: int
    seconds_to_tell: float
    seconds_to_settle: float
    """Until the last target was diagnosed and told of."""


async def folded(
    server: DevServer,
    folder: Path,
    *,
    targets: int,
    signals: int,
    of_a_namespace: int = OF_A_NAMESPACE,
    say: Callable[[str], None] = lambda _: None,
) -> Folded:
    """Tell `signals` symptoms of `targets` targets, `of_a_namespace` of them in each namespace, wait until every target has its
    record, and count."""
    place = SimulatedPlace()
    homes = [f"shop-{number // of_a_namespace}" for number in range(targets)]
    await _apply(place, homes)
    most = before = resident()
    began = time.monotonic()
    async with running(server, folder, place, quick("auto"), skips_time=False) as agent, agent.worker():
        known = [await _target(place, home, number) for number, home in enumerate(homes)]
        gate = asyncio.Semaphore(AT_ONCE)

        async def tell(number: int) -> None:
            async with gate:
                await _tell(agent, known[number % targets])

        escalated = Counted(agent)
        await asyncio.gather(*(tell(number) for number in range(signals)))
        told = time.monotonic() - began
        say(f"{signals:,} told in {told:.0f} s")

        async def settled() -> bool:
            nonlocal most
            most = max(most, resident())
            done = escalated.count()
            say(f"{done} of {targets} diagnosed and on record, {most} MiB")
            return done >= targets

        await eventually("every target to have its record", settled, within=900.0)
        seconds = time.monotonic() - began
        runs = [workflow_id for workflow_id, _, kind in await agent.runs() if kind == REMEDIATION]
        states = [await agent.state(workflow_id) for workflow_id in runs]
        await eventually("the page of the storm", lambda: _paged(agent), within=60.0)
        paging = set(runs)

        async def all_hold() -> bool:
            for workflow_id in sorted(paging):
                state = await agent.state(workflow_id)
                if state is None or not any(moment.what == HELD for moment in state.timeline):
                    return False
                paging.discard(workflow_id)
            return True

        await eventually("every target to hold its own page back", all_hold, within=120.0)
        return Folded(
            runs=len(runs),
            reported=sum(state.reports for state in states if state is not None),
            escalated=agent.events().count(Event.ESCALATED.value),
            storm=agent.events().count(Event.STORM_BEGAN.value) > agent.events().count(Event.STORM_ENDED.value),
            pages=tuple(agent.notices()),
            mebibytes_before=before,
            mebibytes_most=max(most, resident()),
            seconds_to_tell=told,
            seconds_to_settle=seconds,
        )


class Counted:
    """How many escalations are on record. Each record is read once: read again at every look, they took a quarter of all the time."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._escalated = 0
        self._after: tuple[str, int] | None = None

    def count(self) -> int:
        for record in self._agent.records(tenant=self._agent.settings.tenant, after=self._after):
            self._escalated += record.event is Event.ESCALATED
            self._after = record.cluster_uid, record.seq
        return self._escalated


def resident() -> int:
    """MiB of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE >> 20


async def _paged(agent: Agent) -> bool:
    return bool(agent.notices())


async def _apply(place: SimulatedPlace, homes: Sequence[str]) -> None:
    """The namespaces, and in each those targets whose home it is."""
    await place.cluster.apply(
        *(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": home, "labels": {"byteport.io/enabled": "true"}},
            }
            for home in dict.fromkeys(homes)
        )
    )
    await place.cluster.apply(*(_deployment(home, number) for number, home in enumerate(homes)))
    await place.elapse_to_present()


def _deployment(home: str, number: int) -> dict[str, object]:
    labels = {"app": f"web-{number}"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"web-{number}", "namespace": home, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
            },
        },
    }


async def _target(place: SimulatedPlace, home: str, number: int) -> Target:
    name = f"web-{number}"
    found = await place.cluster.get(port.DEPLOYMENTS, home, name)
    return Target(cluster_uid=place.uid, namespace=home, kind="Deployment", name=name, uid=found["metadata"]["uid"])


def _symptom(agent: Agent, target: Target) -> Signal:
    return Signal(
        type=SignalType.ERROR_RATE,
        value=5,
        threshold=3,
        target=target,
        observed_at=agent.place.clock(),
        source=Source.ALERTMANAGER,
        evidence_digest=secrets.token_hex(32),
    )


async def _tell(agent: Agent, target: Target) -> None:
    await intake.report_signal(
        agent.client,
        agent.installation,
        _symptom(agent, target),
        ladder=agent.settings.ladder,
        reobserve_after_seconds=agent.settings.reobserve_after_seconds,
    )

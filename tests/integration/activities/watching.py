"""A watch that is under way, and the inbox that it reports to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from temporalio.testing import ActivityEnvironment

from activities.kubernetes.watch import ClusterWatch
from byteport.contracts.kubernetes import Reported, WatchCluster, Watched
from byteport.contracts.workflows import ToldOver
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.domain.signals import Signal, SignalType
from byteport.domain.targets import Target
from byteport.kubernetes.port import ClusterPort
from tests.integration.activities.bench import Bench, environment_of

SOON = 30.0
"""Seconds that anything may take; nothing waits that long when all is well."""


@dataclass
class Inbox:
    """A sink that keeps what was reported, and refuses what it is told to."""

    signals: list[Signal] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    over: list[tuple[str, Failure, str]] = field(default_factory=list)
    words: list[ToldOver] = field(default_factory=list)

    async def report(self, signal: Signal) -> Reported:
        await asyncio.sleep(0)
        if self.refusals:
            raise self.refusals.pop(0)
        self.signals.append(signal)
        return Reported(workflow_id="remediate:x")

    async def told_over(self, target: Target, failure: Failure, told: ToldOver) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.over.append((target.ref, failure, told.evidence_digest))
        self.words.append(told)

    def about(self) -> list[tuple[SignalType, str]]:
        return [(signal.type, signal.target.ref) for signal in self.signals]


@dataclass
class Watching:
    """A watch that is under way."""

    task: asyncio.Task[Watched]
    environment: ActivityEnvironment
    heartbeats: list[dict[str, str]]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Poll for at most `SOON`; what the watch raises is raised here."""
        async with asyncio.timeout(SOON):
            while not holds():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.01)

    async def end(self) -> Watched:
        """As a worker's shutdown ends it."""
        self.environment.worker_shutdown()
        async with asyncio.timeout(SOON):
            return await self.task


@asynccontextmanager
async def watching(
    bench: Bench,
    inbox: Inbox,
    call: WatchCluster | None = None,
    *,
    look_again_seconds: float = 60.0,
    details: list[object] | None = None,
    cluster: ClusterPort | None = None,
    sight: Sight = Sight.CLUSTER,
    off: frozenset[Failure] = frozenset(),
) -> AsyncIterator[Watching]:
    activity = ClusterWatch(
        cluster or bench.port,
        cluster_uid=bench.uid,
        sink=inbox,
        policy=bench.policy,
        clock=bench.clock,
        sight=sight,
        off=off,
        look_again_seconds=look_again_seconds,
    )
    environment = environment_of(heartbeat_details=details or [])
    heartbeats: list[dict[str, str]] = []
    environment.on_heartbeat = heartbeats.append
    call = call or WatchCluster(cluster_uid=bench.uid)
    task = asyncio.create_task(environment.run(activity.watch_cluster, call))
    try:
        yield Watching(task, environment, heartbeats)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

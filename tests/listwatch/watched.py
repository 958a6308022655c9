"""The agent's own watch over a server of lists and watches: the real port, the real activity, begun again when it fails.

As Temporal would: an attempt that was cut off is followed by one that has its last heartbeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.clock import Clock, utc_now
from activities.kubernetes.client import connect
from activities.kubernetes.watch import ClusterWatch
from activities.orchestration import SymptomSink
from byteport.contracts.kubernetes import Reported, WatchCluster
from byteport.domain.ceilings import Sight
from byteport.domain.policy import PolicyConfig
from byteport.domain.signals import Signal

UID = "3f2a9c1e-7d5b-4e0f-9a51-0c6f5f1b2d11"
SOON = 30.0


class Policy:
    """The default one."""

    def read(self) -> PolicyConfig:
        return PolicyConfig()


@dataclass
class Inbox:
    """What was reported."""

    signals: list[Signal] = field(default_factory=list)

    async def report(self, signal: Signal) -> Reported:
        await asyncio.sleep(0)
        self.signals.append(signal)
        return Reported(workflow_id="remediate:x")

    @property
    def targets(self) -> set[str]:
        return {signal.target.name for signal in self.signals}


@dataclass
class Watch:
    """A watch that goes on."""

    heartbeats: list[dict[str, str]] = field(default_factory=list)
    attempts: int = 0
    failures: list[str] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    async def until(self, holds: Callable[[], bool], seconds: float = SOON) -> None:
        """Poll; what ends the watch for good is raised here."""
        async with asyncio.timeout(seconds):
            while not holds():
                if self.task is not None and self.task.done():
                    self.task.result()
                await asyncio.sleep(0.01)

    def has_listed(self, *kinds: str) -> bool:
        return bool(self.heartbeats) and set(kinds) <= set(self.heartbeats[-1])


@asynccontextmanager
async def watch_of(
    kubeconfig: Path,
    sink: SymptomSink,
    *,
    sight: Sight = Sight.CLUSTER,
    look_again_seconds: float = 60.0,
    bookmarks: Mapping[str, str] | None = None,
    clock: Clock = utc_now,
) -> AsyncIterator[Watch]:
    """`bookmarks`: where an earlier one was."""
    watch = Watch([dict(bookmarks)] if bookmarks else [])
    async with await connect(kubeconfig) as cluster:
        activity = ClusterWatch(
            cluster,
            cluster_uid=UID,
            sink=sink,
            policy=Policy(),
            clock=clock,
            sight=sight,
            look_again_seconds=look_again_seconds,
        )
        watch.task = asyncio.create_task(_go_on(activity, watch))
        try:
            yield watch
        finally:
            watch.task.cancel()
            await asyncio.gather(watch.task, return_exceptions=True)


async def _go_on(activity: ClusterWatch, watch: Watch) -> None:
    while True:
        watch.attempts += 1
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, heartbeat_details=watch.heartbeats[-1:])
        environment.on_heartbeat = lambda beat: watch.heartbeats.append(beat) if beat else None
        try:
            await environment.run(activity.watch_cluster, WatchCluster(cluster_uid=UID))
        except ApplicationError as error:
            if error.non_retryable:
                raise
            watch.failures.append(error.message)
            await asyncio.sleep(error.next_retry_delay.total_seconds() if error.next_retry_delay else 0.05)

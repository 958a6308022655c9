"""WATCH_CLUSTER: the cluster's pods and Deployments as a stream of symptoms, in activities of bounded life.

Pushed by the API server, not polled: list once, then watch from the bookmark. Each activity heartbeats its bookmarks
(one resourceVersion per kind, far below 64 kB) and returns them after `seconds` or when its worker shuts down, so that
the next one goes on from the very place; after a kill it goes on from the last heartbeat, and what is seen twice is
folded by its evidence digest. It does not decide: a symptom is reported, a runbook judges it.

Some symptoms become true without any event (a deadline passes, a replica stays wedged): objects of the enabled
namespaces are looked at again every `look_again_seconds`, and at once when a namespace has just been enabled. So is what
the metrics API measured, which has no watch.
Nodes stand by a label of their own, and their kubelets' events lie in the namespace `default`; where those, or
autoscalers, may not be watched, everything else still is.
Started by `workflows/watch.py`; the age of its last heartbeat is alarmed from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable

from temporalio import activity

from activities.clock import Clock
from activities.kubernetes.enabled import EnabledNamespaces
from activities.kubernetes.metric_sightings import MetricSightings
from activities.kubernetes.node_sightings import NodeSightings
from activities.kubernetes.owners import OwnerResolver
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.sightings import Sightings
from activities.kubernetes.streams import Stream
from activities.orchestration import SymptomSink
from activities.performs import performs
from byteport.contracts.kubernetes import WATCH_CLUSTER, WatchCluster, Watched
from byteport.errors import NotPermitted, TargetGone
from byteport.kubernetes import port
from byteport.kubernetes.port import JSON, ClusterPort, Resource

WATCHED: dict[str, Resource] = {"Pod": port.PODS, "Deployment": port.DEPLOYMENTS}
OF_LOAD: dict[str, Resource] = {"HorizontalPodAutoscaler": port.AUTOSCALERS}
OF_NODES: dict[str, tuple[Resource, str]] = {"Node": (port.NODES, ""), "Event": (port.EVENTS, "default")}
"""What is watched of nodes, and in which namespace."""
REFUSED_SECONDS = 60.0
"""Before it is tried again whether nodes, or autoscalers, may be watched."""

logger = logging.getLogger("byteport.watch")

HEARTBEAT_SECONDS = 2.0
REFRESH_SECONDS = 5.0
"""How soon a label that was written or taken away is noticed by the watch."""

LOOK_AGAIN_SECONDS = 60.0


class ClusterWatch:
    """Watches one cluster with one credential."""

    def __init__(
        self,
        cluster: ClusterPort,
        *,
        cluster_uid: str,
        sink: SymptomSink,
        policy: PolicySource,
        clock: Clock,
        look_again_seconds: float = LOOK_AGAIN_SECONDS,
    ) -> None:
        self._cluster = cluster
        self._cluster_uid = cluster_uid
        self._sink = sink
        self._policy = policy
        self._clock = clock
        self._look_again_seconds = look_again_seconds

    @performs(WATCH_CLUSTER)
    async def watch_cluster(self, call: WatchCluster) -> Watched:
        if call.cluster_uid != self._cluster_uid:
            raise NotPermitted("this worker watches another cluster")
        enabled = EnabledNamespaces(self._cluster, self._policy)
        owners = OwnerResolver(self._cluster, self._cluster_uid)
        sightings = Sightings(self._sink, owners, enabled, self._clock)
        of_nodes = NodeSightings(self._sink, self._cluster, self._cluster_uid, self._clock)
        measured = MetricSightings(
            self._cluster, cluster_uid=self._cluster_uid, sink=self._sink, policy=self._policy, clock=self._clock
        )
        round_ = _Round(self._cluster, enabled, sightings, of_nodes, measured, _start(call))
        await enabled.refresh()
        endless = [
            *(asyncio.create_task(round_.follow(kind)) for kind in WATCHED),
            *(asyncio.create_task(round_.follow_load(kind)) for kind in OF_LOAD),
            *(asyncio.create_task(round_.follow_nodes(kind)) for kind in OF_NODES),
            asyncio.create_task(round_.keep_looking(self._look_again_seconds)),
            asyncio.create_task(_heartbeat(round_)),
        ]
        shutdown = asyncio.create_task(activity.wait_for_worker_shutdown())
        try:
            done, _ = await asyncio.wait(
                [*endless, shutdown], timeout=call.seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
        finally:
            for task in (*endless, shutdown):
                task.cancel()
            await asyncio.gather(*endless, shutdown, return_exceptions=True)
        return Watched(bookmarks=round_.bookmarks, reported=round_.reported)


class _Round:
    """One activity's life: the streams, and the second looks."""

    def __init__(
        self,
        cluster: ClusterPort,
        enabled: EnabledNamespaces,
        sightings: Sightings,
        of_nodes: NodeSightings,
        measured: MetricSightings,
        bookmarks: dict[str, str],
    ) -> None:
        self._cluster = cluster
        self._enabled = enabled
        self.sightings = sightings
        self._measured = measured
        self._of_nodes = of_nodes
        self._streams = {
            kind: Stream(cluster, resource, bookmarks.get(resource.plural, ""))
            for kind, resource in (WATCHED | OF_LOAD).items()
        }
        self._streams |= {
            kind: Stream(cluster, resource, bookmarks.get(resource.plural, ""), namespace)
            for kind, (resource, namespace) in OF_NODES.items()
        }

    @property
    def reported(self) -> int:
        return self.sightings.reported + self._of_nodes.reported + self._measured.reported

    @property
    def bookmarks(self) -> dict[str, str]:
        return {s.resource.plural: s.bookmark for s in self._streams.values() if s.bookmark}

    async def follow(self, kind: str) -> None:
        async def see(item: JSON) -> None:
            await self.sightings.see(kind, item)

        await self._streams[kind].run(see, self.sightings.forget)

    async def follow_load(self, kind: str) -> None:
        """As `follow`, of what scales workloads. A credential that may see none of it still watches everything else."""
        while True:
            try:
                await self.follow(kind)
            except NotPermitted as refused:
                logger.warning("autoscalers are not watched: %s", refused.message)
                await asyncio.sleep(REFUSED_SECONDS)

    async def follow_nodes(self, kind: str) -> None:
        """As `follow`, of nodes and their events. A credential that may see no nodes still watches everything else."""

        async def see(item: JSON) -> None:
            await self._of_nodes.see(kind, item)

        def forget(item: JSON) -> None:
            if kind == "Node":
                self._of_nodes.forget(item)

        while True:
            try:
                await self._streams[kind].run(see, forget)
            except NotPermitted as refused:
                logger.warning("nodes are not watched: %s", refused.message)
                await asyncio.sleep(REFUSED_SECONDS)

    async def keep_looking(self, every: float) -> None:
        """Look at everything again once per `every` seconds, and at a newly enabled namespace as soon as it is noticed."""
        loop = asyncio.get_running_loop()
        due = loop.time() + every
        while True:
            await asyncio.sleep(min(REFRESH_SECONDS, every))
            new = await self._enabled.refresh()
            await self._look_at_the_ripe()
            if loop.time() >= due:
                await self._look_again(self._enabled.names)
                due = loop.time() + every
            elif new:
                await self._look_again(new)

    async def _look_at_the_ripe(self) -> None:
        """Pods that could not pull their image when they were made, and have had their time since."""
        for namespace, name in self.sightings.ripe():
            with contextlib.suppress(TargetGone):
                await self.sightings.see("Pod", await self._cluster.get(port.PODS, namespace, name))

    async def _look_again(self, namespaces: Iterable[str]) -> None:
        """One namespace after the other, so that no more than one's objects are held at a time."""
        for namespace in sorted(namespaces):
            for kind, resource in (WATCHED | OF_LOAD).items():
                for item in await self._listed(kind, resource, namespace):
                    await self.sightings.see(kind, item)
            await self._measured.look(namespace)

    async def _listed(self, kind: str, resource: Resource, namespace: str) -> list[JSON]:
        try:
            return (await self._cluster.list(resource, namespace)).items
        except NotPermitted:
            if kind in OF_LOAD:
                return []
            raise


async def _heartbeat(round_: _Round) -> None:
    while True:
        activity.heartbeat(round_.bookmarks)
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _start(call: WatchCluster) -> dict[str, str]:
    """The last heartbeat of an attempt that was cut off is newer than what the workflow knows."""
    for details in activity.info().heartbeat_details:
        if isinstance(details, dict) and details:
            return {str(kind): str(version) for kind, version in details.items()}
    return call.bookmarks

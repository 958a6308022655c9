"""WATCH_CLUSTER: the cluster's pods and Deployments as a stream of symptoms, in activities of bounded life.

Pushed by the API server, not polled: list once, then watch from the bookmark. Each activity heartbeats its bookmarks
(one resourceVersion per kind, and in namespaced sight per namespace, below 64 kB in all) and returns them after `seconds`
or when its worker shuts down, so that the next one goes on from the very place; after a kill it goes on from the last
heartbeat, and what is seen twice is folded by its evidence digest. It does not decide: a symptom is reported, a runbook
judges it.

In cluster sight there is one stream per kind, and what is not enabled is dropped at the first look. In namespaced sight
there is one per kind and enabled namespace (`following.py`), begun and ended as namespaces come and go; another is never
asked about. What only a runbook treats that is switched off is not watched, and never reported.

Some symptoms become true without any event (a deadline passes, a replica stays wedged): objects of the enabled
namespaces are looked at again every `look_again_seconds`, and at once when a namespace has just been enabled. So is what
the metrics API measured, which has no watch.
Nodes stand by a label of their own, and their kubelets' events lie in the namespace `default`; where those, or
autoscalers, may not be watched, everything else still is.
It also ends when the boundary is not as people were last told (`boundary_telling.py`), since its workflow is what is durable
and tells them. Started by `workflows/watch.py`; the age of its last heartbeat is alarmed from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping

from temporalio import activity

from activities.clock import Clock
from activities.kubernetes.boundary_telling import BoundaryTelling
from activities.kubernetes.bounds import UNBOUNDED, Bounds
from activities.kubernetes.enabled import EnabledNamespaces
from activities.kubernetes.following import Followed, Following
from activities.kubernetes.metric_sightings import MetricSightings
from activities.kubernetes.node_sightings import NodeSightings
from activities.kubernetes.owners import OwnerResolver
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.sightings import Sightings
from activities.orchestration import SymptomSink
from activities.performs import performs
from byteport.contracts.kubernetes import WATCH_CLUSTER, WatchCluster, Watched
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.errors import NotPermitted, TargetGone
from byteport.kubernetes import port
from byteport.kubernetes.port import JSON, ClusterPort, Resource

WATCHED: dict[str, Resource] = {"Pod": port.PODS, "Deployment": port.DEPLOYMENTS}
OF_LOAD: dict[str, Resource] = {"HorizontalPodAutoscaler": port.AUTOSCALERS}
OF_NODES: dict[str, tuple[Resource, str]] = {"Node": (port.NODES, ""), "Event": (port.EVENTS, "default")}
"""What is watched of nodes, and in which namespace."""
_SHOWS: Mapping[str, frozenset[Failure]] = {
    "Pod": frozenset({Failure.CRASHLOOP}),
    "Deployment": frozenset({Failure.BAD_ROLLOUT}),
    "HorizontalPodAutoscaler": frozenset({Failure.CPU}),
    "Node": frozenset({Failure.DISK, Failure.MEMORY}),
    "Event": frozenset({Failure.DISK, Failure.MEMORY}),
}
"""Which failures' symptoms an object of each kind may show. A kind that shows none that is treated is not watched."""
_DISPENSABLE = dict.fromkeys(OF_LOAD, "autoscalers") | dict.fromkeys(OF_NODES, "nodes")
_WHOLE_CLUSTER = frozenset({""})

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
        sight: Sight = Sight.CLUSTER,
        off: frozenset[Failure] = frozenset(),
        bounds: Bounds = UNBOUNDED,
        look_again_seconds: float = LOOK_AGAIN_SECONDS,
    ) -> None:
        """`off`: failures whose runbook is switched off."""
        self._cluster = cluster
        self._cluster_uid = cluster_uid
        self._sink = sink
        self._policy = policy
        self._clock = clock
        self._sight = sight
        self._off = off
        self._boundary = BoundaryTelling(bounds, clock)
        self._look_again_seconds = look_again_seconds

    @performs(WATCH_CLUSTER)
    async def watch_cluster(self, call: WatchCluster) -> Watched:
        if call.cluster_uid != self._cluster_uid:
            raise NotPermitted("this worker watches another cluster")
        if (news := self._boundary.news(call)) is not None:  # even where what is missing keeps us from watching
            return Watched(bookmarks=_start(call), reported=0, boundary=news)
        enabled = EnabledNamespaces(self._cluster, self._policy, self._sight)
        await enabled.refresh()
        round_ = _Round(
            self._cluster,
            enabled,
            Sightings(self._sink, OwnerResolver(self._cluster, self._cluster_uid), enabled, self._clock, off=self._off),
            NodeSightings(self._sink, self._cluster, self._cluster_uid, self._clock, off=self._off),
            MetricSightings(
                self._cluster,
                cluster_uid=self._cluster_uid,
                sink=self._sink,
                policy=self._policy,
                clock=self._clock,
                off=self._off,
            ),
            sight=self._sight,
            off=self._off,
            bookmarks=_start(call),
        )
        endless = [
            asyncio.create_task(round_.keep_enabled(self._look_again_seconds)),
            asyncio.create_task(round_.keep_looking(self._look_again_seconds)),
            asyncio.create_task(_heartbeat(round_)),
        ]
        shutdown = asyncio.create_task(activity.wait_for_worker_shutdown())
        telling = asyncio.create_task(self._boundary.wait(call))
        try:
            round_.follow()
            done, _ = await asyncio.wait(
                [*endless, round_.following.broken, shutdown, telling],
                timeout=call.seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                task.result()
            bookmarks = round_.following.bookmarks
        finally:
            for task in (*endless, shutdown, telling):
                task.cancel()
            await asyncio.gather(*endless, shutdown, telling, return_exceptions=True)
            await round_.following.close()
        return Watched(bookmarks=bookmarks, reported=round_.reported, boundary=self._boundary.news(call))


class _Round:
    """One activity's life: the streams, and the second looks."""

    def __init__(
        self,
        cluster: ClusterPort,
        enabled: EnabledNamespaces,
        sightings: Sightings,
        of_nodes: NodeSightings,
        measured: MetricSightings,
        *,
        sight: Sight,
        off: frozenset[Failure],
        bookmarks: Mapping[str, str],
    ) -> None:
        self._cluster = cluster
        self._enabled = enabled
        self._sightings = sightings
        self._measured = measured
        self._of_nodes = of_nodes
        self._sight = sight
        resources = WATCHED | OF_LOAD
        self._looked_at = {kind: resource for kind, resource in resources.items() if _SHOWS[kind] - off}
        self._kinds = [
            Followed(kind, resource, sightings.see, self._forget_workload, dispensable=_DISPENSABLE.get(kind, ""))
            for kind, resource in self._looked_at.items()
        ]
        self._node_kinds = [
            Followed(kind, resource, of_nodes.see, self._forget_node, namespace, _DISPENSABLE[kind])
            for kind, (resource, namespace) in OF_NODES.items()
            if _SHOWS[kind] - off
        ]
        self.following = Following(cluster, bookmarks, on_refused=enabled.drop)

    @property
    def reported(self) -> int:
        return self._sightings.reported + self._of_nodes.reported + self._measured.reported

    def follow(self) -> None:
        """Have the streams that there must be by now."""
        self.following.keep(self._node_kinds, _WHOLE_CLUSTER)
        self.following.keep(self._kinds, self._enabled.names if self._by_namespace else _WHOLE_CLUSTER)

    async def keep_enabled(self, every: float) -> None:
        """Notice which namespaces are enabled, and look at once at what has been there before one was."""
        while True:
            await asyncio.sleep(min(REFRESH_SECONDS, every))
            new = await self._enabled.refresh()
            self._sightings.begin_anew(new)
            self.follow()
            await self._look_at_the_ripe()
            if not self._by_namespace:  # else its streams begin with a list
                await self._look_again(new)

    async def keep_looking(self, every: float) -> None:
        """Look at everything again once per `every` seconds."""
        while True:
            await asyncio.sleep(every)
            await self._look_again(self._enabled.names)

    async def _look_at_the_ripe(self) -> None:
        """Pods that could not pull their image when they were made, and have had their time since."""
        for namespace, name in self._sightings.ripe():
            if namespace in self._enabled.names:
                with contextlib.suppress(TargetGone), self._refusable(namespace):
                    await self._sightings.see("Pod", await self._cluster.get(port.PODS, namespace, name))

    async def _look_again(self, namespaces: Iterable[str]) -> None:
        """One namespace after the other, so that no more than one's objects are held at a time."""
        for namespace in sorted(namespaces):
            with self._refusable(namespace):
                for kind, resource in self._looked_at.items():
                    for item in await self._listed(kind, resource, namespace):
                        await self._sightings.see(kind, item)
                await self._measured.look(namespace)

    @contextlib.contextmanager
    def _refusable(self, namespace: str) -> Iterator[None]:
        """In namespaced sight a right may be gone a moment before the name is: then there is nothing to look at."""
        try:
            yield
        except NotPermitted:
            if not self._by_namespace:
                raise
            self._enabled.drop(namespace)

    async def _listed(self, kind: str, resource: Resource, namespace: str) -> list[JSON]:
        try:
            return (await self._cluster.list(resource, namespace)).items
        except NotPermitted:
            if kind in OF_LOAD:
                return []
            raise

    def _forget_workload(self, _: str, item: JSON) -> None:
        self._sightings.forget(item)

    def _forget_node(self, kind: str, item: JSON) -> None:
        if kind == "Node":
            self._of_nodes.forget(item)

    @property
    def _by_namespace(self) -> bool:
        return self._sight is Sight.NAMESPACED


async def _heartbeat(round_: _Round) -> None:
    while True:
        activity.heartbeat(round_.following.bookmarks)
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _start(call: WatchCluster) -> dict[str, str]:
    """The last heartbeat of an attempt that was cut off is newer than what the workflow knows."""
    for details in activity.info().heartbeat_details:
        if isinstance(details, dict) and details:
            return {str(kind): str(version) for kind, version in details.items()}
    return call.bookmarks

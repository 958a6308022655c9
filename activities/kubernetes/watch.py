"""WATCH_CLUSTER: the cluster's pods and Deployments as a stream of symptoms, in activities of bounded life.

Pushed by the API server, not polled: list once, then watch from the bookmark. Each activity heartbeats its bookmarks
(one resourceVersion per kind, and in namespaced sight per namespace, below 64 kB in all) and returns them after `seconds`
or when its worker shuts down, so that the next one goes on from the very place; after a kill it goes on from the last
heartbeat, and what is seen twice is folded by its evidence digest. It does not decide: a symptom is reported, a runbook
judges it.

In cluster sight there is one stream per kind, and what is not enabled is dropped at the first look. In namespaced sight
there is one per kind and enabled namespace (`following.py`), begun and ended as namespaces come and go; another is never
asked about. What only a runbook treats that is switched off is not watched, and never reported.

Some symptoms become true without any event (a deadline passes, a replica stays wedged): the objects that may become one
are looked at again every `look_again_seconds`, and everything in a namespace when it has just been enabled. So is what
the metrics API measured, which has no watch.
No object is kept: memory does not grow with the cluster (`tests/bench/watch`).
Nodes stand by a label of their own, and their kubelets' events lie in the namespace `default`; where those, or
autoscalers, may not be watched, everything else still is.
It also ends when the boundary is not as people were last told (`boundary_telling.py`), since its workflow is what is durable
and tells them. Started by `workflows/watch.py`; the age of its last heartbeat is alarmed from outside.
"""

from __future__ import annotations

import asyncio

from temporalio import activity

from activities.clock import Clock
from activities.kubernetes.boundary_telling import BoundaryTelling
from activities.kubernetes.bounds import UNBOUNDED, Bounds
from activities.kubernetes.enabled import EnabledNamespaces
from activities.kubernetes.metric_sightings import MetricSightings
from activities.kubernetes.node_sightings import NodeSightings
from activities.kubernetes.owners import OwnerResolver
from activities.kubernetes.paced import Pace
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.rounds import Round
from activities.kubernetes.second_looks import LOOKS
from activities.kubernetes.sightings import Ripening, Sightings
from activities.orchestration import SymptomSink
from activities.performs import performs
from byteport.contracts.kubernetes import WATCH_CLUSTER, WatchCluster, Watched
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.errors import NotPermitted
from byteport.kubernetes.port import ClusterPort

HEARTBEAT_SECONDS = 2.0
REFRESH_SECONDS = 5.0
"""How soon the watch notices that a namespace was given or taken away; in namespaced sight not by its label alone."""
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
        self._ripening: dict[str, Ripening] = {}
        """Goes from one activity to the next in this process, so that nothing waits until all has been read again."""

    @performs(WATCH_CLUSTER)
    async def watch_cluster(self, call: WatchCluster) -> Watched:
        if call.cluster_uid != self._cluster_uid:
            raise NotPermitted("this worker watches another cluster")
        if (news := self._boundary.news(call)) is not None:  # even where what is missing keeps us from watching
            return Watched(bookmarks=_start(call), reported=0, boundary=news)
        enabled = EnabledNamespaces(self._cluster, self._policy, self._sight)
        await enabled.refresh()
        pace = Pace(self._look_again_seconds / LOOKS)
        round_ = Round(
            self._cluster,
            pace,
            enabled,
            Sightings(
                self._sink,
                OwnerResolver(self._cluster, self._cluster_uid),
                enabled,
                self._clock,
                ripening=self._ripening,
                off=self._off,
            ),
            NodeSightings(self._sink, self._cluster, self._cluster_uid, self._clock, off=self._off),
            MetricSightings(
                self._cluster,
                cluster_uid=self._cluster_uid,
                sink=self._sink,
                policy=self._policy,
                clock=self._clock,
                pace=pace,
                off=self._off,
            ),
            sight=self._sight,
            off=self._off,
            bookmarks=_start(call),
        )
        every = self._look_again_seconds
        endless = [
            *map(asyncio.create_task, round_.endless(every, refresh=min(REFRESH_SECONDS, every))),
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


async def _heartbeat(round_: Round) -> None:
    while True:
        activity.heartbeat(round_.following.bookmarks)
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _start(call: WatchCluster) -> dict[str, str]:
    """The last heartbeat of an attempt that was cut off is newer than what the workflow knows."""
    for details in activity.info().heartbeat_details:
        if isinstance(details, dict) and details:
            return {str(kind): str(version) for kind, version in details.items()}
    return call.bookmarks

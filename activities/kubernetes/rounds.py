"""One life of the watch: its streams, which namespaces they are of, and the second looks.

Made by `watch.py` for each activity; what it remembers goes with it, and the next one goes on from the bookmarks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from activities.kubernetes.enabled import EnabledNamespaces
from activities.kubernetes.following import Followed, Following
from activities.kubernetes.metric_sightings import MetricSightings
from activities.kubernetes.node_sightings import NodeSightings
from activities.kubernetes.paced import Pace, pause_of
from activities.kubernetes.second_looks import SecondLooks
from activities.kubernetes.sightings import Sightings
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.errors import Throttled
from byteport.kubernetes import port
from byteport.kubernetes.port import ClusterPort, Resource

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


class Round:
    """One activity's life: the streams, and the second looks."""

    def __init__(
        self,
        cluster: ClusterPort,
        pace: Pace,
        enabled: EnabledNamespaces,
        sightings: Sightings,
        of_nodes: NodeSightings,
        measured: MetricSightings,
        *,
        sight: Sight,
        off: frozenset[Failure],
        bookmarks: Mapping[str, str],
    ) -> None:
        self._enabled = enabled
        self._sightings = sightings
        self._measured = measured
        self._of_nodes = of_nodes
        self._by_namespace = sight is Sight.NAMESPACED
        resources = WATCHED | OF_LOAD
        looked_at = {kind: resource for kind, resource in resources.items() if _SHOWS[kind] - off}
        self._kinds = [
            Followed(kind, resource, sightings, dispensable=_DISPENSABLE.get(kind, ""))
            for kind, resource in looked_at.items()
        ]
        self._node_kinds = [
            Followed(kind, resource, of_nodes, namespace, _DISPENSABLE[kind])
            for kind, (resource, namespace) in OF_NODES.items()
            if _SHOWS[kind] - off
        ]
        self.following = Following(cluster, bookmarks, on_refused=enabled.drop)
        self._again = SecondLooks(
            cluster,
            pace,
            enabled,
            sightings,
            measured,
            self.following,
            kinds=looked_at,
            dispensable=frozenset(OF_LOAD),
            by_namespace=self._by_namespace,
        )

    @property
    def reported(self) -> int:
        return self._sightings.reported + self._of_nodes.reported + self._measured.reported

    def follow(self) -> None:
        """Have the streams that there must be by now."""
        self.following.keep(self._node_kinds, _WHOLE_CLUSTER)
        self.following.keep(self._kinds, self._enabled.names if self._by_namespace else _WHOLE_CLUSTER)

    def endless(self, every: float, *, refresh: float) -> list[Coroutine[Any, Any, None]]:
        """What goes on beside the streams, each until it is ended or fails.

        Seconds between two looks, and between two questions which namespaces are enabled.
        """
        return [
            self._keep_enabled(refresh),
            self._again.keep_ripening(every),
            self._again.keep_reading(every),
            self._again.keep_measuring(every),
        ]

    async def _keep_enabled(self, every: float) -> None:
        """Notice which namespaces are enabled, and look at once at what has been there before one was."""
        while True:
            await asyncio.sleep(every)
            try:
                new = await self._enabled.refresh()
            except Throttled as error:  # the streams go on meanwhile, and so does a long list
                await asyncio.sleep(pause_of(error))
                continue
            self._sightings.begin_anew(new)
            self.follow()
            await self._again.look_at_the_ripe()
            if not self._by_namespace:  # else its streams begin with a list
                await self._again.look_at(new)

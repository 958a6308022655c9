"""A place on the simulated cluster. Comes after `places.py` and `between.py`."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from byteport.kubernetes import port
from byteport.kubernetes.port import ClusterPort
from tests.agent.auditing import audit_lines
from tests.agent.between import HeldCluster
from tests.agent.places import APP, JSON, Place, Write
from tests.workflows.clock import FollowingClock

PAST = timedelta(hours=2)
"""How long the cluster has lived already."""


class SimulatedPlace(Place):
    """On the simulated cluster, which has lived for a while and whose time can be turned on."""

    clock: FollowingClock

    def __init__(self, namespace: str = "shop", clock: FollowingClock | None = None) -> None:
        clock = clock or FollowingClock(PAST)
        self.cluster = HeldCluster(clock)
        super().__init__(namespace, self.cluster.uid, self.cluster.stops, clock)
        self._began = clock()

    async def healthy(self, *, replicas: int = 3) -> None:
        await super().healthy(replicas=replicas)
        await self.elapse(3600)

    async def elapse(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.cluster.tick()

    async def elapse_to_present(self) -> None:
        self.clock.to_present()
        self.cluster.tick()

    @property
    def simulated(self) -> ClusterPort:
        return self.cluster

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        life = asyncio.create_task(self.cluster.run())
        try:
            yield
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)

    async def apply(self, item: JSON) -> None:
        await self.cluster.apply(item)

    async def annotate_pod(self, name: str, annotations: Mapping[str, str | None]) -> None:
        await self.cluster.annotate_pod(self.namespace, name, annotations)

    async def pause(self) -> None:
        await self.cluster.pause(f"{self.namespace}/{APP}")

    async def remove(self) -> None:
        await self.cluster.remove(port.DEPLOYMENTS, self.namespace, APP)

    async def remove_history(self) -> None:
        for item in self.cluster._store.all(port.REPLICA_SETS, self.namespace):
            if not item["spec"]["replicas"]:
                await self.cluster.remove(port.REPLICA_SETS, self.namespace, item["metadata"]["name"])

    async def deployment(self) -> JSON:
        return copy.deepcopy(self.cluster._existing(port.DEPLOYMENTS, self.namespace, APP))

    async def pods(self) -> list[JSON]:
        self.cluster.tick()
        items = self.cluster._store.all(port.PODS, self.namespace)
        return [copy.deepcopy(pod) for pod in items if "deletionTimestamp" not in pod["metadata"]]

    async def _label(self, labels: dict[str, str | None]) -> None:
        await self.cluster.label_namespace(self.namespace, labels)

    def writes(self) -> list[Write]:
        return [Write(one.at, one.verb, one.name, one.by.audit_id) for one in self.cluster.mutations()]

    def audit_lines(self) -> list[bytes]:
        now = self.clock()
        return audit_lines(self.cluster, since=min(self._began, now), until=now)

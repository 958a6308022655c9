"""The bench on the simulated cluster, whose clock is turned by hand and whose wire is broken on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from byteport.kubernetes import port
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.port import Resource
from byteport.sandbox.simulated import ManualClock, SimulatedCluster
from tests.integration.activities.bench import JSON, Bench


class SimulatedBench(Bench):
    """On the simulated cluster, whose clock is turned by hand."""

    clock: ManualClock

    def __init__(self, folder: Path) -> None:
        clock = ManualClock()
        self.cluster = SimulatedCluster(clock)
        self._known = 0
        super().__init__(folder, self.cluster, uid=self.cluster.uid, home="shop", clock=clock)

    async def enable(self, name: str, *, enabled: bool = True) -> None:
        await self.cluster.label_namespace(name, {ENABLED_LABEL: "true" if enabled else None})

    async def deploy(self, name: str, image: str, *, fault: str | None = None) -> None:
        await self.cluster.deploy(f"{self.home}/{name}", image=image, fault=fault)

    async def pause(self, name: str) -> None:
        await self.cluster.pause(f"{self.home}/{name}")

    async def scale(self, name: str, replicas: int) -> None:
        await self.cluster.scale(f"{self.home}/{name}", replicas)

    async def remove(self, resource: Resource, name: str) -> None:
        await self.cluster.remove(resource, self.home, name)
        self.cluster.advance(40)

    async def annotate(self, resource: Resource, name: str, annotations: Mapping[str, str | None]) -> None:
        if resource == port.PODS:
            await self.cluster.annotate_pod(self.home, name, annotations)
        else:
            assert resource == port.DEPLOYMENTS
            await self.cluster.annotate_deployment(f"{self.home}/{name}", annotations)

    async def create(self, item: JSON) -> None:
        await self.cluster.apply({**item, "metadata": {**item["metadata"], "namespace": self.home}})

    async def write_log(self, pod: str, container: str, text: str, *, previous: bool = False) -> None:
        await self.cluster.set_log(self.home, pod, container, text, previous=previous)

    async def one_pod_crashes(self, name: str = "web") -> JSON:
        await self.enable(self.home)
        await self.deploy(name, f"{name}:1")
        self.cluster.advance(600)
        victim = (await self.pods(name))[0]["metadata"]["name"]
        await self.annotate(port.PODS, victim, {"sim.byteport.io/fault": "transient"})
        self.cluster.advance(400)
        return await self.cluster.get(port.PODS, self.home, victim)

    async def a_release_fails(self, name: str = "web", fault: str = "crash") -> None:
        await self.enable(self.home)
        await self.deploy(name, f"{name}:1")
        self.cluster.advance(3600)
        await self.deploy(name, f"{name}:2", fault=fault)
        self.cluster.advance(700)

    def written(self) -> list[tuple[str, str]]:
        return [(mutation.verb, mutation.name) for mutation in self.cluster.mutations()[self._known :]]

    def count_from_here(self) -> None:
        """What has been written until now is no part of what a test is about."""
        self._known = len(self.cluster.mutations())

    def audit_ids(self) -> list[str]:
        return [mutation.by.audit_id for mutation in self.cluster.mutations()]

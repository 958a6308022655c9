"""COUNT_TARGETS: how many workloads and nodes there are to be in trouble, so that a storm is told by its share of them.

Namespaces that are not enabled are not looked into, so their workloads do not count; nodes carry everybody's and do.
"""

from __future__ import annotations

import asyncio

from activities.kubernetes.enabled import Namespaces, names_of
from activities.kubernetes.pages import paged
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.reads import AT_ONCE
from activities.performs import performs
from byteport.contracts.kubernetes import COUNT_TARGETS, CountTargets, Targets
from byteport.domain.ceilings import Sight
from byteport.errors import NotPermitted
from byteport.kubernetes import port
from byteport.kubernetes.enrolment import enrolled
from byteport.kubernetes.port import ClusterPort, Resource


class Counting:
    """On one cluster."""

    def __init__(
        self, cluster: ClusterPort, policy: PolicySource, *, cluster_uid: str, sight: Sight = Sight.CLUSTER
    ) -> None:
        self._cluster = cluster
        self._namespaces = Namespaces(cluster, sight)
        self._policy = policy
        self._cluster_uid = cluster_uid
        self._slots = asyncio.Semaphore(AT_ONCE)

    @performs(COUNT_TARGETS)
    async def count_targets(self, call: CountTargets) -> Targets:
        """Raises `NotPermitted` for another cluster, or when one of the lists is refused."""
        if call.cluster_uid != self._cluster_uid:
            raise NotPermitted("this worker is another cluster's")
        policy = self._policy.read()
        labelled, nodes = await asyncio.gather(self._namespaces.labelled(), self._count(port.NODES, ""))
        names = names_of(item for item in labelled if enrolled(item, policy))
        counts = await asyncio.gather(*(self._workloads(name) for name in sorted(names)))
        return Targets(workloads=sum(counts), nodes=nodes)

    async def _workloads(self, namespace: str) -> int:
        async with self._slots:
            return await self._count(port.DEPLOYMENTS, namespace)

    async def _count(self, resource: Resource, namespace: str) -> int:
        """One after the other, since thousands of nodes are more than should be held at once."""
        return len([None async for _ in paged(self._cluster, resource, namespace)])

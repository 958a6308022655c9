"""The cluster port with a memory: which rights were used, and which namespaces were read. For readers, which only read."""

from __future__ import annotations

from byteport.kubernetes import port
from byteport.kubernetes.port import ClusterPort, Listed, Resource
from tests.builders.unasked import Unasked


class Recorder(Unasked):
    """The port, noting each right that is used and how many requests are in flight."""

    def __init__(self, cluster: ClusterPort) -> None:
        self._cluster = cluster
        self.used: set[tuple[str, str, str]] = set()
        self.read: set[tuple[str, str]] = set()

    def _note(self, verb: str, resource: Resource, namespace: str, subresource: str = "") -> None:
        name = "/".join(filter(None, (resource.plural, subresource)))
        self.used.add((resource.group, name, verb))
        self.read.add((resource.plural, namespace))

    async def get(self, resource: Resource, namespace: str, name: str) -> port.JSON:
        self._note("get", resource, namespace)
        return await self._cluster.get(resource, namespace, name)

    async def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> Listed:
        self._note("list", resource, namespace)
        return await self._cluster.list(resource, namespace, labels=labels, fields=fields, limit=limit)

    async def evict_dry_run(self, namespace: str, pod: str) -> None:
        self._note("create", port.PODS, namespace, "eviction")
        await self._cluster.evict_dry_run(namespace, pod)

    async def logs(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, tail_lines: int = 50
    ) -> str:
        self._note("get", port.PODS, namespace, "log")
        assert tail_lines == 50
        return await self._cluster.logs(namespace, pod, container, previous=previous, tail_lines=tail_lines)

    async def close(self) -> None:
        await self._cluster.close()

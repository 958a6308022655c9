"""An administrator's hands: on the simulated cluster by its own commands, on the real control plane as `admin`.

Comes before `ground.py`, which has the words that scenarios use. Nothing here goes through the agent's port.
"""

from __future__ import annotations

import asyncio
import copy
from abc import ABC, abstractmethod
from typing import Any

from activities.kubernetes.paths import collection_path, object_path
from byteport.boundary.names import ROLLBACK_ALLOWED, ROLLBACK_LABEL
from byteport.errors import TargetGone
from byteport.kubernetes.port import DEPLOYMENTS, STATEFUL_SETS, Resource
from byteport.sandbox.controlplane import ApiRefused, ControlPlane
from byteport.sandbox.simulated import SimulatedCluster
from byteport.sandbox.simulated.kinds import KINDS
from tests.scenarios.model import Cluster

JSON = dict[str, Any]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
NOT_FOUND = 404

FURTHER = {
    ("v1", "Secret"): Resource("", "v1", "secrets"),
    ("v1", "PersistentVolumeClaim"): Resource("", "v1", "persistentvolumeclaims"),
    ("networking.k8s.io/v1", "NetworkPolicy"): Resource("networking.k8s.io", "v1", "networkpolicies"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"): Resource(
        "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations"
    ),
}
"""Kinds that only an API server keeps."""
RESOURCES = {(kind.api_version, kind.name): kind.resource for kind in KINDS} | FURTHER
CLUSTER_WIDE = frozenset({"nodes", "namespaces", "validatingwebhookconfigurations"})


class Hands(ABC):
    """See the module."""

    cluster: Cluster

    @abstractmethod
    async def put(self, item: JSON, *, manager: str, server_side: bool) -> None:
        """Create or replace."""

    @abstractmethod
    async def merge(self, resource: Resource, namespace: str, name: str, patch: JSON, *, manager: str) -> None: ...

    @abstractmethod
    async def set_status(self, resource: Resource, namespace: str, name: str, status: JSON) -> None: ...

    @abstractmethod
    async def remove(self, resource: Resource, namespace: str, name: str) -> None: ...

    @abstractmethod
    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        """Raises `TargetGone`."""

    @abstractmethod
    async def every(self, resource: Resource, namespace: str) -> list[JSON]:
        """All of a namespace, or of all when it is empty."""

    @abstractmethod
    async def log(self, namespace: str, pod: str, container: str, text: str) -> None: ...


class SimulatedHands(Hands):
    """On the simulated cluster."""

    cluster = Cluster.SIMULATED

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster

    async def put(self, item: JSON, *, manager: str, server_side: bool) -> None:
        resource = RESOURCES[item["apiVersion"], item["kind"]]
        before = self._find(resource, item["metadata"].get("namespace", ""), item["metadata"]["name"])
        if before is not None:
            item = {**item, "metadata": {**before["metadata"], **item["metadata"], **_kept(before, item)}}
        await self._cluster.apply(item, manager=manager, server_side=server_side)

    async def merge(self, resource: Resource, namespace: str, name: str, patch: JSON, *, manager: str) -> None:
        if resource in (DEPLOYMENTS, STATEFUL_SETS):
            draft = merged(await self.get(resource, namespace, name), patch)
            await self._cluster.apply(draft, manager=manager)
            return
        with self._cluster._editing(resource, namespace, name) as draft:
            changed = merged(draft, patch)
            draft.clear()
            draft.update(changed)

    async def set_status(self, resource: Resource, namespace: str, name: str, status: JSON) -> None:
        with self._cluster._editing(resource, namespace, name) as draft:
            draft["status"] = merged(draft.get("status") or {}, status)

    async def remove(self, resource: Resource, namespace: str, name: str) -> None:
        await self._cluster.remove(resource, namespace, name)

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        self._cluster.tick()
        found = self._find(resource, namespace, name)
        if found is None:
            raise TargetGone(f"{resource.plural} {namespace}/{name}")
        return copy.deepcopy(found)

    async def every(self, resource: Resource, namespace: str) -> list[JSON]:
        self._cluster.tick()
        return [copy.deepcopy(item) for item in self._cluster._store.all(resource, namespace)]

    async def log(self, namespace: str, pod: str, container: str, text: str) -> None:
        for previous in (False, True):
            await self._cluster.set_log(namespace, pod, container, text, previous=previous)

    def _find(self, resource: Resource, namespace: str, name: str) -> JSON | None:
        return self._cluster._store.find(resource, namespace, name)


class ControlPlaneHands(Hands):
    """On the real control plane."""

    cluster = Cluster.CONTROL_PLANE

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def put(self, item: JSON, *, manager: str, server_side: bool) -> None:
        resource = RESOURCES[item["apiVersion"], item["kind"]]
        if resource == DEPLOYMENTS:  # its owner lets it be rolled back
            labels = {ROLLBACK_LABEL: ROLLBACK_ALLOWED, **(item["metadata"].get("labels") or {})}
            item = {**item, "metadata": {**item["metadata"], "labels": labels}}
        namespace, name = item["metadata"].get("namespace", ""), item["metadata"]["name"]
        path, query = _path(resource, namespace, name), f"?fieldManager={manager}"
        if server_side:
            await self._call("PATCH", f"{path}{query}&force=true", item, "application/apply-patch+yaml")
            return
        try:
            before = await self._call("GET", path)
        except ApiRefused as error:
            if error.status != NOT_FOUND:
                raise
            await self._call("POST", collection_path(resource, _home(resource, namespace)) + query, item)
            return
        item = {**item, "metadata": {**before["metadata"], **item["metadata"], **_kept(before, item)}}
        item["metadata"].pop("resourceVersion", None)
        await self._call("PUT", path + query, item)

    async def merge(self, resource: Resource, namespace: str, name: str, patch: JSON, *, manager: str) -> None:
        await self._call("PATCH", f"{_path(resource, namespace, name)}?fieldManager={manager}", patch, STRATEGIC)

    async def set_status(self, resource: Resource, namespace: str, name: str, status: JSON) -> None:
        await self._call("PATCH", f"{_path(resource, namespace, name)}/status", {"status": status}, STRATEGIC)

    async def remove(self, resource: Resource, namespace: str, name: str) -> None:
        await self._call("DELETE", _path(resource, namespace, name), {"propagationPolicy": "Background"})

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        try:
            return await self._call("GET", _path(resource, namespace, name))
        except ApiRefused as error:
            if error.status == NOT_FOUND:
                raise TargetGone(f"{resource.plural} {namespace}/{name}") from error
            raise

    async def every(self, resource: Resource, namespace: str) -> list[JSON]:
        found = await self._call("GET", collection_path(resource, _home(resource, namespace)))
        items: list[JSON] = found["items"]
        return items

    async def log(self, namespace: str, pod: str, container: str, text: str) -> None:
        for previous in (False, True):
            await asyncio.to_thread(self._plane.write_log, namespace, pod, container, text, previous=previous)

    async def _call(
        self, method: str, path: str, body: JSON | None = None, content_type: str = "application/json"
    ) -> JSON:
        return await asyncio.to_thread(self._plane.api.call, method, path, body, content_type=content_type)


def _home(resource: Resource, namespace: str) -> str:
    return "" if resource.plural in CLUSTER_WIDE else namespace


def _path(resource: Resource, namespace: str, name: str) -> str:
    return object_path(resource, _home(resource, namespace), name)


def _kept(before: JSON, item: JSON) -> JSON:
    """Annotations and labels that the cluster wrote stay beside those that are given now."""
    return {
        field: {**(before["metadata"].get(field) or {}), **(item["metadata"].get(field) or {})}
        for field in ("annotations", "labels")
        if before["metadata"].get(field) or item["metadata"].get(field)
    }


def merged(item: JSON, patch: JSON) -> JSON:
    """`item` with `patch` merged into it: objects key by key, lists of named things by name, None takes away."""
    result = copy.deepcopy(item)
    for key, value in patch.items():
        before = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(before, dict):
            result[key] = merged(before, value)
        elif isinstance(value, list) and isinstance(before, list):
            result[key] = _merged_list(before, value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _merged_list(before: list[Any], after: list[Any]) -> list[Any]:
    key = next((word for word in ("name", "type") if all(isinstance(one, dict) and word in one for one in after)), None)
    if key is None:
        return copy.deepcopy(after)
    kept = {one[key]: one for one in before if isinstance(one, dict) and key in one}
    for one in after:
        kept[one[key]] = merged(kept.get(one[key], {}), one)
    return list(kept.values())

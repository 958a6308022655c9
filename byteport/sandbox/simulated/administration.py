"""What an administrator does to the simulated cluster: the commands of kubectl that the demo and the tests need.

Comes after `port.py`, before `cluster.py`. None of it goes through the port, and none of it is recorded: the port's
writes are the agent's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from byteport.kubernetes.port import DEPLOYMENTS, NAMESPACES, NODES, PODS, Resource
from byteport.sandbox.controlplane.stages import BACKOFF_ANNOTATION, FAULT_ANNOTATION, Fault
from byteport.sandbox.simulated import ownership
from byteport.sandbox.simulated.clocks import stamp
from byteport.sandbox.simulated.conditions import set_condition
from byteport.sandbox.simulated.copies import copied
from byteport.sandbox.simulated.kinds import kind_of_object
from byteport.sandbox.simulated.objects import checked
from byteport.sandbox.simulated.port import SimulatedPort
from byteport.sandbox.simulated.scripts import Reply
from byteport.sandbox.simulated.shapes import deployment, merge, namespace
from byteport.sandbox.simulated.store import Store

JSON = dict[str, Any]

KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
CONTROLLED = (
    "Pod",
    "ReplicaSet",
    "Deployment",
    "PodDisruptionBudget",
    "ResourceQuota",
    "Node",
    "HorizontalPodAutoscaler",
)


class Administration(SimulatedPort):
    """The port's cluster, and an administrator's hands on it."""

    async def apply(
        self, *objects: Mapping[str, Any], manager: str = "kubectl-client-side-apply", server_side: bool = False
    ) -> list[JSON]:
        """Create or replace objects, as `kubectl apply` of whole files does. A new namespace is made if need be.

        `manager` and `server_side` are how the write is kept in `managedFields`.
        """
        applied = []
        for item in objects:
            home = item["metadata"].get("namespace")
            if home and self._store.find(NAMESPACES, "", home) is None:
                self._put(namespace(home))
            applied.append(copied(self._put(dict(item), manager, "Apply" if server_side else "Update")))
        self.tick()
        return applied

    async def deploy(
        self,
        where: str,
        *,
        image: str,
        replicas: int | None = None,
        fault: Fault | str | None = None,
        backoff_seconds: int | None = None,
        progress_deadline_seconds: int | None = None,
        annotations: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> JSON:
        """Release `image` to the Deployment `where` ("namespace/name"): its first release, or the next one.

        `fault` and `backoff_seconds` go into the template; without them the release is healthy. `annotations` and
        `labels` are the Deployment's own; what is not given stays as it is (3 replicas, 600 s at first).
        """
        home, name = _split(where)
        before = self._store.find(DEPLOYMENTS, home, name)
        item = copied(before) if before else deployment(home, name, image=image)
        spec, metadata = item["spec"], item["metadata"]
        spec["template"]["spec"]["containers"][0]["image"] = image
        fate = {FAULT_ANNOTATION: str(fault) if fault else None}
        fate[BACKOFF_ANNOTATION] = str(backoff_seconds) if backoff_seconds is not None else None
        merge(spec["template"].setdefault("metadata", {}), "annotations", fate)
        merge(metadata, "annotations", annotations or {})
        merge(metadata, "labels", labels or {})
        if replicas is not None:
            spec["replicas"] = replicas
        if progress_deadline_seconds is not None:
            spec["progressDeadlineSeconds"] = progress_deadline_seconds
        return (await self.apply(item))[0]

    async def label_namespace(self, name: str, labels: Mapping[str, str | None]) -> None:
        """Set labels of a namespace, made if need be; None takes one away."""
        if self._store.find(NAMESPACES, "", name) is None:
            self._put(namespace(name))
        self._edit(NAMESPACES, "", name, "labels", labels)

    async def annotate_namespace(self, name: str, annotations: Mapping[str, str | None]) -> None:
        """Set annotations of a namespace; None takes one away."""
        self._edit(NAMESPACES, "", name, "annotations", annotations)

    async def annotate_pod(self, home: str, name: str, annotations: Mapping[str, str | None]) -> None:
        """Set annotations of a live pod, its fate among them; None takes one away."""
        self._edit(PODS, home, name, "annotations", annotations)

    async def annotate_deployment(self, where: str, annotations: Mapping[str, str | None]) -> None:
        """Set a Deployment's own annotations ("namespace/name"); None takes one away."""
        self._edit(DEPLOYMENTS, *_split(where), "annotations", annotations)

    async def pause(self, where: str, *, paused: bool = True) -> None:
        """`kubectl rollout pause`, or `resume`."""
        with self._editing(DEPLOYMENTS, *_split(where)) as draft:
            draft["spec"].pop("paused", None)
            if paused:
                draft["spec"]["paused"] = True
        self.tick()

    async def scale(self, where: str, replicas: int) -> None:
        """`kubectl scale` of a Deployment."""
        with self._editing(DEPLOYMENTS, *_split(where)) as draft:
            draft["spec"]["replicas"] = replicas
        self.tick()

    async def remove(self, resource: Resource, home: str, name: str) -> None:
        """`kubectl delete` without preconditions; what it controlled goes with it. Raises `TargetGone`."""
        self._delete(resource, home, name)
        self.tick()

    async def set_finalizers(self, resource: Resource, home: str, name: str, finalizers: Sequence[str]) -> None:
        """Finalizers hold a deleted object (a pod stays Terminating) until they are taken away."""
        with self._editing(resource, home, name) as draft:
            draft["metadata"].pop("finalizers", None)
            if finalizers:
                draft["metadata"]["finalizers"] = [*finalizers]
        self.tick()

    async def set_node_condition(self, name: str, type_: str, status: str, reason: str = "Simulated") -> None:
        """What a kubelet would report of its node: `Ready`, `MemoryPressure`, `DiskPressure`, `PIDPressure`."""
        with self._editing(NODES, "", name) as draft:
            set_condition(draft["status"], type_, status, stamp(self._simulation.now), reason=reason)
        self.tick()

    async def set_log(self, home: str, pod: str, container: str, text: str, *, previous: bool = False) -> None:
        """What a container prints, or printed before its last restart; `pod` may be a prefix before a dash."""
        self.scripts.set_log(home, pod, container, text, previous=previous)

    async def set_reply(self, home: str, pod: str, container: str, argv: Sequence[str], reply: Reply) -> None:
        """What exactly `argv` answers in a container; `pod` may be a prefix before a dash."""
        self.scripts.set_reply(home, pod, container, argv, reply)

    @property
    def _store(self) -> Store:
        return self._simulation.store

    @contextmanager
    def _editing(self, resource: Resource, home: str, name: str) -> Iterator[JSON]:
        """The object to change; checked and written at the end. Raises `TargetGone`."""
        draft = copied(self._existing(resource, home, name))
        yield draft
        self._store.replace(checked(draft))
        self.tick()

    def _edit(self, resource: Resource, home: str, name: str, field: str, changes: Mapping[str, str | None]) -> None:
        with self._editing(resource, home, name) as draft:
            merge(draft["metadata"], field, changes)

    def _put(self, item: JSON, manager: str = "", operation: Literal["Apply", "Update"] = "Update") -> JSON:
        item = checked(item)
        kind, metadata = kind_of_object(item), item["metadata"]
        if kind.namespaced:
            metadata.setdefault("namespace", "default")
        before = self._store.find(kind.resource, metadata.get("namespace", ""), metadata["name"])
        ownership.note(before, item, manager=manager, operation=operation, now=self._simulation.now)
        if before is None:
            return self._store.create(item)
        for field in KEPT:
            if field in before["metadata"]:
                metadata[field] = before["metadata"][field]
        if "status" in before and (kind.name in CONTROLLED or "status" not in item):
            item["status"] = before["status"]
        return self._store.replace(item)


def _split(where: str) -> tuple[str, str]:
    """ "namespace/name"."""
    home, _, name = where.partition("/")
    return home, name

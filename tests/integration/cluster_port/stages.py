"""A cluster with an administrator, simulated or real, as the suite needs it: the port, and hands beside it.

Comes before `conftest.py`, whose fixture `stage` chooses one of the two. Both speak of one namespace, which is the
test's own.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from activities.kubernetes.client import KubernetesCluster, connect
from byteport.kubernetes.port import DEPLOYMENTS, JSON, PODS, Attribution, ClusterPort, Resource
from byteport.sandbox.controlplane import FAULT_ANNOTATION, READINESS, ApiRefused, ControlPlane, MetricsState
from byteport.sandbox.controlplane.node_disks import NodeDisks
from byteport.sandbox.simulated import Filling, ManualClock, Reply, Right, SimulatedCluster
from byteport.sandbox.simulated.access import DEFAULT_RIGHTS
from byteport.sandbox.simulated.kinds import kind_of_object
from tests.cluster.accounts import account_with

T = TypeVar("T")

BY = Attribution(action_id="a" * 64, audit_id="2f1f8b66-5a57-4f0a-9f5e-5d1c9b3f0a01", field_manager="byteport-suite")
WITHIN_SECONDS = 60.0
STEP_SECONDS = 0.1


class Stage(Protocol):
    """What the suite asks of a cluster. `port` has every right."""

    port: ClusterPort
    namespace: str
    quiet_seconds: int
    """After so long a quiet watch has had a bookmark."""

    async def elapse(self, seconds: float) -> None:
        """Let that much of the cluster's time pass."""

    async def apply(self, *objects: Mapping[str, Any]) -> None: ...

    async def annotate_pod(self, name: str, annotations: Mapping[str, str | None]) -> None: ...

    async def label_namespace(self, labels: Mapping[str, str]) -> None: ...

    async def remove_deployment(self, name: str) -> None: ...

    async def set_finalizers(self, pod: str, finalizers: Sequence[str]) -> None: ...

    async def set_log(self, pod: str, container: str, text: str, *, previous: bool = False) -> None: ...

    async def set_reply(self, pod: str, container: str, argv: Sequence[str], reply: Reply) -> None: ...

    async def set_load(self, deployment: str, *, cpu_total: str, memory_total: str = "2Mi") -> None:
        """What the Ready pods of a Deployment use between them."""

    def metrics(self, state: MetricsState) -> Any:
        """An async context in which the metrics API answers so; it serves before and after."""

    def full_disk(self, node: str, what: Filling, *, percent: float) -> Any:
        """An async context with the node helper on a node whose disk is so full of one thing."""

    async def expired_watch(self) -> tuple[Resource, str]:
        """A resource, and a resourceVersion that its watch is too late for."""

    def without(self, right: Right) -> Any:
        """An async context with a port whose credential lacks one right of the agent's."""

    # What both do alike, by the means above.

    async def deploy(
        self,
        name: str,
        *,
        image: str = "registry.example/app:1",
        replicas: int = 2,
        fault: str = "",
        annotations: Mapping[str, str] | None = None,
        resources: Mapping[str, Any] | None = None,
        probed: bool = True,
        **spec: Any,
    ) -> None:
        """Apply a Deployment of one container, `app`; `fault` goes into the template."""
        labels = {"app": name}
        fate = {FAULT_ANNOTATION: fault, "sim.byteport.io/backoff-s": "1"} if fault else {}
        template = {
            "metadata": {"labels": labels, **({"annotations": fate} if fate else {})},
            "spec": {
                "containers": [
                    {
                        "name": "app",
                        "image": image,
                        "resources": dict(resources or {}),
                        **({"readinessProbe": READINESS} if probed else {}),
                    }
                ]
            },
        }
        await self.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"namespace": self.namespace, "name": name, "annotations": dict(annotations or {})},
                "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec},
            }
        )

    async def eventually(self, look: Callable[[], Awaitable[T | None]], *, within: float = WITHIN_SECONDS) -> T:
        """What `look` gives once it gives something true; fails when it does not in the cluster's own time."""
        waited = 0.0
        while True:
            begun = time.monotonic()
            if seen := await look():
                return seen
            assert waited < within, f"not seen within {within} s"
            await self.elapse(STEP_SECONDS)
            waited += max(STEP_SECONDS, time.monotonic() - begun)

    async def deployment(self, name: str) -> JSON:
        return await self.port.get(DEPLOYMENTS, self.namespace, name)

    async def pods(self, app: str) -> list[JSON]:
        """The pods of a Deployment, by name, those that are being deleted too."""
        listed = await self.port.list(PODS, self.namespace, labels=f"app={app}")
        return sorted(listed.items, key=lambda pod: str(pod["metadata"]["name"]))

    async def complete(self, name: str, *, within: float = WITHIN_SECONDS) -> JSON:
        """The Deployment, once its newest template is all there is and all of it is available."""

        async def look() -> JSON | None:
            item = await self.deployment(name)
            status, wanted = item.get("status") or {}, item["spec"]["replicas"]
            counts = [status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")]
            seen = status.get("observedGeneration") == item["metadata"]["generation"]
            return item if seen and counts == [wanted] * 3 else None

        return await self.eventually(look, within=within)

    async def only_pod(self, app: str) -> JSON:
        """The one pod of a Deployment, once it says anything of its containers."""

        async def look() -> JSON | None:
            pods = await self.pods(app)
            return pods[0] if pods and pods[0]["status"].get("containerStatuses") else None

        return await self.eventually(look)


class SimulatedStage(Stage):
    """The simulated cluster, whose time the suite turns by hand."""

    quiet_seconds = 1

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._clock = ManualClock()
        self._cluster = SimulatedCluster(self._clock)
        self.port = self._cluster

    async def elapse(self, seconds: float) -> None:
        self._cluster.advance(seconds)
        await asyncio.sleep(0)

    async def apply(self, *objects: Mapping[str, Any]) -> None:
        await self._cluster.apply(*objects)

    async def annotate_pod(self, name: str, annotations: Mapping[str, str | None]) -> None:
        await self._cluster.annotate_pod(self.namespace, name, annotations)

    async def label_namespace(self, labels: Mapping[str, str]) -> None:
        await self._cluster.label_namespace(self.namespace, labels)

    async def remove_deployment(self, name: str) -> None:
        await self._cluster.remove(DEPLOYMENTS, self.namespace, name)

    async def set_finalizers(self, pod: str, finalizers: Sequence[str]) -> None:
        await self._cluster.set_finalizers(PODS, self.namespace, pod, finalizers)

    async def set_log(self, pod: str, container: str, text: str, *, previous: bool = False) -> None:
        await self._cluster.set_log(self.namespace, pod, container, text, previous=previous)

    async def set_reply(self, pod: str, container: str, argv: Sequence[str], reply: Reply) -> None:
        await self._cluster.set_reply(self.namespace, pod, container, argv, reply)

    async def set_load(self, deployment: str, *, cpu_total: str, memory_total: str = "2Mi") -> None:
        await self._cluster.set_load(
            self.namespace, deployment, cpu_cores_total=cpu_total, memory_total=memory_total, cpu_each=0, memory_each=0
        )

    @asynccontextmanager
    async def metrics(self, state: MetricsState) -> AsyncIterator[None]:
        serves, broken = state is MetricsState.SERVING, state is MetricsState.BROKEN
        await self._cluster.metrics_available(serves, broken=broken)
        yield
        await self._cluster.metrics_available(True)

    @asynccontextmanager
    async def full_disk(self, node: str, what: Filling, *, percent: float) -> AsyncIterator[None]:
        await self._cluster.install_node_helper()
        await self._cluster.fill_disk(node, what, percent=percent)
        yield

    async def expired_watch(self) -> tuple[Resource, str]:
        before = (await self.port.list(PODS, self.namespace)).resource_version
        await self.deploy("expired")
        await self.complete("expired")
        self._cluster.compact()
        return PODS, before

    @asynccontextmanager
    async def without(self, right: Right) -> AsyncIterator[ClusterPort]:
        self._cluster.access.revoke(right)
        yield self._cluster
        self._cluster.access.grant(right)


class RealStage(Stage):
    """The real control plane, in real time."""

    quiet_seconds = 12
    """etcd tells the API server every five seconds how far it is; there is no bookmark before it has."""

    def __init__(self, plane: ControlPlane, port: KubernetesCluster, namespace: str) -> None:
        self._plane = plane
        self.port = port
        self.namespace = namespace

    async def begin(self) -> None:
        """Make the namespace; returns when pods can be made in it. Before that a ReplicaSet says that it cannot."""
        await self.apply(namespace_of(self))

        async def has_account() -> bool:
            path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default"
            try:
                await asyncio.to_thread(self._plane.api.call, "GET", path)
            except ApiRefused:
                return False
            return True

        await self.eventually(has_account)

    async def elapse(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def apply(self, *objects: Mapping[str, Any]) -> None:
        for item in objects:
            kind = kind_of_object(dict(item))
            group, version, plural = kind.resource
            root = f"/apis/{group}/{version}" if group else f"/api/{version}"
            home = f"/namespaces/{self.namespace}" if kind.namespaced else ""
            path = f"{root}{home}/{plural}/{item['metadata']['name']}"
            await asyncio.to_thread(self._plane.api.apply, path, json.loads(json.dumps(item)))

    async def annotate_pod(self, name: str, annotations: Mapping[str, str | None]) -> None:
        await self._merge(name, {"metadata": {"annotations": dict(annotations)}})

    async def label_namespace(self, labels: Mapping[str, str]) -> None:
        item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": dict(labels)}}
        await self.apply(item)

    async def remove_deployment(self, name: str) -> None:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{name}"
        await asyncio.to_thread(self._plane.api.call, "DELETE", path)

        async def gone() -> bool:
            return await self.pods(name) == []

        await self.eventually(gone)

    async def set_finalizers(self, pod: str, finalizers: Sequence[str]) -> None:
        await self._merge(pod, {"metadata": {"finalizers": [*finalizers] or None}})

    async def set_log(self, pod: str, container: str, text: str, *, previous: bool = False) -> None:
        self._plane.write_log(self.namespace, pod, container, text, previous=previous)

    async def set_reply(self, pod: str, container: str, argv: Sequence[str], reply: Reply) -> None:
        self._plane.write_exec(
            self.namespace,
            pod,
            container,
            argv,
            stdout=reply.stdout,
            stderr=reply.stderr,
            exit_code=reply.exit_code,
        )

    async def set_load(self, deployment: str, *, cpu_total: str, memory_total: str = "2Mi") -> None:
        await asyncio.to_thread(
            self._plane.set_load, self.namespace, deployment, cpu_total=cpu_total, memory_total=memory_total
        )

    @asynccontextmanager
    async def metrics(self, state: MetricsState) -> AsyncIterator[None]:
        await asyncio.to_thread(self._plane.set_metrics, state)
        try:
            yield
        finally:
            await asyncio.to_thread(self._plane.set_metrics, MetricsState.SERVING)

    @asynccontextmanager
    async def full_disk(self, node: str, what: Filling, *, percent: float) -> AsyncIterator[None]:
        node_disks = NodeDisks(self._plane)
        await asyncio.to_thread(node_disks.install_helper, node)
        await asyncio.to_thread(node_disks.fill, node, what, percent=percent)
        try:
            yield
        finally:
            await asyncio.to_thread(node_disks.mend, node)

    async def expired_watch(self) -> tuple[Resource, str]:
        """A kind that is younger than the version: its watch has never known it."""
        resource = Resource("suite.byteport.io", "v1", "things")
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        name = f"{resource.plural}.{resource.group}"
        body = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": name},
            "spec": {
                "group": resource.group,
                "names": {"plural": resource.plural, "kind": "Thing"},
                "scope": "Namespaced",
                "versions": [{"name": resource.version, "served": True, "storage": True, "schema": schema}],
            },
        }
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + name
        await asyncio.to_thread(self._plane.api.apply, path, body)

        async def served() -> bool:
            try:
                await asyncio.to_thread(
                    self._plane.api.call, "GET", f"/apis/{resource.group}/{resource.version}/{resource.plural}"
                )
            except ApiRefused:
                return False
            return True

        await self.eventually(served)
        return resource, "1"

    @asynccontextmanager
    async def without(self, right: Right) -> AsyncIterator[ClusterPort]:
        rules = [
            {
                "apiGroups": [one.resource.group],
                "resources": ["/".join(filter(None, [one.resource.plural, one.subresource]))],
                "verbs": [one.verb],
            }
            for one in sorted(DEFAULT_RIGHTS - {right._replace(namespace="")})
        ]
        kubeconfig = await asyncio.to_thread(account_with, self._plane, rules)
        async with await connect(kubeconfig) as port:

            async def gone() -> bool:
                return not await port.review(right.verb, right.resource, self.namespace, subresource=right.subresource)

            await self.eventually(gone)
            yield port

    async def _merge(self, pod: str, patch: JSON) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}"
        content_type = "application/merge-patch+json"
        await asyncio.to_thread(self._plane.api.call, "PATCH", path, patch, content_type=content_type)


def namespace_of(stage: Stage) -> JSON:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage.namespace}}


@asynccontextmanager
async def real_stage(plane: ControlPlane) -> AsyncIterator[RealStage]:
    """The real control plane, with a namespace that goes afterwards."""
    async with await connect(plane.kubeconfig) as port:
        real = RealStage(plane, port, f"suite-{secrets.token_hex(4)}")
        await real.begin()
        yield real
        plane.kubectl("delete", "namespace", real.namespace, "--wait=false")

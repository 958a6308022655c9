"""The ground of one scenario: a namespace that is enabled, one that is not, their workloads, and an administrator.

The administrator's hands never go through what the agent uses, and every object that they touch is noted: what they
change is the scenario's doing, what else changes is harm. Comes after `hands.py`; `steps.py` is written in its words.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from byteport.kubernetes.port import DEPLOYMENTS, PODS, Resource
from byteport.sandbox.controlplane import BACKOFF_ANNOTATION, FAULT_ANNOTATION, READINESS
from tests.agent.agent import Agent
from tests.agent.places import APP, Place, eventually
from tests.scenarios.hands import Hands, merged
from tests.scenarios.model import Cluster

JSON = dict[str, Any]

NEIGHBOUR = "neighbour"
STEP_SECONDS = 60.0
PROGRESS_DEADLINE_SECONDS = 2


class Ground:
    """See the module."""

    def __init__(self, hands: Hands, place: Place, outside: str, *, selector: Mapping[str, str] | None = None) -> None:
        self.hands = hands
        self.place = place
        self.namespace = place.namespace
        self.outside = outside
        self.selector = dict(selector or {})
        """Labels of the nodes on which its pods run: nothing else fails there."""
        self.replicas = 3
        self.deadline_seconds = PROGRESS_DEADLINE_SECONDS
        self.backoff_seconds = 1
        self.probed = True
        self.names: dict[str, str] = {}
        """What the steps have chosen: `victim` is the pod that is at fault."""
        self.touched: set[tuple[str, str, str]] = set()
        """Plural, namespace and name of everything that the administrator has changed."""
        self.agent: Agent | None = None
        """Once it serves: what is reported to it by people and alerts goes to it."""
        self.good: JSON | None = None
        """The template that is known to be good."""

    @property
    def cluster(self) -> Cluster:
        return self.hands.cluster

    @property
    def registry(self) -> str:
        """A registry of its own: what fails to be pulled is nobody else's trouble."""
        return f"registry-{self.namespace}.example"

    # -- objects ----------------------------------------------------------------------------------------------------

    async def put(self, item: JSON, *, manager: str = "kubectl-client-side-apply", server_side: bool = False) -> None:
        """Create an object, or replace it, as `kubectl apply` does."""
        await self.hands.put(item, manager=manager, server_side=server_side)
        self._note(item["kind"].lower() + "s", item["metadata"].get("namespace", ""), item["metadata"]["name"])

    async def merge(
        self, resource: Resource, name: str, patch: JSON, *, namespace: str | None = None, manager: str = "kubectl-edit"
    ) -> None:
        """A merge patch of an object's spec and metadata."""
        home = self.namespace if namespace is None else namespace
        await self.hands.merge(resource, home, name, patch, manager=manager)
        self._note(resource.plural, home, name)

    async def set_status(self, resource: Resource, name: str, status: JSON, *, namespace: str | None = None) -> None:
        """What a kubelet or a controller would report of it: merged into the status."""
        home = self.namespace if namespace is None else namespace
        await self.hands.set_status(resource, home, name, status)
        self._note(resource.plural, home, name)

    async def remove(self, resource: Resource, name: str, *, namespace: str | None = None) -> None:
        """`kubectl delete`."""
        home = self.namespace if namespace is None else namespace
        await self.hands.remove(resource, home, name)
        self._note(resource.plural, home, name)

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> JSON:
        return await self.hands.get(resource, self.namespace if namespace is None else namespace, name)

    async def every(self, resource: Resource, *, namespace: str | None = None) -> list[JSON]:
        return await self.hands.every(resource, self.namespace if namespace is None else namespace)

    async def pods(self, app: str = APP, *, namespace: str | None = None) -> list[JSON]:
        """The live pods of a workload, oldest first."""
        found = [
            pod
            for pod in await self.every(PODS, namespace=namespace)
            if (pod["metadata"].get("labels") or {}).get("app") == app and "deletionTimestamp" not in pod["metadata"]
        ]
        return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))

    async def log(self, text: str, *, pod: str = APP, container: str = APP, namespace: str | None = None) -> None:
        """What a container prints, and printed before it was restarted; `pod` may be the beginning of its name."""
        await self.hands.log(namespace or self.namespace, pod, container, text)

    def _note(self, plural: str, namespace: str, name: str) -> None:
        self.touched.add((plural, namespace, name))

    # -- workloads --------------------------------------------------------------------------------------------------

    async def release(
        self,
        version: int,
        *,
        app: str = APP,
        namespace: str | None = None,
        fault: str | None = None,
        replicas: int | None = None,
        annotations: Mapping[str, str] | None = None,
        spec: JSON | None = None,
        deployment: JSON | None = None,
        manager: str = "kubectl-client-side-apply",
        server_side: bool = False,
    ) -> None:
        """The first release of a Deployment, or the next: `fault` is in its template and stays until another one.

        `spec` is merged into the pods' spec, `deployment` into the Deployment.
        """
        home, labels = namespace or self.namespace, {"app": app}
        fate = {FAULT_ANNOTATION: fault, BACKOFF_ANNOTATION: str(self.backoff_seconds)} if fault else {}
        container: JSON = {"name": app, "image": f"{self.registry}/{app}:{version}"}
        if self.probed:
            container["readinessProbe"] = copy.deepcopy(READINESS)
        pod_spec: JSON = {"containers": [container]}
        if self.selector:
            pod_spec["nodeSelector"] = self.selector
        item: JSON = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": app, "namespace": home, "labels": labels},
            "spec": {
                "replicas": self.replicas if replicas is None else replicas,
                "progressDeadlineSeconds": self.deadline_seconds,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels, "annotations": {**fate, **(annotations or {})}},
                    "spec": merged(pod_spec, spec or {}),
                },
            },
        }
        await self.put(merged(item, deployment or {}), manager=manager, server_side=server_side)

    async def deployment(self, app: str = APP, *, namespace: str | None = None) -> JSON:
        return await self.get(DEPLOYMENTS, app, namespace=namespace)

    async def serves(self, app: str = APP, *, namespace: str | None = None) -> None:
        """Wait until the newest release is all there is, and available."""

        async def look() -> bool:
            return is_complete(await self.deployment(app, namespace=namespace))

        await self.until(f"{namespace or self.namespace}/{app} to serve", look)

    async def is_good(self) -> None:
        """What `web` runs now is what a repair has to come back to."""
        self.good = copy.deepcopy((await self.deployment())["spec"]["template"])

    async def condition(self, reason: str, *, app: str = APP) -> None:
        """Wait until the Deployment's controller says so."""

        async def look() -> bool:
            conditions = ((await self.deployment(app)).get("status") or {}).get("conditions") or []
            return any(one.get("reason") == reason for one in conditions)

        await self.until(f"{app} to be {reason}", look)

    # -- time -------------------------------------------------------------------------------------------------------

    async def until(self, what: str, look: Callable[[], Awaitable[bool]], *, within: float = STEP_SECONDS) -> None:
        """Wait for a condition; where time can be turned, it goes faster meanwhile."""

        async def looks() -> bool:
            await self.place.elapse(0.5)
            return await look()

        await eventually(what, looks, within=within)


def is_complete(deployment: JSON) -> bool:
    """Whether the newest release is all there is, and available."""
    status = deployment.get("status") or {}
    counts = {status.get(field) or 0 for field in ("replicas", "updatedReplicas", "availableReplicas")}
    seen = status.get("observedGeneration") == deployment["metadata"].get("generation")
    return bool(seen and counts == {deployment["spec"]["replicas"]})


def is_ready(pod: JSON) -> bool:
    """By its own condition."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

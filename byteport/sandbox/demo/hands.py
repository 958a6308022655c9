"""The administrator of the demo, who deploys things and breaks them. Two pairs of hands: the simulated cluster's, kubectl's.

The agent's own port is never used here, so that whatever the agent does can be told from what the demo did.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from byteport.domain.ceilings import Ceiling
from byteport.errors import ConfigError
from byteport.kubernetes.port import DEPLOYMENTS, NAMESPACES, NODES, PODS
from byteport.sandbox.assembly import Sandbox
from byteport.sandbox.controlplane import BACKOFF_ANNOTATION, FAULT_ANNOTATION, ControlPlane, Fault
from byteport.sandbox.controlplane.kubectl import run as kubectl
from byteport.sandbox.demo.manifests import GREEDY, POISON, deployment, namespace
from byteport.sandbox.simulated import SimulatedCluster

JSON = dict[str, Any]

ENABLED = "byteport.io/enabled"
PROGRESS_DEADLINE_SECONDS = 5


class Hands(Protocol):
    """What the demo does to a cluster, as its administrator."""

    async def make_namespace(self, name: str) -> None:
        """Make it; the agent may not even look at it."""

    async def enable(self, namespace: str, ceiling: Ceiling) -> None:
        """Give it to the agent, so far; what the ceiling names is there already."""

    async def deploy(
        self, namespace: str, name: str, *, version: int, replicas: int = 2, fault: Fault | None = None
    ) -> None:
        """Release a version; `fault` comes with the release and stays until another one."""

    async def sicken(self, namespace: str, pod: str, fault: Fault) -> None:
        """Let one live pod fail; the pod that replaces it is healthy."""

    async def replace(self, namespace: str, pod: str) -> None:
        """Take a pod away by hand, as a person who mends it does; its ReplicaSet makes a healthy one."""

    async def pods(self, namespace: str, name: str) -> list[JSON]:
        """The live pods of a Deployment."""

    async def deployment(self, namespace: str, name: str) -> JSON:
        """The Deployment as it is."""

    async def node(self, name: str) -> JSON:
        """The node as it is."""

    async def taint(self, node: str, key: str, value: str) -> None:
        """Let no new pod onto a node that does not tolerate it."""

    async def clean(self, namespaces: Sequence[str]) -> None:
        """Take the demo's namespaces away."""


class SimulatedHands:
    """On the simulated cluster."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster

    async def make_namespace(self, name: str) -> None:
        await self._cluster.label_namespace(name, {})

    async def enable(self, namespace: str, ceiling: Ceiling) -> None:  # noqa: ARG002  it enforces none
        await self._cluster.label_namespace(namespace, {ENABLED: "true"})

    async def deploy(
        self, namespace: str, name: str, *, version: int, replicas: int = 2, fault: Fault | None = None
    ) -> None:
        await self._cluster.deploy(
            f"{namespace}/{name}",
            image=f"registry.example/{name}:{version}",
            replicas=replicas,
            fault=fault,
            backoff_seconds=1 if fault else None,
            progress_deadline_seconds=PROGRESS_DEADLINE_SECONDS,
        )

    async def sicken(self, namespace: str, pod: str, fault: Fault) -> None:
        await self._cluster.annotate_pod(namespace, pod, {FAULT_ANNOTATION: str(fault), BACKOFF_ANNOTATION: "1"})

    async def replace(self, namespace: str, pod: str) -> None:
        await self._cluster.remove(PODS, namespace, pod)

    async def pods(self, namespace: str, name: str) -> list[JSON]:
        listed = await self._cluster.list(PODS, namespace, labels=f"app={name}")
        return [pod for pod in listed.items if "deletionTimestamp" not in pod["metadata"]]

    async def deployment(self, namespace: str, name: str) -> JSON:
        return await self._cluster.get(DEPLOYMENTS, namespace, name)

    async def node(self, name: str) -> JSON:
        return await self._cluster.get(NODES, "", name)

    async def taint(self, node: str, key: str, value: str) -> None:
        await self._cluster.taint_node(node, key, value)

    async def clean(self, namespaces: Sequence[str]) -> None:
        for name in namespaces:
            await self._cluster.remove(NAMESPACES, "", name)


class KubectlHands:
    """On a cluster with an API server, by kubectl and the administrator's kubeconfig."""

    def __init__(self, kubeconfig: Path, context: str | None = None, *, containers_run: bool) -> None:
        self._kubeconfig = kubeconfig
        self._containers_run = containers_run
        self._context = [f"--context={context}"] if context else []

    async def make_namespace(self, name: str) -> None:
        await self._apply(namespace(name, {}))

    async def enable(self, namespace: str, ceiling: Ceiling) -> None:  # noqa: ARG002  nothing of ours is installed there
        await self._kubectl("label", "namespace", namespace, f"{ENABLED}=true", "--overwrite")

    async def deploy(
        self, namespace: str, name: str, *, version: int, replicas: int = 2, fault: Fault | None = None
    ) -> None:
        await self._apply(
            deployment(
                namespace,
                name,
                version=version,
                replicas=replicas,
                fault=fault,
                deadline_seconds=PROGRESS_DEADLINE_SECONDS,
            )
        )

    async def sicken(self, namespace: str, pod: str, fault: Fault) -> None:
        annotations = (f"{FAULT_ANNOTATION}={fault}", f"{BACKOFF_ANNOTATION}=1")
        await self._kubectl("annotate", "pod", pod, f"--namespace={namespace}", "--overwrite", *annotations)
        if self._containers_run:
            file = GREEDY if fault is Fault.OOM else POISON
            await self._kubectl("exec", pod, f"--namespace={namespace}", "--", "touch", file)

    async def replace(self, namespace: str, pod: str) -> None:
        await self._kubectl("delete", "pod", pod, f"--namespace={namespace}", "--wait=false")

    async def pods(self, namespace: str, name: str) -> list[JSON]:
        found = await self._get("pods", f"--namespace={namespace}", f"--selector=app={name}")
        return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]

    async def deployment(self, namespace: str, name: str) -> JSON:
        return await self._get("deployment", name, f"--namespace={namespace}")

    async def node(self, name: str) -> JSON:
        return await self._get("node", name)

    async def taint(self, node: str, key: str, value: str) -> None:
        await self._kubectl("taint", "node", node, f"{key}={value}:NoSchedule", "--overwrite")

    async def clean(self, namespaces: Sequence[str]) -> None:
        await self._kubectl("delete", "namespace", *namespaces, "--ignore-not-found", "--wait=false")

    async def try_all(self, objects: Sequence[JSON]) -> str:
        """What the API server would say to all of it; nothing is changed."""
        return await self._kubectl("apply", "--dry-run=server", "--filename=-", stdin=_listed(objects))

    async def existing(self, namespaces: Sequence[str]) -> list[str]:
        """Which of these namespaces are there."""
        found = await self._kubectl("get", "namespaces", *namespaces, "--ignore-not-found", "--output=name")
        return [line.removeprefix("namespace/") for line in found.split()]

    async def _apply(self, *objects: JSON) -> None:
        await self._kubectl("apply", "--filename=-", stdin=_listed(objects))

    async def _get(self, *arguments: str) -> JSON:
        found: JSON = json.loads(await self._kubectl("get", *arguments, "--output=json"))
        return found

    async def _kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return await asyncio.to_thread(kubectl, self._kubeconfig, [*self._context, *arguments], stdin)


class PlaneHands(KubectlHands):
    """On the sandbox's own control plane, where the boundary is installed."""

    def __init__(self, plane: ControlPlane) -> None:
        super().__init__(plane.kubeconfig, containers_run=False)
        self._plane = plane

    async def enable(self, namespace: str, ceiling: Ceiling) -> None:
        """As `byteport enable` does."""
        await asyncio.to_thread(self._plane.enable, namespace, ceiling)


def _listed(objects: Sequence[JSON]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def hands_on(sandbox: Sandbox) -> Hands:
    """The hands for a sandbox that brought its own cluster."""
    if sandbox.cluster.simulated is not None:
        return SimulatedHands(sandbox.cluster.simulated)
    if sandbox.cluster.control_plane is not None:
        return PlaneHands(sandbox.cluster.control_plane)
    raise ConfigError("cluster", "a cluster of one's own has its own administrator")

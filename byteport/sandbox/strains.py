"""What goes wrong with load, memory and disks in a running sandbox, on either of its clusters.

Comes after the clusters, before `playground.py`, which asks for one by its name. Only an administrator's hands are used,
as in `demo/hands.py`: whatever the agent does can be told from what was done here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, Protocol

from byteport.errors import BytePortError, ConfigError
from byteport.sandbox.assembly import Sandbox
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.controlplane.kubectl import run as kubectl
from byteport.sandbox.controlplane.node_disks import HELPER_NAMESPACE, NodeDisks
from byteport.sandbox.simulated import Filling, SimulatedCluster

JSON = dict[str, Any]

ENABLED = "byteport.io/enabled"
NODE = "node-1"
BUSY = "busy"
"""The Deployment that carries load; an autoscaler of its name scales it."""
LEAKY = "leaky"
LIMIT_MIB = 256
REPLICAS = 2
ONE_A_MINUTE = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
SETTLE_SECONDS = 1.0


class Strain(StrEnum):
    """What goes wrong, as the word of `byteport sandbox break`."""

    DISK_IMAGES = "disk-images"
    """A node's disk is 90 % full, of images that nothing uses."""
    DISK_LOGS = "disk-logs"
    """A node's disk is 92 % full, of logs: no prune helps."""
    MEMORY_LEAK = "memory-leak"
    """A workload without an autoscaler stands at 94 % of its memory limit, and grows where that can be shown."""
    LOAD_SURGE = "load-surge"
    """A workload gets four times its load, and its autoscaler may add one pod a minute."""
    LOAD_AT_MAX = "load-at-max"
    """The same, and its autoscaler is at its maximum."""


class Strainer(Protocol):
    """An administrator's hands on one kind of cluster."""

    async def apply(self, *objects: JSON) -> None:
        """Create or change objects."""

    async def load(self, namespace: str, name: str, *, cpu_total: str, memory_each_mib: int, leak: bool) -> None:
        """What a Deployment's pods use: `cpu_total` between them, memory each."""

    async def fill(self, node: str, what: Filling, percent: float) -> str:
        """Give a node the node helper, fill its disk, and enrol it; where it fills."""

    async def hasten(self) -> None:
        """Let what this cluster measures and reports by itself follow within seconds, where that can be set."""

    async def close(self) -> None:
        """End what was begun here."""


async def strain(hands: Strainer, namespace: str, what: Strain) -> str:
    """Do it in an enrolled namespace, or to a node; what was done, for a person."""
    match what:
        case Strain.DISK_IMAGES | Strain.DISK_LOGS:
            filling = Filling.IMAGES if what is Strain.DISK_IMAGES else Filling.LOGS
            percent = 90 if what is Strain.DISK_IMAGES else 92
            where = await hands.fill(NODE, filling, percent)
            return f"the disk of {NODE} is {percent} % full, of {filling.value} in {where}"
        case Strain.MEMORY_LEAK:
            await hands.apply(deployment(namespace, LEAKY))
            await hands.load(namespace, LEAKY, cpu_total="100m", memory_each_mib=LIMIT_MIB * 94 // 100, leak=True)
            return f"{namespace}/deployment/{LEAKY} stands at 94 % of its memory limit"
        case Strain.LOAD_SURGE | Strain.LOAD_AT_MAX:
            ceiling = REPLICAS if what is Strain.LOAD_AT_MAX else 10
            await hands.apply(deployment(namespace, BUSY), autoscaler(namespace, BUSY, ceiling=ceiling))
            await hands.load(namespace, BUSY, cpu_total="800m", memory_each_mib=64, leak=False)
            return f"{namespace}/deployment/{BUSY} has four times its load; its autoscaler's maximum is {ceiling}"


def deployment(namespace: str, name: str) -> JSON:
    """A Deployment whose pods ask for a fifth of a core and may have a core."""
    resources = {
        "requests": {"cpu": "200m", "memory": "128Mi"},
        "limits": {"cpu": "1", "memory": f"{LIMIT_MIB}Mi"},
    }
    container = {"name": name, "image": "registry.example/busy:1", "resources": resources}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


def autoscaler(namespace: str, name: str, *, ceiling: int) -> JSON:
    """It keeps CPU at half of the requests, and adds at most one pod a minute."""
    target = {"type": "Utilization", "averageUtilization": 50}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": REPLICAS,
            "maxReplicas": ceiling,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": {"scaleUp": ONE_A_MINUTE},
        },
    }


class SimulatedStrainer:
    """On the simulated cluster."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster

    async def apply(self, *objects: JSON) -> None:
        await self._cluster.apply(*objects)

    async def load(self, namespace: str, name: str, *, cpu_total: str, memory_each_mib: int, leak: bool) -> None:
        await self._cluster.set_load(
            namespace,
            name,
            cpu_cores_total=cpu_total,
            cpu_each=0,
            memory_each=f"{memory_each_mib}Mi",
            leak_per_minute="1Mi" if leak else 0,
        )

    async def fill(self, node: str, what: Filling, percent: float) -> str:
        await self._cluster.label_node(node, {ENABLED: "true"})
        await self._cluster.install_node_helper()
        return await self._cluster.fill_disk(node, what, percent=percent)

    async def hasten(self) -> None:
        await self._cluster.set_autoscaler_period(1)
        await self._cluster.set_metrics_window(2)
        await self._cluster.set_pressure_transition(1)

    async def close(self) -> None:
        """Nothing was begun."""


class PlaneStrainer:
    """On the real control plane. A leak does not grow here: the pods stand where they were put."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._disks = NodeDisks(plane)
        self._settling: dict[str, asyncio.Task[None]] = {}

    async def apply(self, *objects: JSON) -> None:
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        await self._kubectl(["apply", "--filename=-"], listed)

    async def load(self, namespace: str, name: str, *, cpu_total: str, memory_each_mib: int, leak: bool) -> None:  # noqa: ARG002
        memory_total = f"{memory_each_mib * REPLICAS}Mi"
        await asyncio.to_thread(self._plane.set_load, namespace, name, cpu_total=cpu_total, memory_total=memory_total)

    async def fill(self, node: str, what: Filling, percent: float) -> str:
        await asyncio.to_thread(self._disks.install_helper, node)
        await self._kubectl(["wait", "pod", "--namespace", HELPER_NAMESPACE, "--all", "--for=condition=Ready"])
        where = await asyncio.to_thread(self._disks.fill, node, what, percent=percent)
        # Last: what a kubelet says at once is written one by one here, and whoever looks in between sees half of it.
        await self._kubectl(["label", "node", node, f"{ENABLED}=true", "--overwrite"])
        if node not in self._settling:
            self._settling[node] = asyncio.create_task(self._settle(node))
        return where

    async def hasten(self) -> None:
        """Nothing: it was started with an autoscaler that looks every five seconds, and `settle` is every second."""

    def settle(self, node: str) -> bool:
        """Let a node's status follow a prune in its helper; False when none was run since it was last looked."""
        return self._disks.settle(node)

    async def close(self) -> None:
        for task in self._settling.values():
            task.cancel()
        await asyncio.gather(*self._settling.values(), return_exceptions=True)

    async def _settle(self, node: str) -> None:
        """Play the kubelet: once the helper has pruned, the node's status follows."""
        while True:
            with suppress(BytePortError, OSError):
                await asyncio.to_thread(self.settle, node)
            await asyncio.sleep(SETTLE_SECONDS)

    async def _kubectl(self, arguments: Sequence[str], stdin: str | None = None) -> str:
        return await asyncio.to_thread(kubectl, self._plane.kubeconfig, arguments, stdin)


def strainer_on(sandbox: Sandbox) -> Strainer:
    """The hands for a sandbox that brought its own cluster."""
    if sandbox.cluster.simulated is not None:
        return SimulatedStrainer(sandbox.cluster.simulated)
    if sandbox.cluster.control_plane is not None:
        return PlaneStrainer(sandbox.cluster.control_plane)
    raise ConfigError("cluster", "a cluster of one's own has its own administrator")

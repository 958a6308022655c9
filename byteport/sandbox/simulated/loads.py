"""What simulated containers use, as an administrator says it: a figure per pod, or a load that replicas share.

Comes before `metrics.py`, which measures it at intervals. A figure for a pod wins over the load of its Deployment, and
the longest prefix of a pod's name wins as in `scripts.py`. A container never uses more than its limits: beyond them it
is throttled (CPU), or stands where the kernel would kill it (memory).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from byteport.kubernetes.quantities import quantity
from byteport.sandbox.simulated.clocks import instant

JSON = dict[str, Any]

MEBIBYTE = 1024 * 1024


class Usage(NamedTuple):
    """Cores and bytes of working set."""

    cpu: float
    memory: int


IDLE = Usage(0.001, MEBIBYTE)
"""A container of which nobody has said anything."""


@dataclass(frozen=True)
class Load:
    """What a Deployment's Ready pods use between them, and what each uses whatever the load."""

    cpu_total: float = 0.0
    """Cores, shared by the Ready pods."""
    memory_total: int = 0
    """Bytes, shared by the Ready pods."""
    cpu_each: float = IDLE.cpu
    memory_each: int = IDLE.memory
    leak_per_minute: int = 0
    """Bytes by which each pod grows from when its container started: more replicas do not help against it."""
    container: str = ""
    """Which container carries it; the first when empty."""

    def of(self, ready: int, age_seconds: float) -> Usage:
        """One pod's use where `ready` pods share the load and its container has run for so long."""
        share = max(1, ready)
        leaked = int(self.leak_per_minute * max(0.0, age_seconds) / 60)
        return Usage(self.cpu_each + self.cpu_total / share, self.memory_each + self.memory_total // share + leaked)


class Loads:
    """Every figure that was set. `version` counts the changes; `leaks` is True where a figure grows by itself."""

    def __init__(self) -> None:
        self._pods: dict[tuple[str, str, str], Usage | None] = {}
        self._deployments: dict[tuple[str, str], Load] = {}
        self._nodes: dict[str, Usage] = {}
        self._metrics: dict[tuple[str, str], Fraction] = {}
        self.version = 0

    @property
    def leaks(self) -> bool:
        return any(load.leak_per_minute for load in self._deployments.values())

    def set_pod(self, namespace: str, pod: str, container: str, usage: Usage | None) -> None:
        """`pod` may be a prefix before a dash; with None nothing is measured of it."""
        self.version += 1
        self._pods[namespace, pod, container] = usage

    def set_deployment(self, namespace: str, name: str, load: Load) -> None:
        self.version += 1
        self._deployments[namespace, name] = load

    def set_node(self, name: str, usage: Usage) -> None:
        self.version += 1
        self._nodes[name] = usage

    def set_metric(self, namespace: str, name: str, value: Fraction | None) -> None:
        """A number that a metrics adapter would give autoscalers; None takes it away."""
        self.version += 1
        self._metrics.pop((namespace, name), None)
        if value is not None:
            self._metrics[namespace, name] = value

    def metric(self, namespace: str, name: str) -> Fraction | None:
        return self._metrics.get((namespace, name))

    def node(self, name: str) -> Usage | None:
        """The figure of a node itself; None where it is the sum of its pods'."""
        return self._nodes.get(name)

    def load(self, namespace: str, deployment: str) -> Load | None:
        return self._deployments.get((namespace, deployment))

    def pod(self, item: JSON, deployment: str, ready: int, at: datetime) -> dict[str, Usage] | None:
        """Use by container of a running pod of `deployment` ("" for none); None where nothing is measured of it."""
        namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
        load = self._deployments.get((namespace, deployment)) if deployment else None
        names: Sequence[str] = [container["name"] for container in item["spec"]["containers"]]
        used: dict[str, Usage] = {}
        for container in item["spec"]["containers"]:
            said = self._said(namespace, name, container["name"])
            if said is None:
                return None
            if said is not IDLE:
                used[container["name"]] = _limited(container, said)
            elif load is not None and container["name"] == (load.container or names[0]):
                used[container["name"]] = _limited(container, load.of(ready, _age(item, container["name"], at)))
            else:
                used[container["name"]] = IDLE
        return used

    def _said(self, namespace: str, pod: str, container: str) -> Usage | None:
        parts = pod.split("-")
        for length in range(len(parts), 0, -1):
            key = (namespace, "-".join(parts[:length]), container)
            if key in self._pods:
                return self._pods[key]
        return IDLE


def _age(item: JSON, container: str, at: datetime) -> float:
    """How long the container has run, in seconds."""
    for status in item["status"].get("containerStatuses") or []:
        started = ((status.get("state") or {}).get("running") or {}).get("startedAt")
        if status["name"] == container and started:
            return (at - instant(started)).total_seconds()
    return 0.0


def _limited(container: JSON, usage: Usage) -> Usage:
    limits = (container.get("resources") or {}).get("limits") or {}
    cpu, memory = quantity(limits.get("cpu")), quantity(limits.get("memory"))
    return Usage(
        usage.cpu if cpu is None else min(usage.cpu, float(cpu)),
        usage.memory if memory is None else min(usage.memory, int(memory)),
    )

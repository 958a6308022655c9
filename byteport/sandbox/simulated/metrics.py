"""`metrics.k8s.io`, as metrics-server would answer: what was measured at the end of the last window, never what is now.

Comes after `loads.py`, before `autoscalers.py` and `port.py`, which read it. A measurement carries the end of its window
as its timestamp; a pod that started since is not in it yet. It is taken when somebody asks, from the loads and pods
as they are then, and kept until the next window ends.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from byteport.errors import PermanentError, TargetGone, Unavailable
from byteport.kubernetes.port import NODE_METRICS, NODES, POD_METRICS, PODS, REPLICA_SETS, Resource
from byteport.sandbox.simulated.clocks import instant, stamp
from byteport.sandbox.simulated.conditions import condition
from byteport.sandbox.simulated.loads import Loads, Usage
from byteport.sandbox.simulated.refusals import NotModelled
from byteport.sandbox.simulated.store import Store, controller_uid

JSON = dict[str, Any]

WINDOW = timedelta(seconds=15)
"""metrics-server's own resolution by default."""

API_VERSION = "metrics.k8s.io/v1beta1"
NODE_ITSELF = Usage(0.1, 1024**3)
"""What a node's system uses beside its pods."""


class MetricsApi(StrEnum):
    """How the metrics API answers."""

    SERVING = "serving"
    ABSENT = "absent"
    """No APIService: 404."""
    BROKEN = "broken"
    """An APIService without a live server behind it: 503."""


def serves(resource: Resource) -> bool:
    """Whether `resource` is one of the metrics API's."""
    return resource in (POD_METRICS, NODE_METRICS)


class Metrics:
    """The metrics API of one cluster."""

    def __init__(self, store: Store, loads: Loads) -> None:
        self._store = store
        self._loads = loads
        self._taken: datetime | None = None
        self._pods: list[JSON] = []
        self._nodes: list[JSON] = []
        self.api = MetricsApi.SERVING
        self.window = WINDOW
        self.stalled = False
        """The measurements stay as old as they are."""

    def measure(self, now: datetime) -> None:
        """Take the measurement of the window that ended last, unless it is there already."""
        end = self._window_end(now)
        if self.stalled or (self._taken is not None and end <= self._taken):
            return
        self._taken = end
        self._pods = sorted(self._of_pods(end), key=_place)
        self._nodes = [self._node(item, end) for item in self._store.all(NODES)]

    def pods(self, namespace: str, now: datetime) -> list[JSON]:
        """What the autoscaler reads of a namespace; empty while the API does not answer."""
        if self.api is not MetricsApi.SERVING:
            return []
        self.measure(now)
        return [item for item in self._pods if item["metadata"]["namespace"] == namespace]

    def measured(self, resource: Resource, namespace: str, now: datetime) -> list[JSON]:
        """Raises `TargetGone` while the API is absent, `Unavailable` while it is broken."""
        self._demand(resource)
        self.measure(now)
        items = self._pods if resource == POD_METRICS else self._nodes
        return [item for item in items if namespace in ("", item["metadata"].get("namespace"))]

    def get(self, resource: Resource, namespace: str, name: str, now: datetime) -> JSON:
        """Raises what `measured` does, and `TargetGone` for what was not measured."""
        for item in self.measured(resource, namespace, now):
            if item["metadata"]["name"] == name:
                return item
        raise TargetGone(f"{resource.plural}.metrics.k8s.io {'/'.join(filter(None, [namespace, name]))}")

    def refuse_watch(self, resource: Resource) -> None:
        """The API has no watch: 405."""
        self._demand(resource)
        raise PermanentError(f"watch {resource.plural}.metrics.k8s.io: the API server answered 405")

    def _demand(self, resource: Resource) -> None:
        if not serves(resource):
            raise NotModelled("/".join(resource))
        match self.api:
            case MetricsApi.ABSENT:
                raise TargetGone(f"{resource.plural}.metrics.k8s.io: not found")
            case MetricsApi.BROKEN:
                raise Unavailable(f"{resource.plural}.metrics.k8s.io: the API server answered 503")
            case MetricsApi.SERVING:
                return

    def _window_end(self, now: datetime) -> datetime:
        seconds = self.window.total_seconds()
        return datetime.fromtimestamp(math.floor(now.timestamp() / seconds) * seconds, UTC)

    def _of_pods(self, end: datetime) -> list[JSON]:
        deployments = self._deployment_by_replica_set()
        running = [pod for pod in self._store.all(PODS) if _runs_by(pod, end)]
        ready: dict[tuple[str, str], int] = {}
        for pod in running:
            if _ready_by(pod, end):
                key = (pod["metadata"]["namespace"], deployments.get(controller_uid(pod) or "", ""))
                ready[key] = ready.get(key, 0) + 1
        measured = []
        for pod in running:
            namespace, owner = pod["metadata"]["namespace"], deployments.get(controller_uid(pod) or "", "")
            used = self._loads.pod(pod, owner, ready.get((namespace, owner), 0), end)
            if used is not None:
                measured.append(self._pod(pod, used, end))
        return measured

    def _deployment_by_replica_set(self) -> dict[str, str]:
        found = {}
        for item in self._store.all(REPLICA_SETS):
            owners = [one for one in item["metadata"].get("ownerReferences") or [] if one.get("controller")]
            if owners:
                found[item["metadata"]["uid"]] = owners[0]["name"]
        return found

    def _pod(self, pod: JSON, used: dict[str, Usage], end: datetime) -> JSON:
        metadata = pod["metadata"]
        return {
            "apiVersion": API_VERSION,
            "kind": "PodMetrics",
            "metadata": {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "labels": dict(metadata.get("labels") or {}),
                "creationTimestamp": stamp(end),
            },
            "timestamp": stamp(end),
            "window": self._window_text(),
            "containers": [{"name": name, "usage": _amounts(usage)} for name, usage in used.items()],
        }

    def _node(self, node: JSON, end: datetime) -> JSON:
        name = node["metadata"]["name"]
        usage = self._loads.node(name) or self._sum_on(name)
        return {
            "apiVersion": API_VERSION,
            "kind": "NodeMetrics",
            "metadata": {
                "name": name,
                "labels": dict(node["metadata"].get("labels") or {}),
                "creationTimestamp": stamp(end),
            },
            "timestamp": stamp(end),
            "window": self._window_text(),
            "usage": _amounts(usage),
        }

    def _sum_on(self, node: str) -> Usage:
        homes = {_place(pod) for pod in self._store.all(PODS) if pod["spec"].get("nodeName") == node}
        mine = [item for item in self._pods if _place(item) in homes]
        cpu = sum(int(one["usage"]["cpu"].removesuffix("n")) for item in mine for one in item["containers"])
        memory = sum(int(one["usage"]["memory"].removesuffix("Ki")) for item in mine for one in item["containers"])
        return Usage(NODE_ITSELF.cpu + cpu / 1e9, NODE_ITSELF.memory + memory * 1024)

    def _window_text(self) -> str:
        return f"{self.window.total_seconds():g}s"


def _amounts(usage: Usage) -> dict[str, str]:
    """As metrics-server writes them."""
    return {"cpu": f"{round(usage.cpu * 1e9)}n", "memory": f"{usage.memory // 1024}Ki"}


def _place(item: JSON) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def _runs_by(pod: JSON, end: datetime) -> bool:
    """Whether all its containers run, and did before the window ended (instants are kept in whole seconds)."""
    statuses = pod["status"].get("containerStatuses") or []
    states = [(status.get("state") or {}).get("running") for status in statuses]
    return bool(states) and all(state and instant(state["startedAt"]) < end for state in states)


def _ready_by(pod: JSON, end: datetime) -> bool:
    ready = condition(pod["status"], "Ready")
    if pod["metadata"].get("deletionTimestamp") or ready.get("status") != "True":
        return False
    return instant(ready["lastTransitionTime"]) < end

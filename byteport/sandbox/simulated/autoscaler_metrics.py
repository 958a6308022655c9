"""What an autoscaler's metrics say: the replicas that each asks for, or why it cannot be told.

Follows `replica_calculator.go` of Kubernetes 1.37, whose words it uses. Comes after `autoscaling.py` (arithmetic) and
`metrics.py` (figures), before `autoscalers.py`.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from byteport.kubernetes.port import PODS
from byteport.kubernetes.quantities import quantity
from byteport.sandbox.simulated import autoscaling
from byteport.sandbox.simulated.clocks import instant
from byteport.sandbox.simulated.conditions import condition
from byteport.sandbox.simulated.loads import Loads
from byteport.sandbox.simulated.metrics import Metrics, MetricsApi
from byteport.sandbox.simulated.refusals import NotModelled
from byteport.sandbox.simulated.selectors import object_selector_matches
from byteport.sandbox.simulated.store import Store

JSON = dict[str, Any]

CPU_INITIALIZATION = timedelta(minutes=5)
INITIAL_READINESS = timedelta(seconds=30)


class Unmeasured(Exception):
    """A metric from which nothing can be computed: the condition's reason, and the controller's words."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


class Wish(NamedTuple):
    """What one metric asks for."""

    replicas: int
    metric: str
    """Its name in the controller's words."""
    status: JSON


class Scope(NamedTuple):
    """What a metric is computed over."""

    namespace: str
    selector: JSON
    current: int
    now: datetime


class MetricReader:
    """The metrics APIs, as the HPA controller uses them."""

    def __init__(self, store: Store, loads: Loads, metrics: Metrics) -> None:
        self._store = store
        self._loads = loads
        self._metrics = metrics

    def wish(self, metric: JSON, scope: Scope) -> Wish:
        """Raises `Unmeasured`."""
        match metric["type"]:
            case "Resource" | "ContainerResource":
                return self._resource(metric, scope)
            case "Pods" | "Object" | "External":
                return self._number(metric, scope)
            case other:
                raise NotModelled(f"the metric type {other!r}")

    def _resource(self, metric: JSON, scope: Scope) -> Wish:
        part = metric["type"][0].lower() + metric["type"][1:]
        source = metric[part]
        name, container, target = source["name"], source.get("container", ""), source["target"]
        words = f"{name} container resource" if container else f"{name} resource"
        reason = f"FailedGet{metric['type']}Metric"
        percent = target.get("averageUtilization")
        try:
            figures = self._figures(name, container, scope)
            if percent is not None:
                requests = {pod["metadata"]["name"]: _requested(pod, name, container) for pod in figures.pods}
        except _Failed as failure:
            what = f"{name} utilization" if percent is not None else f"{name} usage"
            raise Unmeasured(reason, f"failed to get {what}: {failure}") from None
        average = sum(figures.used.values()) // len(figures.used)
        current: JSON = {"averageValue": _milli(average)}
        if percent is None:
            wanted = quantity(target["averageValue"]) or Fraction(1)
            total = Fraction(sum(figures.used.values()), 1000)
            replicas = autoscaling.by_value(
                total / len(figures.used), wanted, current=scope.current, ready=figures.ready
            )
        else:
            asked = sum(requests[pod] for pod in figures.used)
            current = {"averageUtilization": autoscaling.utilization(sum(figures.used.values()), asked), **current}
            words += " utilization (percentage of request)"
            replicas = autoscaling.by_utilization(
                figures.used,
                requests,
                percent,
                current=scope.current,
                ready=figures.ready,
                unready=figures.unready,
                missing=figures.missing,
            )
        own = {"name": name, **({"container": container} if container else {}), "current": current}
        return Wish(replicas, words, {"type": metric["type"], part: own})

    def _figures(self, resource: str, container: str, scope: Scope) -> _Figures:
        measured = self._measured(resource, container, scope)
        pods = [
            pod
            for pod in self._store.all(PODS, scope.namespace)
            if object_selector_matches(scope.selector, pod["metadata"].get("labels") or {})
        ]
        if not pods:
            raise _Failed("no pods returned by selector while calculating replica count")
        used: dict[str, int] = {}
        unready, missing = [], []
        for pod in pods:
            name, status = pod["metadata"]["name"], pod["status"]
            if pod["metadata"].get("deletionTimestamp") or status.get("phase") == "Failed":
                continue
            if status.get("phase") == "Pending":
                unready.append(name)
            elif name not in measured:
                missing.append(name)
            elif resource == "cpu" and _is_young(pod, measured[name], scope.now):
                unready.append(name)
            else:
                used[name] = measured[name].milli
        if not used:
            raise _Failed("did not receive metrics for targeted pods (pods might be unready)")
        return _Figures(pods, used, len(used), unready, missing)

    def _measured(self, resource: str, container: str, scope: Scope) -> dict[str, _Measured]:
        absent = f"unable to get metrics for resource {resource}: unable to fetch metrics from resource metrics API:"
        if self._metrics.api is MetricsApi.ABSENT:
            raise _Failed(f"{absent} the server could not find the requested resource (get pods.metrics.k8s.io)")
        if self._metrics.api is MetricsApi.BROKEN:
            raise _Failed(f"{absent} the server is currently unable to handle the request (get pods.metrics.k8s.io)")
        found = {}
        for item in self._metrics.pods(scope.namespace, scope.now):
            if not object_selector_matches(scope.selector, item["metadata"]["labels"]):
                continue
            amounts = [
                quantity(one["usage"].get(resource)) for one in item["containers"] if container in ("", one["name"])
            ]
            milli = sum(math.ceil((amount or Fraction(0)) * 1000) for amount in amounts)
            window = timedelta(seconds=float(item["window"].removesuffix("s")))
            found[item["metadata"]["name"]] = _Measured(milli, instant(item["timestamp"]), window)
        if not found:
            raise _Failed(
                f"unable to get metrics for resource {resource}: no metrics returned from resource metrics API"
            )
        return found

    def _number(self, metric: JSON, scope: Scope) -> Wish:
        """A metric of an adapter: one number that an administrator sets by name."""
        part = metric["type"].lower()
        source = metric[part]
        name, target = source["metric"]["name"], source["target"]
        value = self._loads.metric(scope.namespace, name)
        if value is None:
            raise Unmeasured(
                f"FailedGet{metric['type']}Metric",
                f"unable to get {part} metric {scope.namespace}/{name}/nil: "
                f"unable to fetch metrics from {part} metrics API: no matching metrics found",
            )
        if (average := quantity(target.get("averageValue"))) is not None:
            total = value * scope.current if metric["type"] == "Pods" else value
            replicas = autoscaling.by_average(total, average, current=scope.current)
            current = {"averageValue": _milli(math.ceil(total * 1000 / max(1, scope.current)))}
        else:
            wanted = quantity(target.get("value")) or Fraction(1)
            replicas = autoscaling.by_value(value, wanted, current=scope.current, ready=max(1, scope.current))
            current = {"value": _milli(math.ceil(value * 1000))}
        status = {"type": metric["type"], part: {**source, "current": current}}
        del status[part]["target"]
        return Wish(replicas, f"{part} metric {name}(nil)", status)


class _Failed(Exception):
    """The words of an error within one metric."""


class _Measured(NamedTuple):
    milli: int
    at: datetime
    window: timedelta


class _Figures(NamedTuple):
    pods: list[JSON]
    used: dict[str, int]
    ready: int
    unready: list[str]
    missing: list[str]


def _is_young(pod: JSON, measured: _Measured, now: datetime) -> bool:
    """Whether its CPU figure may still be that of its start."""
    ready = condition(pod["status"], "Ready")
    if not ready or "startTime" not in pod["status"]:
        return True
    started, changed = instant(pod["status"]["startTime"]), instant(ready["lastTransitionTime"])
    is_unready = ready["status"] == "False"
    if started + CPU_INITIALIZATION > now:
        return is_unready or measured.at < changed + measured.window
    return is_unready and started + INITIAL_READINESS > changed


def _requested(pod: JSON, resource: str, container: str) -> int:
    """In thousandths. Raises `_Failed` for a container without the request."""
    total = 0
    for one in pod["spec"]["containers"]:
        if container and one["name"] != container:
            continue
        resources = one.get("resources") or {}
        limit = (resources.get("limits") or {}).get(resource)
        amount = quantity((resources.get("requests") or {}).get(resource, limit))
        if amount is None:
            raise _Failed(f"missing request for {resource} in container {one['name']} of Pod {pod['metadata']['name']}")
        total += math.ceil(amount * 1000)
    return total


def _milli(amount: int) -> str:
    """A number of thousandths, as the API server writes it."""
    return str(amount // 1000) if amount % 1000 == 0 else f"{amount}m"

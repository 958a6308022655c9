"""Trouble that is seen and that no runbook treats yet: nodes, autoscalers, other workloads, alerts. Told, never touched.

`explain.py` adds it to what the runbooks say, so that silence means *nothing is wrong* and never *nobody looked*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from byteport.domain.base import Frozen
from byteport.domain.reasons import Cause
from byteport.kubernetes import fields
from byteport.kubernetes.autoscaler_faults import aim_of
from byteport.kubernetes.autoscaler_reading import read_autoscaler
from byteport.kubernetes.events import EventClass, read_events
from byteport.kubernetes.load_symptoms import autoscaler_symptom
from byteport.kubernetes.nodes import PROBLEMS
from byteport.kubernetes.pod_reading import read_pod
from byteport.kubernetes.scaling import Brake, Measure
from byteport.kubernetes.world import JSON, World
from byteport.runbooks.alerts import FiringAlert, firing

LATELY = timedelta(hours=1)


class Unserved(Frozen):
    """One trouble without a runbook: a person must take over."""

    signal: str
    target: str
    cause: Cause


_PROBLEMS = {
    "PIDPressure": ("pid_pressure", Cause.NODE_EXHAUSTED),
    **dict.fromkeys(PROBLEMS, ("node_problem", Cause.NODE_SUSPECT)),
}
_EVENTS = {
    EventClass.NODE_SICK: ("node_problem", Cause.NODE_SUSPECT),
}


def unserved(world: World) -> tuple[Unserved, ...]:
    """Everything that is wrong with nodes, autoscalers and workloads other than Deployments, each once."""
    found = [*_nodes(world), *_autoscalers(world), *_workloads(world), *_jobs(world)]
    return tuple(dict.fromkeys(found))


def unserved_alerts(world: World, body: Mapping[str, Any], covered: frozenset[str]) -> tuple[Unserved, ...]:
    """What fires and is neither `covered` (targets that the runbooks answered) nor visibly well."""
    open_ones = [alert for alert in firing(body) if not _answered(world, alert, covered)]
    if not open_ones:
        return ()
    first = open_ones[0]
    target = "/".join(part for part in (first.namespace, first.kind, first.about) if part) if first.about else "-"
    return (Unserved(signal=first.name, target=target, cause=Cause.ALERT),)


def _answered(world: World, alert: FiringAlert, covered: frozenset[str]) -> bool:
    ref = "/".join(part for part in (alert.namespace, alert.kind, alert.about) if part)
    if not alert.about or not alert.kind:
        return False
    item = world.named(alert.kind, "" if alert.kind == "Node" else alert.namespace, alert.about)
    if item is not None and alert.kind == "HorizontalPodAutoscaler" and _aimed(item) in covered:
        return True
    if ref in covered:
        return True
    if alert.measures and alert.kind != "HorizontalPodAutoscaler":
        return alert.measures_cpu and _scaled_well(world, alert)
    return item is not None and alert.kind in _WELL and _WELL[alert.kind](item, world)


def _scaled_well(world: World, alert: FiringAlert) -> bool:
    """The autoscaler of what the alert is about sees its CPU, and has what it wants or helps itself."""
    aimed = [
        scaler
        for scaler in world.of("HorizontalPodAutoscaler", alert.namespace)
        if aim_of(scaler) == (alert.kind, alert.about)
    ]
    return bool(aimed) and all(_satisfied(scaler, world) for scaler in aimed)


def _ready(item: JSON, world: World) -> bool:
    """Ready, and not for the moment between two crashes."""
    pod = read_pod(item, world, ())
    return pod is not None and pod.ready and not pod.unproven_seconds


def _served(item: JSON, world: World) -> bool:  # noqa: ARG001
    wanted = fields.at(item, "spec", "replicas")
    return fields.count(fields.at(item, "status", "availableReplicas")) >= (
        1 if wanted is None else fields.count(wanted)
    )


def _satisfied(item: JSON, world: World) -> bool:
    return autoscaler_symptom(world, item) is None and _memory_bound(item, world) is None


_WELL = {"Pod": _ready, "Deployment": _served, "HorizontalPodAutoscaler": _satisfied}
"""Kinds whose own object shows that an alert about them is stale. A Node does not: its conditions lag behind."""


def _ref(item: JSON) -> str:
    meta = fields.metadata(item)
    kind = item.get("kind")
    return "/".join(
        part for part in (fields.name(meta.get("namespace")), str(kind), fields.name(meta.get("name"))) if part
    )


def _nodes(world: World) -> Iterator[Unserved]:
    for node in world.of("Node"):
        ready = fields.condition(node, "Ready")
        if ready and ready.get("status") != "True":
            yield Unserved(signal="node_not_ready", target=_ref(node), cause=Cause.NODE_NOT_READY)
        for kind, (signal, cause) in _PROBLEMS.items():
            if fields.condition(node, kind).get("status") == "True":
                yield Unserved(signal=signal, target=_ref(node), cause=cause)
    for event in read_events(world):
        known = _EVENTS.get(event.kind)
        if known is not None and event.about_kind == "Node" and event.about and _recent(event.last, world.now):
            yield Unserved(signal=known[0], target=f"Node/{event.about}", cause=known[1])


def _recent(when: datetime | None, now: datetime) -> bool:
    return when is not None and now - when <= LATELY


def _autoscalers(world: World) -> Iterator[Unserved]:
    """Those that go by memory and are short of replicas: no container need be near its limit for it."""
    for scaler in world.of("HorizontalPodAutoscaler"):
        cause = _memory_bound(scaler, world)
        if cause is not None:
            yield Unserved(signal="memory_pressure", target=_aimed(scaler), cause=cause)


def _aimed(scaler: JSON) -> str:
    """What it scales, as a target's `ref`."""
    kind, name = aim_of(scaler)
    return f"{fields.name(fields.metadata(scaler).get('namespace'))}/{kind}/{name}" if kind and name else _ref(scaler)


def _memory_bound(scaler: JSON, world: World) -> Cause | None:
    """Why an autoscaler that goes by memory most of all does not have what it wants. At its maximum it may well have it."""
    read = read_autoscaler(world, scaler)
    if read.binding is None or not read.binding.measures(Measure.MEMORY) or not read.hot:
        return None
    causes = {Brake.AT_MAX: Cause.AUTOSCALER_AT_MAX, Brake.RATE: Cause.AUTOSCALER_LIMITED}
    return causes.get(read.brake)


def _workloads(world: World) -> Iterator[Unserved]:
    for item in world.of("StatefulSet"):
        wanted = fields.at(item, "spec", "replicas")
        if fields.count(fields.at(item, "status", "readyReplicas")) < (1 if wanted is None else fields.count(wanted)):
            yield Unserved(signal="not_ready", target=_ref(item), cause=Cause.UNSUPPORTED)
    for item in world.of("DaemonSet"):
        if fields.count(fields.at(item, "status", "numberUnavailable")) > 0:
            yield Unserved(signal="not_ready", target=_ref(item), cause=Cause.UNSUPPORTED)


def _jobs(world: World) -> Iterator[Unserved]:
    for job in world.of("Job"):
        failed = fields.condition(job, "Failed")
        if failed.get("status") == "True" and _recent(fields.instant(failed.get("lastTransitionTime")), world.now):
            yield Unserved(signal="job_failed", target=_ref(job), cause=Cause.UNSUPPORTED)

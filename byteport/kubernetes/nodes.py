"""Nodes as typed facts: conditions, taints, and the events that its kubelet writes into the namespace `default`.

A node may be the cause while all its conditions are green (process ids, a dying disk): `neighbours.py` looks at who
else fails there.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from byteport.kubernetes import fields
from byteport.kubernetes.events import EventClass, EventReading, about
from byteport.kubernetes.owners import deleted
from byteport.kubernetes.surroundings import NodeReading, Tri
from byteport.kubernetes.world import JSON

_SICK = (EventClass.NODE_SICK, EventClass.NODE_DISK_FULL, EventClass.SYSTEM_OOM, EventClass.NODE_NOT_READY)
PROBLEMS = (
    "NetworkUnavailable",
    "KernelDeadlock",
    "ReadonlyFilesystem",
    "CorruptDockerOverlay2",
    "FrequentKubeletRestart",
    "FrequentDockerRestart",
    "FrequentContainerdRestart",
    "FrequentUnregisterNetDevice",
)
"""Conditions of the cloud's network controller and of the node problem detector that are bad when True."""
_BOOT_SLACK = timedelta(minutes=30)
"""A node that became Ready within this time of its creation is new, not restarted."""


def read_node(node: JSON, events: tuple[EventReading, ...]) -> NodeReading | None:
    """`node` as typed facts; None when it has no name."""
    name = fields.name(fields.metadata(node).get("name"))
    if not name:
        return None
    own = about(events, "Node", name)
    ready = fields.condition(node, "Ready")
    changed = fields.instant(ready.get("lastTransitionTime"))
    status = _tri(ready.get("status"))
    taints = fields.entries(fields.at(node, "spec", "taints"))
    zone = fields.labels(node).get("topology.kubernetes.io/zone")
    return NodeReading(
        name=name,
        ready=status,
        ready_changed_at=changed,
        unschedulable=fields.at(node, "spec", "unschedulable") not in (None, False),
        deleting=deleted(node),
        memory_pressure=_true(node, "MemoryPressure"),
        disk_pressure=_true(node, "DiskPressure"),
        pid_pressure=_true(node, "PIDPressure"),
        problem=any(_true(node, kind) for kind in PROBLEMS),
        no_execute=any(taint.get("effect") == "NoExecute" for taint in taints),
        restarted_at=_restarted(node, status, changed, own),
        sick_at=max((event.last for event in own if event.kind in _SICK and event.last is not None), default=None),
        system_oom_at=max(
            (event.last for event in own if event.kind is EventClass.SYSTEM_OOM and event.last is not None),
            default=None,
        ),
        zone=fields.name(zone),
    )


def _restarted(node: JSON, status: Tri, changed: datetime | None, events: tuple[EventReading, ...]) -> datetime | None:
    times = [event.last for event in events if event.kind is EventClass.NODE_REBOOTED and event.last is not None]
    born = fields.instant(fields.metadata(node).get("creationTimestamp"))
    new = born is not None and changed is not None and changed - born <= _BOOT_SLACK
    if status is Tri.TRUE and changed is not None and not new:
        times.append(changed)
    return max(times, default=None)


def _true(node: JSON, kind: str) -> bool:
    return fields.condition(node, kind).get("status") == "True"


def _tri(value: object) -> Tri:
    return {"True": Tri.TRUE, "False": Tri.FALSE}.get(value, Tri.UNKNOWN) if isinstance(value, str) else Tri.UNKNOWN

"""Events as classes with counts and times. Their messages die here.

An event is the cheapest witness of a cause (`Killing … failed liveness probe`), and the least reliable: it expires after
an hour, is deduplicated, and its words vary. So an event is a fact beside a status, never the only one that a change
rests on. Both forms are read: core/v1 (`count`, `lastTimestamp`) and events.k8s.io (`series`, `eventTime`, `note`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from byteport.domain.base import Frozen, Instant
from byteport.kubernetes import fields
from byteport.kubernetes.messages import (
    PullTrouble,
    Refusal,
    StartTrouble,
    Unfit,
    pull_trouble,
    refusal,
    start_trouble,
    unfit,
)
from byteport.kubernetes.world import JSON, World


class EventClass(StrEnum):
    """What an event says, whatever its words."""

    CRASH_BACKOFF = "crash_backoff"
    PULLING = "pulling"
    PULLED = "pulled"
    PULL_FAILED = "pull_failed"
    PULL_BACKOFF = "pull_backoff"
    START_FAILED = "start_failed"
    STARTED = "started"
    LIVENESS_FAILED = "liveness_failed"
    READINESS_FAILED = "readiness_failed"
    STARTUP_FAILED = "startup_failed"
    KILLED_BY_LIVENESS = "killed_by_liveness"
    KILLED_BY_STARTUP = "killed_by_startup"
    HOOK_FAILED = "hook_failed"
    KILLED = "killed"
    MOUNT_FAILED = "mount_failed"
    ATTACH_FAILED = "attach_failed"
    SANDBOX_FAILED = "sandbox_failed"
    UNSCHEDULABLE = "unschedulable"
    SCALE_UP = "scale_up"
    """The cluster autoscaler or a provisioner is adding a node for this pod."""
    NO_SCALE_UP = "no_scale_up"
    EVICTED = "evicted"
    PREEMPTED = "preempted"
    CREATE_REFUSED = "create_refused"
    SCALED = "scaled"
    NODE_REBOOTED = "node_rebooted"
    NODE_NOT_READY = "node_not_ready"
    NODE_READY = "node_ready"
    NODE_PRESSURE = "node_pressure"
    NODE_SICK = "node_sick"
    """The node's own housekeeping fails: its runtime does not answer, containers are not collected."""
    NODE_DISK_FULL = "node_disk_full"
    """The kubelet runs out of disk and frees too little: FreeDiskSpaceFailed, EvictionThresholdMet, ImageGCFailed."""
    SYSTEM_OOM = "system_oom"
    OOM_KILLING = "oom_killing"
    WARNING = "warning"
    """A warning of a reason that is not modelled."""
    OTHER = "other"


class EventReading(Frozen):
    """One event, reduced."""

    kind: EventClass
    about_kind: str
    about: str
    """Name of the object it is about."""
    about_uid: str = ""
    container: str = ""
    host: str = ""
    """Node whose kubelet wrote it; empty for other writers."""
    count: int = 1
    first: Instant | None = None
    last: Instant | None = None
    pull: PullTrouble | None = None
    refusal: Refusal | None = None
    start: StartTrouble | None = None
    unfit: tuple[Unfit, ...] = ()


_BY_REASON = {
    "Pulling": EventClass.PULLING,
    "Pulled": EventClass.PULLED,
    "InspectFailed": EventClass.PULL_FAILED,
    "ErrImageNeverPull": EventClass.PULL_FAILED,
    "Started": EventClass.STARTED,
    "FailedPostStartHook": EventClass.HOOK_FAILED,
    "FailedPreStopHook": EventClass.HOOK_FAILED,
    "FailedMount": EventClass.MOUNT_FAILED,
    "FailedAttachVolume": EventClass.ATTACH_FAILED,
    "FailedMapVolume": EventClass.MOUNT_FAILED,
    "FailedCreatePodSandBox": EventClass.SANDBOX_FAILED,
    "FailedCreatePodContainer": EventClass.SANDBOX_FAILED,
    "NetworkNotReady": EventClass.SANDBOX_FAILED,
    "FailedScheduling": EventClass.UNSCHEDULABLE,
    "TriggeredScaleUp": EventClass.SCALE_UP,
    "Nominated": EventClass.SCALE_UP,
    "NotTriggerScaleUp": EventClass.NO_SCALE_UP,
    "Evicted": EventClass.EVICTED,
    "TaintManagerEviction": EventClass.EVICTED,
    "Preempted": EventClass.PREEMPTED,
    "Preempting": EventClass.PREEMPTED,
    "FailedCreate": EventClass.CREATE_REFUSED,
    "ScalingReplicaSet": EventClass.SCALED,
    "Rebooted": EventClass.NODE_REBOOTED,
    "NodeNotReady": EventClass.NODE_NOT_READY,
    "NodeReady": EventClass.NODE_READY,
    "NodeHasDiskPressure": EventClass.NODE_PRESSURE,
    "NodeHasInsufficientMemory": EventClass.NODE_PRESSURE,
    "NodeHasInsufficientPID": EventClass.NODE_PRESSURE,
    "EvictionThresholdMet": EventClass.NODE_DISK_FULL,
    "ContainerGCFailed": EventClass.NODE_SICK,
    "ImageGCFailed": EventClass.NODE_DISK_FULL,
    "FreeDiskSpaceFailed": EventClass.NODE_DISK_FULL,
    "SystemOOM": EventClass.SYSTEM_OOM,
    "OOMKilling": EventClass.OOM_KILLING,
}

_LIVENESS = re.compile(r"\bliveness probe\b", re.IGNORECASE)
_STARTUP = re.compile(r"\bstartup probe\b", re.IGNORECASE)
_HOOK = re.compile(r"poststart|prestop|lifecycle hook", re.IGNORECASE)
_PULL = re.compile(r"pull|\bimage\b", re.IGNORECASE)
_FIELD_PATH = re.compile(r"spec\.(?:initContainers|containers|ephemeralContainers)\{([a-z0-9][-a-z0-9]{0,62})\}\Z")


def read_event(item: JSON) -> EventReading:
    """One event object as a class; never raises."""
    about = fields.mapping(item.get("involvedObject")) or fields.mapping(item.get("regarding"))
    message = item.get("message") or item.get("note")
    reason = item.get("reason")
    kind = _class(reason if isinstance(reason, str) else "", fields.message(message), item)
    path = about.get("fieldPath")
    match = _FIELD_PATH.match(path) if isinstance(path, str) else None
    series = fields.mapping(item.get("series"))
    counts = [fields.count(found) for found in (item.get("count"), item.get("deprecatedCount"), series.get("count"))]
    last = _latest(
        item.get("lastTimestamp"),
        item.get("deprecatedLastTimestamp"),
        series.get("lastObservedTime"),
        item.get("eventTime"),
    )
    kind_name = about.get("kind")
    return EventReading(
        kind=kind,
        about_kind=kind_name
        if isinstance(kind_name, str) and kind_name.isascii() and kind_name.isalnum() and len(kind_name) < 64
        else "",
        about=fields.name(about.get("name")),
        about_uid=fields.uid(about.get("uid")),
        container=match.group(1) if match else "",
        host=_host(item),
        count=max(1, *counts),
        first=fields.instant(
            item.get("firstTimestamp") or item.get("deprecatedFirstTimestamp") or item.get("eventTime")
        )
        or last,
        last=last,
        pull=pull_trouble(message) if kind is EventClass.PULL_FAILED else None,
        refusal=refusal(message) if kind is EventClass.CREATE_REFUSED else None,
        start=start_trouble(message) if kind in _WITH_START else None,
        unfit=unfit(message) if kind is EventClass.UNSCHEDULABLE else (),
    )


def _host(item: JSON) -> str:
    """The node whose kubelet says it, in the older form of an event and in both of the newer one."""
    told = fields.name(fields.at(item, "source", "host")) or fields.name(fields.at(item, "deprecatedSource", "host"))
    said_by = item.get("reportingComponent") or item.get("reportingController")
    return told or (fields.name(item.get("reportingInstance")) if said_by == "kubelet" else "")


_WITH_START = frozenset({EventClass.START_FAILED, EventClass.MOUNT_FAILED, EventClass.SANDBOX_FAILED})


def _class(reason: str, message: str, item: Mapping[str, Any]) -> EventClass:
    if reason == "Unhealthy":
        # The probe's kind is the first word; what follows is the probed program's own output.
        head = message[:40]
        if _LIVENESS.search(head):
            return EventClass.LIVENESS_FAILED
        return EventClass.STARTUP_FAILED if _STARTUP.search(head) else EventClass.READINESS_FAILED
    if reason == "Killing":
        if _STARTUP.search(message):
            return EventClass.KILLED_BY_STARTUP
        if _LIVENESS.search(message):
            return EventClass.KILLED_BY_LIVENESS
        return EventClass.HOOK_FAILED if _HOOK.search(message) else EventClass.KILLED
    if reason == "BackOff":
        return EventClass.PULL_BACKOFF if _PULL.search(message[:40]) else EventClass.CRASH_BACKOFF
    if reason == "Failed":
        return _failed(message)
    known = _BY_REASON.get(reason)
    if known is not None:
        return known
    return EventClass.WARNING if item.get("type") == "Warning" else EventClass.OTHER


def _failed(message: str) -> EventClass:
    """The kubelet's reason `Failed` covers pulls, configuration, creation and start."""
    if message.startswith("Error: ImagePullBackOff"):
        return EventClass.PULL_BACKOFF
    if message.startswith(
        ("Failed to pull image", "Error: ErrImage", "Failed to inspect image", "Failed to apply default image")
    ):
        return EventClass.PULL_FAILED
    return EventClass.START_FAILED


def _latest(*values: object) -> datetime | None:
    times = [found for found in (fields.instant(value) for value in values) if found is not None]
    return max(times, default=None)


def failed_pulls(events: Sequence[EventReading]) -> int:
    """How often pulling failed. The kubelet tells each failure twice: with the registry's words, then by its own reason."""
    failed = [event for event in events if event.kind is EventClass.PULL_FAILED]
    told = sum(event.count for event in failed if event.pull not in (None, PullTrouble.UNKNOWN))
    return max(told, sum(event.count for event in failed) - told)


def read_events(world: World, namespace: str | None = None) -> tuple[EventReading, ...]:
    """Every event of `namespace` (all when None), reduced, in the order that it was read; each is read once a world."""
    return world.each(_every_event) if namespace is None else tuple(world.found(_by_namespace, namespace))


def _every_event(world: World) -> tuple[EventReading, ...]:
    return tuple(read_event(item) for item in world.of("Event"))


def _by_namespace(world: World) -> dict[str, list[EventReading]]:
    found: dict[str, list[EventReading]] = {}
    for event, item in zip(read_events(world), world.of("Event"), strict=True):
        found.setdefault(fields.name(fields.metadata(item).get("namespace")), []).append(event)
    return found


def about(events: tuple[EventReading, ...], kind: str, name: str, uid: str = "") -> tuple[EventReading, ...]:
    """Those about one object. A uid that differs is another object of the same name, gone or yet to come."""
    return tuple(
        event
        for event in events
        if event.about_kind == kind
        and event.about == name
        and (not uid or not event.about_uid or event.about_uid == uid)
    )

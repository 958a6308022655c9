"""From a container's spec and status to a `ContainerReading`, with its template, events and log beside it.

The larger half of `pod_reading.py`. Init containers and native sidecars (init containers that restart always) are read
like the others: the failing one is often there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byteport.kubernetes import fields
from byteport.kubernetes.events import EventClass, EventReading
from byteport.kubernetes.logs import log_signature, merged
from byteport.kubernetes.messages import PullTrouble, StartTrouble, pull_trouble, start_trouble
from byteport.kubernetes.owners import Owner
from byteport.kubernetes.pods import ContainerReading, Ended, EndReason, Role, State, Waiting
from byteport.kubernetes.quantities import quantity
from byteport.kubernetes.world import JSON, LogKey, World

_WAITING = {
    "ContainerCreating": Waiting.CONTAINER_CREATING,
    "PodInitializing": Waiting.POD_INITIALIZING,
    "CrashLoopBackOff": Waiting.CRASH_LOOP_BACKOFF,
    "ImagePullBackOff": Waiting.IMAGE_PULL_BACKOFF,
    "ErrImagePull": Waiting.ERR_IMAGE_PULL,
    "ErrImageNeverPull": Waiting.ERR_IMAGE_NEVER_PULL,
    "InvalidImageName": Waiting.INVALID_IMAGE_NAME,
    "ImageInspectError": Waiting.IMAGE_INSPECT_ERROR,
    "RegistryUnavailable": Waiting.REGISTRY_UNAVAILABLE,
    "CreateContainerConfigError": Waiting.CONFIG_ERROR,
    "CreateContainerError": Waiting.CREATE_ERROR,
    "RunContainerError": Waiting.RUN_ERROR,
    "StartError": Waiting.RUN_ERROR,
    "PostStartHookError": Waiting.HOOK_ERROR,
    "PreStartHookError": Waiting.HOOK_ERROR,
    "PreCreateHookError": Waiting.HOOK_ERROR,
}

_END = {
    "Completed": EndReason.COMPLETED,
    "Error": EndReason.ERROR,
    "OOMKilled": EndReason.OOM_KILLED,
    "ContainerCannotRun": EndReason.CANNOT_RUN,
    "StartError": EndReason.CANNOT_RUN,
    "DeadlineExceeded": EndReason.DEADLINE_EXCEEDED,
    "ContainerStatusUnknown": EndReason.STATUS_UNKNOWN,
    "Unknown": EndReason.STATUS_UNKNOWN,
    "Evicted": EndReason.EVICTED,
}


def read_containers(
    pod: JSON, owner: Owner, world: World, events: tuple[EventReading, ...]
) -> tuple[ContainerReading, ...]:
    """Every container that the spec or the status of `pod` knows, init containers first."""
    spec, status = fields.mapping(pod.get("spec")), fields.mapping(pod.get("status"))
    template = fields.at(
        world.named("ReplicaSet", fields.name(fields.metadata(pod).get("namespace")), owner.replica_set),
        "spec",
        "template",
        "spec",
    )
    found = []
    for key, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        by_name = {
            item.get("name"): item for item in fields.entries(status.get(statuses)) if isinstance(item.get("name"), str)
        }
        planned = {
            item.get("name"): item
            for item in fields.entries(fields.at(template, key))
            if isinstance(item.get("name"), str)
        }
        specs = {item.get("name"): item for item in fields.entries(spec.get(key)) if isinstance(item.get("name"), str)}
        for name in (*specs, *(extra for extra in by_name if extra not in specs)):
            if not fields.name(name):
                continue
            declared = specs.get(name, {})
            role = Role.MAIN if key == "containers" else Role.INIT
            if role is Role.INIT and declared.get("restartPolicy") == "Always":
                role = Role.SIDECAR
            found.append(
                _container(pod, str(name), role, declared, by_name.get(name, {}), planned.get(name), world, events)
            )
    return tuple(found)


def _container(
    pod: JSON,
    name: str,
    role: Role,
    declared: Mapping[str, Any],
    status: Mapping[str, Any],
    planned: Mapping[str, Any] | None,
    world: World,
    events: tuple[EventReading, ...],
) -> ContainerReading:
    state, last = fields.mapping(status.get("state")), fields.mapping(status.get("lastState"))
    waiting = fields.mapping(state.get("waiting"))
    ended, before = _ended(state.get("terminated")), _ended(last.get("terminated"))
    why = _waiting(state)
    own = tuple(event for event in events if event.container in ("", name))
    raw_image = declared.get("image") or status.get("image")
    image = fields.image(raw_image)
    meta = fields.metadata(pod)
    messages = [fields.at(state, "terminated", "message"), fields.at(last, "terminated", "message")]
    logs = [
        log_signature(world.logs.get(LogKey(fields.name(meta.get("namespace")), fields.name(meta.get("name")), name)))
    ]
    return ContainerReading(
        name=name,
        role=role,
        state=_state(state),
        waiting=why,
        running_since=fields.instant(fields.at(state, "running", "startedAt")),
        ended=ended,
        last=before,
        restarts=fields.count(status.get("restartCount")),
        ready=status.get("ready") is True,
        started=status.get("started") if isinstance(status.get("started"), bool) else None,
        image=image,
        image_mark=fields.mark(raw_image),
        registry=fields.registry(image),
        probed="livenessProbe" in declared or "startupProbe" in declared,
        hooked=bool(fields.mapping(declared.get("lifecycle"))),
        mutated=planned is not None and _differs(declared, planned),
        pull=_pull(why, waiting, own) if why.is_image else None,
        start=_start(waiting, ended or before, messages, own) if why in _STARTS or _cannot_run(ended, before) else None,
        log=merged(*logs, *(log_signature(words) for words in _last_words(state, last))),
    )


_STARTS = (Waiting.CONFIG_ERROR, Waiting.CREATE_ERROR, Waiting.RUN_ERROR, Waiting.OTHER)


def _last_words(*states: Mapping[str, Any]) -> list[object]:
    """Termination messages that the program itself left; where it could not be started, they are the runtime's."""
    ends = [fields.mapping(state.get("terminated")) for state in states]
    return [end.get("message") for end in ends if not _cannot_run(_ended(end))]


def _cannot_run(*ends: Ended | None) -> bool:
    return any(end is not None and end.reason is EndReason.CANNOT_RUN for end in ends)


def _state(state: Mapping[str, Any]) -> State:
    held = [
        kind for kind in (State.WAITING, State.RUNNING, State.TERMINATED) if isinstance(state.get(kind.value), Mapping)
    ]
    return held[0] if len(held) == 1 else State.UNKNOWN


def _waiting(state: Mapping[str, Any]) -> Waiting:
    if not isinstance(state.get("waiting"), Mapping):
        return Waiting.NONE
    reason = fields.at(state, "waiting", "reason")
    if not isinstance(reason, str) or not reason:
        return Waiting.CONTAINER_CREATING
    return _WAITING.get(reason, Waiting.OTHER)


def _ended(terminated: object) -> Ended | None:
    if not isinstance(terminated, Mapping):
        return None
    code = fields.whole(terminated.get("exitCode"))
    signal = fields.whole(terminated.get("signal")) or (code - 128 if code is not None and 128 < code <= 192 else None)
    reason = terminated.get("reason")
    return Ended(
        reason=_END.get(reason, EndReason.OTHER) if isinstance(reason, str) else EndReason.OTHER,
        exit_code=code,
        signal=signal,
        started_at=fields.instant(terminated.get("startedAt")),
        finished_at=fields.instant(terminated.get("finishedAt")),
    )


def _pull(why: Waiting, waiting: Mapping[str, Any], events: tuple[EventReading, ...]) -> PullTrouble:
    """The class that the newest informative witness gives: the waiting message, then the pull events."""
    if why is Waiting.INVALID_IMAGE_NAME:
        return PullTrouble.BAD_REFERENCE
    if why is Waiting.ERR_IMAGE_NEVER_PULL:
        return PullTrouble.ABSENT
    said = [pull_trouble(waiting.get("message"))]
    failed = [event for event in events if event.kind is EventClass.PULL_FAILED and event.pull is not None]
    said += [event.pull for event in failed if event.pull is not None]
    known = {trouble for trouble in said if trouble is not PullTrouble.UNKNOWN}
    if len(known) == 1:
        return known.pop()
    if not known:
        return PullTrouble.TIMEOUT if why is Waiting.REGISTRY_UNAVAILABLE else PullTrouble.UNKNOWN
    # Witnesses disagree: the reading that leads away from an act counts.
    careful = (
        PullTrouble.RATE_LIMITED,
        PullTrouble.NO_SPACE,
        PullTrouble.NODE_STORE,
        PullTrouble.AUTH,
        PullTrouble.TIMEOUT,
        PullTrouble.ABSENT,
    )
    return next((trouble for trouble in careful if trouble in known), PullTrouble.UNKNOWN)


def _start(
    waiting: Mapping[str, Any], end: Ended | None, messages: list[object], events: tuple[EventReading, ...]
) -> StartTrouble:
    said = [start_trouble(waiting.get("message")), *(start_trouble(message) for message in messages)]
    said += [event.start for event in events if event.kind is EventClass.START_FAILED and event.start is not None]
    known = [trouble for trouble in said if trouble is not StartTrouble.UNKNOWN]
    for of_the_node in (StartTrouble.NODE_EXHAUSTED, StartTrouble.NO_SPACE, StartTrouble.RUNTIME):
        if of_the_node in known:
            return of_the_node
    if known:
        return known[0]
    return StartTrouble.COMMAND if end is not None and end.exit_code in (126, 127) else StartTrouble.UNKNOWN


def _differs(live: Mapping[str, Any], planned: Mapping[str, Any]) -> bool:
    """The image, or a limit that the template itself sets. A limit added where there was none is a LimitRange's."""
    if isinstance(planned.get("image"), str) and live.get("image") != planned["image"]:
        return True
    limits = fields.mapping(fields.at(planned, "resources", "limits"))
    actual = fields.mapping(fields.at(live, "resources", "limits"))
    return any(quantity(limits[key]) != quantity(actual.get(key)) for key in limits)

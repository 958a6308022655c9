"""Why a container is not well: by reason before exit code, on every container. `pod_causes.py` makes a pod's of it.

137 alone is any SIGKILL, *not found* may be a refusal in disguise, and a log line proves little; so each rule asks for
the most specific witness first, and what fits none is `UNKNOWN`. `CRASHING` means: it ends by itself with an error and
nothing says why. Only that one, and only with healthy siblings, may become `TRANSIENT` (`byteport/runbooks/pod_crashloop.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from byteport.domain.reasons import Cause
from byteport.kubernetes import fields
from byteport.kubernetes.events import EventClass, EventReading
from byteport.kubernetes.log_words import LogClass
from byteport.kubernetes.messages import PullTrouble, StartTrouble
from byteport.kubernetes.pods import (
    ContainerReading,
    Ended,
    EndReason,
    PodReading,
    RestartPolicy,
    Role,
    State,
    Waiting,
)
from byteport.kubernetes.world import World

RECENT = timedelta(minutes=15)
"""A crash older than this says nothing about the present."""
FLAPPING_RESTARTS = 3
"""So many restarts, the last of them recent, are a crash loop even while the container happens to run."""

_PULL = {
    PullTrouble.BAD_REFERENCE: Cause.IMAGE_BAD_REFERENCE,
    PullTrouble.AUTH: Cause.IMAGE_AUTH,
    PullTrouble.RATE_LIMITED: Cause.IMAGE_RATE_LIMITED,
    PullTrouble.TIMEOUT: Cause.IMAGE_TIMEOUT,
    PullTrouble.NO_SPACE: Cause.NODE_DISK,
    PullTrouble.NODE_STORE: Cause.NODE_SUSPECT,
    PullTrouble.ABSENT: Cause.IMAGE_ABSENT,
    PullTrouble.UNKNOWN: Cause.IMAGE_PULL,
}

_START = {
    StartTrouble.CONFIG_MISSING: Cause.CONFIG_ERROR,
    StartTrouble.COMMAND: Cause.START_ERROR,
    StartTrouble.NODE_EXHAUSTED: Cause.NODE_EXHAUSTED,
    StartTrouble.NO_SPACE: Cause.NODE_DISK,
    StartTrouble.RUNTIME: Cause.NODE_SUSPECT,
    StartTrouble.MOUNT: Cause.VOLUME,
    StartTrouble.UNKNOWN: Cause.START_ERROR,
}

_LOG = {
    LogClass.MIGRATION: Cause.MIGRATION,
    LogClass.NO_SPACE: Cause.NODE_DISK,
    LogClass.NODE_EXHAUSTED: Cause.NODE_EXHAUSTED,
    LogClass.OUT_OF_MEMORY: Cause.OUT_OF_MEMORY,
    LogClass.CERTIFICATE: Cause.CERTIFICATE,
    LogClass.FORBIDDEN: Cause.ACCESS_DENIED,
    LogClass.DEPENDENCY: Cause.DEPENDENCY_DOWN,
    LogClass.CONFIG_MISSING: Cause.CONFIG_ERROR,
    LogClass.COMMAND: Cause.START_ERROR,
    LogClass.PORT_IN_USE: Cause.UNKNOWN,
    LogClass.HARDWARE: Cause.NODE_SUSPECT,
    LogClass.POISON: Cause.POISON_MESSAGE,
    LogClass.LOCK: Cause.UNKNOWN,
}
"""A segfault, a panic, a stale lock file or a corrupt scratch file names no cause beyond the pod: those stay `CRASHING`."""

_KILLED = (137, 143)
_NOT_FOUND = (126, 127, 128)
_BY_HARDWARE = (132, 135)
"""SIGILL and SIGBUS: a processor or a page that is not what the program needs."""


def proven_images(world: World, pods: Iterable[PodReading]) -> frozenset[str]:
    """Marks of images that were pulled somewhere: a container ran from them, or a ReplicaSet of theirs has ready pods.

    *Not found* for such an image is a refusal in disguise: registries say it to those who may not know.
    """
    marks = {item.image_mark for pod in pods for item in pod.containers if _has_run(item)}
    for replica_set in world.of("ReplicaSet"):
        if fields.count(fields.at(replica_set, "status", "readyReplicas")) > 0:
            spec = fields.mapping(fields.at(replica_set, "spec", "template", "spec"))
            for container in (*fields.entries(spec.get("initContainers")), *fields.entries(spec.get("containers"))):
                marks.add(fields.mark(container.get("image")))
    return frozenset(marks - {""})


def container_cause(
    container: ContainerReading, pod: PodReading, proven: frozenset[str], now: datetime
) -> Cause | None:
    """What is wrong with one container; None while it runs, starts, waits for another, or has done its work."""
    if container.waiting.is_image:
        return _image_cause(container, proven)
    if container.waiting in (Waiting.CONFIG_ERROR, Waiting.CREATE_ERROR, Waiting.RUN_ERROR):
        cause = _START[container.start or StartTrouble.UNKNOWN]
        missing = container.waiting is Waiting.CONFIG_ERROR and cause is Cause.START_ERROR
        return Cause.CONFIG_ERROR if missing else cause
    if container.waiting is Waiting.HOOK_ERROR:
        return Cause.HOOK_FAILED
    if container.waiting is Waiting.OTHER:
        return Cause.UNKNOWN
    if not _crashes(container, pod, now):
        return None
    cause = _crash_cause(container, pod)
    if container.role is Role.INIT and cause in _INIT:
        return Cause.INIT_FAILED
    return cause


_INIT = frozenset({Cause.CRASHING, Cause.UNKNOWN, Cause.ACCESS_DENIED, Cause.CERTIFICATE, Cause.EXITS_ZERO})


def _image_cause(container: ContainerReading, proven: frozenset[str]) -> Cause:
    cause = _PULL[container.pull or PullTrouble.UNKNOWN]
    if cause in (Cause.IMAGE_BAD_REFERENCE, Cause.IMAGE_PULL) and container.image_mark in proven:
        return Cause.IMAGE_AUTH
    return cause


def _crashes(container: ContainerReading, pod: PodReading, now: datetime) -> bool:
    """Whether it keeps ending: backing off now, ended and due to start again, or ended again and again of late."""
    if container.waiting is Waiting.CRASH_LOOP_BACKOFF:
        return True
    if container.state is State.TERMINATED and container.ended is not None:
        if container.role is Role.INIT:
            return container.ended.exit_code != 0
        if container.ended.exit_code == 0:
            return container.restarts > 0 and (pod.restart_policy is not RestartPolicy.NEVER)
        return True
    if container.restarts == 0 or container.last is None:
        return False
    recent = container.last.finished_at is None or now - container.last.finished_at <= RECENT
    if container.ready:
        return recent and container.restarts >= FLAPPING_RESTARTS
    return recent


def _crash_cause(container: ContainerReading, pod: PodReading) -> Cause:
    end = container.final
    if end is None:
        return Cause.UNKNOWN
    by_reason = _cause_by_reason(container, end)
    if by_reason is not None:
        return by_reason
    if _witnessed(container, pod, end, EventClass.KILLED_BY_LIVENESS, EventClass.KILLED_BY_STARTUP):
        return Cause.PROBE_KILL
    if _witnessed(container, pod, end, EventClass.HOOK_FAILED):
        return Cause.HOOK_FAILED
    probing = _witnessed(container, pod, end, EventClass.LIVENESS_FAILED, EventClass.STARTUP_FAILED)
    if probing and (end.exit_code in _KILLED or end.exit_code == 0):
        return Cause.PROBE_KILL
    if end.exit_code == 0:
        return Cause.EXITS_ZERO
    return cause_by_log(container, pod) or _cause_by_code(end)


def _cause_by_reason(container: ContainerReading, end: Ended) -> Cause | None:
    if end.reason is EndReason.OOM_KILLED:
        return Cause.OOM_KILLED
    if end.reason is EndReason.CANNOT_RUN:
        return _START[container.start or StartTrouble.UNKNOWN]
    if end.reason is EndReason.STATUS_UNKNOWN:
        return Cause.NODE_RESTART
    if end.reason is EndReason.EVICTED:
        return Cause.EVICTED
    return Cause.UNKNOWN if end.reason is EndReason.DEADLINE_EXCEEDED else None


def cause_by_log(container: ContainerReading, pod: PodReading) -> Cause | None:
    """What the log argues for; its classes are in the order of weight."""
    for found in container.log.classes:
        if found in (LogClass.NO_SPACE, LogClass.DATA_CORRUPT) and pod.claims:
            return Cause.VOLUME
        if found in _LOG:
            return _LOG[found]
    return None


def _cause_by_code(end: Ended) -> Cause:
    code = end.exit_code
    if code is None or code in _KILLED or code in _BY_HARDWARE or end.reason is EndReason.OTHER:
        return Cause.UNKNOWN
    return Cause.START_ERROR if code in _NOT_FOUND else Cause.CRASHING


def _witnessed(container: ContainerReading, pod: PodReading, end: Ended, *kinds: EventClass) -> bool:
    """An event of `kinds` about this container, not long before its end. Without a time on either side it counts."""
    return any(_near(event, end) for event in pod.seen(*kinds) if event.container in ("", container.name))


def _near(event: EventReading, end: Ended) -> bool:
    if event.last is None or end.finished_at is None:
        return True
    return event.last >= end.finished_at - RECENT


def _has_run(container: ContainerReading) -> bool:
    started = container.state in (State.RUNNING, State.TERMINATED) or container.last is not None
    return started and not any(
        end is not None and end.reason is EndReason.STATUS_UNKNOWN for end in (container.ended, container.last)
    )

"""What is wrong with a pod as a whole: the cause of the container that speaks for it, or what it waits for.

Comes after `crash.py`, which finds the cause of each container; `reading.py` asks for every pod, `symptoms.py` for one.
"""

from __future__ import annotations

from datetime import datetime

from byteport.domain.reasons import Cause
from byteport.kubernetes.crash import RECENT, cause_by_log, container_cause
from byteport.kubernetes.events import EventClass
from byteport.kubernetes.log_words import LogClass
from byteport.kubernetes.messages import StartTrouble
from byteport.kubernetes.pods import Phase, PodReading, PodReason, State, Waiting

_WEIGHT = (
    Cause.OOM_KILLED,
    Cause.NODE_EXHAUSTED,
    Cause.NODE_DISK,
    Cause.NODE_SUSPECT,
    Cause.NODE_RESTART,
    Cause.IMAGE_RATE_LIMITED,
    Cause.IMAGE_AUTH,
    Cause.IMAGE_TIMEOUT,
    Cause.IMAGE_ABSENT,
    Cause.IMAGE_BAD_REFERENCE,
    Cause.IMAGE_PULL,
    Cause.CONFIG_ERROR,
    Cause.VOLUME,
    Cause.START_ERROR,
    Cause.HOOK_FAILED,
    Cause.MIGRATION,
    Cause.PROBE_KILL,
    Cause.DEPENDENCY_DOWN,
    Cause.OUT_OF_MEMORY,
    Cause.CERTIFICATE,
    Cause.ACCESS_DENIED,
    Cause.POISON_MESSAGE,
    Cause.INIT_FAILED,
    Cause.EXITS_ZERO,
    Cause.EVICTED,
    Cause.UNKNOWN,
    Cause.CRASHING,
)
"""Which container's cause speaks for the pod. The one that may lead to an act comes last."""


def classed(pod: PodReading, proven: frozenset[str], now: datetime) -> PodReading:
    """`pod` with the cause of each container, its own cause, and the container that it is about."""
    containers = tuple(
        item.model_copy(update={"cause": container_cause(item, pod, proven, now)}) for item in pod.containers
    )
    with_causes = pod.model_copy(update={"containers": containers})
    cause, culprit = _pod_cause(with_causes, now)
    return with_causes.model_copy(update={"cause": cause, "culprit": culprit})


def _pod_cause(pod: PodReading, now: datetime) -> tuple[Cause | None, str]:
    if pod.deleting:
        return None, ""
    if pod.phase is Phase.FAILED and pod.reason is not PodReason.NONE:
        return (Cause.EVICTED if pod.reason in _MOVED else Cause.UNKNOWN), ""
    if pod.finished and not _killed_by_probe(pod):
        failed = pod.phase is Phase.FAILED
        return (_heaviest(pod) or (Cause.UNKNOWN, "")) if failed else (None, "")
    if pod.finished:
        return Cause.PROBE_KILL, pod.containers[0].name if len(pod.containers) == 1 else ""
    found = _heaviest(pod)
    return found if found is not None else (_waiting_cause(pod, now), "")


_MOVED = (PodReason.EVICTED, PodReason.PREEMPTED, PodReason.NODE_SHUTDOWN, PodReason.NODE_LOST)


def _killed_by_probe(pod: PodReading) -> bool:
    return bool(pod.seen(EventClass.KILLED_BY_LIVENESS, EventClass.KILLED_BY_STARTUP))


def _heaviest(pod: PodReading) -> tuple[Cause, str] | None:
    """The container cause that speaks for the pod, and whose it is."""
    for cause in _WEIGHT:
        for item in pod.containers:
            if item.cause is cause:
                return cause, item.name
    return None


def _waiting_cause(pod: PodReading, now: datetime) -> Cause | None:
    """What is wrong with a pod none of whose containers has failed."""
    if pod.ready:
        return None
    if not pod.scheduled:
        growing = any(event.last is not None and now - event.last <= RECENT for event in pod.seen(EventClass.SCALE_UP))
        return Cause.SLOW_START if growing or not pod.seen(EventClass.UNSCHEDULABLE) else Cause.UNSCHEDULABLE
    running = [item for item in pod.containers if item.state is State.RUNNING]
    said = next((cause for item in running if (cause := cause_by_log(item, pod)) is not None), None)
    if any(item.waiting is not Waiting.NONE or item.state is State.UNKNOWN for item in pod.containers):
        cause = _creating_cause(pod)
        return said if said is not None and cause is Cause.SLOW_START else cause
    if pod.gated or any(item.started is False for item in running):
        return Cause.SLOW_START
    if said is None and any(item.log.has(LogClass.WORKING) for item in running):
        return Cause.SLOW_START
    return said or Cause.NOT_READY


def _creating_cause(pod: PodReading) -> Cause:
    mounts = pod.seen(EventClass.MOUNT_FAILED, EventClass.ATTACH_FAILED)
    if any(event.start is StartTrouble.CONFIG_MISSING for event in mounts):
        return Cause.CONFIG_ERROR
    if mounts:
        return Cause.VOLUME
    return Cause.START_ERROR if pod.seen(EventClass.SANDBOX_FAILED) else Cause.SLOW_START

"""Whether what a pod fails by is the release's own doing: a release's kind of failure, of something it has changed.

Both are needed. A crash for want of a database is nobody's release, though the release changed the image; and an image
that cannot be pulled, though it is the old one, is not cured by the old template. `release.py` asks for each pod of the
newest revision, `byteport/kubernetes/changes.py` says what changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from byteport.domain.base import Frozen
from byteport.domain.reasons import Cause
from byteport.kubernetes.changes import Changes, Part
from byteport.kubernetes.events import EventClass, EventReading, failed_pulls
from byteport.kubernetes.logs import LogClass, LogReading
from byteport.kubernetes.messages import PullTrouble, StartTrouble, Unfit
from byteport.kubernetes.pods import ContainerReading, PodReading, Role, State, Waiting
from byteport.kubernetes.rollouts import RevisionReading

RECENT = timedelta(minutes=15)

_CLASS = {
    Cause.IMAGE_BAD_REFERENCE: Cause.BAD_IMAGE,
    Cause.CRASHING: Cause.RELEASE_CRASHES,
    Cause.TRANSIENT: Cause.RELEASE_CRASHES,
    Cause.EXITS_ZERO: Cause.RELEASE_CRASHES,
    Cause.START_ERROR: Cause.RELEASE_CRASHES,
    Cause.HOOK_FAILED: Cause.RELEASE_CRASHES,
    Cause.OOM_KILLED: Cause.RELEASE_CRASHES,
    Cause.CONFIG_ERROR: Cause.RELEASE_CONFIG,
    Cause.INIT_FAILED: Cause.RELEASE_INIT,
    Cause.PROBE_KILL: Cause.RELEASE_PROBE,
    Cause.NOT_READY: Cause.RELEASE_PROBE,
    Cause.UNSCHEDULABLE: Cause.RELEASE_UNSCHEDULABLE,
}
RELEASE_CAUSES = frozenset(_CLASS.values())

_ELSEWHERE = {
    LogClass.MIGRATION: Cause.MIGRATION,
    LogClass.MIGRATED: Cause.MIGRATION,
    LogClass.NODE_EXHAUSTED: Cause.NODE_EXHAUSTED,
    LogClass.NO_SPACE: Cause.NODE_DISK,
    LogClass.OUT_OF_MEMORY: Cause.OUT_OF_MEMORY,
    LogClass.CERTIFICATE: Cause.CERTIFICATE,
    LogClass.FORBIDDEN: Cause.ACCESS_DENIED,
    LogClass.DEPENDENCY: Cause.DEPENDENCY_DOWN,
    LogClass.DATA_CORRUPT: Cause.VOLUME,
    LogClass.LOCK: Cause.UNKNOWN,
}
"""What a log argues for against the release, whatever the container was killed by; the weightiest first."""

_GROUNDS = {
    Unfit.RESOURCES: (Part.REQUESTS_GREW,),
    Unfit.SELECTOR: (Part.SCHEDULING,),
    Unfit.AFFINITY: (Part.SCHEDULING,),
    Unfit.TAINT: (Part.SCHEDULING,),
    Unfit.PORTS: (Part.NETWORK, Part.CONTAINERS),
    Unfit.VOLUME: (Part.CLAIMS, Part.VOLUMES),
    Unfit.OTHER: (),
}
_ANYWHERE = frozenset(
    {Part.VOLUMES, Part.CLAIMS, Part.ACCOUNT, Part.SECURITY, Part.NETWORK, Part.CONTAINERS, Part.SCHEDULING, Part.POD}
)
"""Changes of the pod that may break any container in it."""


def blamed_on_release(
    pod: PodReading, release: RevisionReading, changes: Changes | None, now: datetime, *, waited: bool
) -> Cause | None:
    """The class of failure of `release` that its `pod` shows, or None when what it shows is not the release's.

    `changes` is what the release changed against the revision to go back to; None asks for the class alone. `waited`
    says that the deadline is past: only then is what merely hangs, or is not Ready, a failure.
    """
    hung = _hung(pod, changes, now) if waited else None
    if hung is not None:
        return Cause.RELEASE_INIT
    kind = _CLASS.get(pod.cause) if pod.cause is not None else None
    if kind is None or argued_otherwise(item.log for item in pod.containers) is not None:
        return None
    blamed = pod.blamed
    if blamed is not None and (blamed.mutated or _injected(blamed, pod, release)):
        return None
    if blamed is not None and blamed.role is not Role.MAIN and kind in (Cause.RELEASE_CRASHES, Cause.RELEASE_PROBE):
        kind = Cause.RELEASE_INIT
    if pod.cause is Cause.NOT_READY and not _readiness_witnessed(pod, now):
        return None
    if pod.cause is Cause.START_ERROR and not _wrong_program(blamed):
        return None
    if pod.cause is Cause.OOM_KILLED and not _limit_lowered(blamed, changes):
        return None
    if changes is not None and not _explained(kind, pod, blamed, changes):
        return None
    return kind


def _wrong_program(container: ContainerReading | None) -> bool:
    """The program itself is what cannot be started. Words that are not understood may be the node's runtime speaking."""
    if container is None:
        return False
    said = container.start is StartTrouble.COMMAND or container.log.has(LogClass.COMMAND)
    return said or (container.start is None and container.final is not None)


def _limit_lowered(container: ContainerReading | None, changes: Changes | None) -> bool:
    """The one kill for memory that is the release's doing for certain. Else it may be the data, which the old one meets too."""
    return container is not None and changes is not None and Part.MEMORY_FELL in changes.of(container.name)


def _injected(container: ContainerReading, pod: PodReading, release: RevisionReading) -> bool:
    """Put into the pod by a webhook (a mesh's proxy): the template that was released does not declare it.

    Where no container of the pod is declared, the saved objects do not belong together, and nothing can be said.
    """
    declared = set(release.containers)
    return container.name not in declared and any(item.name in declared for item in pod.containers)


def argued_otherwise(logs: Iterable[LogReading]) -> Cause | None:
    """The cause that a log names which is not the release's; the heaviest of them, or None."""
    said = {found for log in logs for found in log.classes}
    return next((cause for found, cause in _ELSEWHERE.items() if found in said), None)


def _explained(kind: Cause, pod: PodReading, blamed: ContainerReading | None, changes: Changes) -> bool:
    """Whether the release changed what fails."""
    own = changes.of(blamed.name) if blamed is not None else frozenset()
    pod_parts = frozenset(changes.pod)
    if kind is Cause.BAD_IMAGE:
        return bool(own & {Part.IMAGE, Part.ADDED})
    if kind is Cause.RELEASE_INIT:
        return bool(own)
    if kind is Cause.RELEASE_UNSCHEDULABLE:
        grounds = {ground for event in pod.seen(EventClass.UNSCHEDULABLE) for ground in event.unfit}
        return any(part in pod_parts for ground in grounds for part in _GROUNDS[ground])
    if kind is Cause.RELEASE_CONFIG:
        return _config_explained(blamed, own, pod_parts)
    if kind is Cause.RELEASE_PROBE:
        names = [blamed.name] if blamed is not None else [item.name for item in pod.containers if not item.ready]
        return any(changes.of(name) for name in names)
    return bool(changes.containers) or bool(pod_parts & _ANYWHERE)


def _config_explained(blamed: ContainerReading | None, own: frozenset[Part], pod_parts: frozenset[Part]) -> bool:
    """A missing ConfigMap, Secret or key counts against the release only if it names them otherwise than before."""
    named = {Part.ENV, Part.MOUNTS, Part.ADDED}
    if blamed is None:  # a volume that could not be mounted
        return Part.VOLUMES in pod_parts
    if blamed.waiting is Waiting.CONFIG_ERROR and blamed.start is StartTrouble.CONFIG_MISSING:
        return bool(own & named)
    anything = named | {Part.IMAGE, Part.COMMAND, Part.SECURITY}
    return bool(own & anything) or bool(pod_parts & {Part.VOLUMES, Part.SECURITY})


def _hung(pod: PodReading, changes: Changes | None, now: datetime) -> ContainerReading | None:
    """The init container or sidecar that the release changed, that has run for long and lets nothing after it start."""
    if pod.ready or pod.cause is not Cause.SLOW_START or changes is None:
        return None
    for item in pod.containers:
        waits = item.role is Role.INIT or (item.role is Role.SIDECAR and item.started is False)
        if not waits or item.state is not State.RUNNING or not changes.of(item.name):
            continue
        long = item.running_since is not None and now - item.running_since > RECENT / 3
        if long and not item.mutated and argued_otherwise([item.log]) is None:
            return item
    return None


def _readiness_witnessed(pod: PodReading, now: datetime) -> bool:
    """The kubelet itself says that a readiness probe fails, again and again and until now."""
    failed = pod.seen(EventClass.READINESS_FAILED)
    return any(event.count >= 3 and event.last is not None and now - event.last <= RECENT for event in failed)


class Told(Frozen):
    """What events say about pods that were not read."""

    cause: Cause = Cause.UNKNOWN
    ours: bool = False
    """It is a release's kind of failure, of something that the release changed."""
    count: int = 0
    span_seconds: int = 0


def told_by_events(newest: RevisionReading, changes: Changes | None, loose: LogReading, now: datetime) -> Told:
    """The failure that recent events tell of the pods of `newest`, where no pod is there to be read.

    Only two kinds are plain enough: an image that the registry does not have, and a container that is started again
    and again. Everything else, and whatever a log argues against, is not the release's.
    """
    recent = [event for event in newest.events if event.last is not None and now - event.last <= RECENT]
    pulls = [event for event in recent if event.kind is EventClass.PULL_FAILED]
    crashes = [event for event in recent if event.kind is EventClass.CRASH_BACKOFF]
    otherwise = argued_otherwise([loose])
    if otherwise is not None:
        return Told(cause=otherwise)
    if pulls:
        said = {event.pull for event in pulls} - {PullTrouble.UNKNOWN}
        bad = said == {PullTrouble.BAD_REFERENCE}
        ours = bad and _image_changed(changes)
        return _told(Cause.BAD_IMAGE if bad else Cause.IMAGE_PULL, pulls, ours=ours)
    if not crashes or any(event.kind in _SPOILING for event in recent):
        return Told()
    ours = changes is not None and (bool(changes.containers) or bool(set(changes.pod) & _ANYWHERE))
    return _told(Cause.RELEASE_CRASHES, crashes, ours=ours)


_SPOILING = frozenset(
    {
        EventClass.OOM_KILLING,
        EventClass.EVICTED,
        EventClass.PREEMPTED,
        EventClass.MOUNT_FAILED,
        EventClass.ATTACH_FAILED,
        EventClass.SANDBOX_FAILED,
        EventClass.CREATE_REFUSED,
        EventClass.UNSCHEDULABLE,
    }
)
"""Other trouble beside the crashes: no plain case any more."""


def _image_changed(changes: Changes | None) -> bool:
    return changes is not None and any({Part.IMAGE, Part.ADDED} & set(found.parts) for found in changes.containers)


def _told(cause: Cause, events: list[EventReading], *, ours: bool) -> Told:
    times = [at for event in events for at in (event.first, event.last) if at is not None]
    span = int((max(times) - min(times)).total_seconds()) if times else 0
    count = failed_pulls(events) or sum(event.count for event in events)
    return Told(cause=cause, ours=ours, count=count, span_seconds=span)

"""Pods as typed facts: every container, init and native sidecar included, never `[0]`.

Made by `pod_reading.py` from API objects, classed by `crash.py`, gathered by `reading.py`. Both runbooks read them. A
model here holds enums, numbers, times, object names and digests, because it crosses Temporal: no message, no log line.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from byteport.domain.base import Frozen, Instant
from byteport.domain.reasons import Cause
from byteport.domain.targets import PodRef
from byteport.kubernetes.events import EventClass, EventReading
from byteport.kubernetes.logs import LogReading
from byteport.kubernetes.messages import PullTrouble, StartTrouble
from byteport.kubernetes.owners import Owner, OwnerKind
from byteport.kubernetes.references import Reference, ReferenceKind

PROVEN_AFTER = timedelta(seconds=60)
"""A container that failed and runs again must run for so long, whatever its Ready condition says."""
FORGIVEN_AFTER = timedelta(minutes=10)
"""After a run of so long the kubelet starts its back-off anew: an end that follows is a case by itself."""
_BACKOFF_FIRST, _BACKOFF_MOST = 10, 300
"""Seconds that the kubelet waits before a restart, doubled each time, and at most."""


class Role(StrEnum):
    """How a container lives."""

    MAIN = "main"
    INIT = "init"
    """Runs once, before the main containers."""
    SIDECAR = "sidecar"
    """An init container with `restartPolicy: Always`: starts before the main ones and runs beside them."""


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    TERMINATED = "terminated"
    UNKNOWN = "unknown"


class Waiting(StrEnum):
    """Why a container is not running yet, or not again."""

    NONE = "none"
    CONTAINER_CREATING = "container_creating"
    POD_INITIALIZING = "pod_initializing"
    CRASH_LOOP_BACKOFF = "crash_loop_backoff"
    IMAGE_PULL_BACKOFF = "image_pull_backoff"
    ERR_IMAGE_PULL = "err_image_pull"
    ERR_IMAGE_NEVER_PULL = "err_image_never_pull"
    INVALID_IMAGE_NAME = "invalid_image_name"
    IMAGE_INSPECT_ERROR = "image_inspect_error"
    REGISTRY_UNAVAILABLE = "registry_unavailable"
    CONFIG_ERROR = "config_error"
    CREATE_ERROR = "create_error"
    RUN_ERROR = "run_error"
    HOOK_ERROR = "hook_error"
    OTHER = "other"

    @property
    def is_image(self) -> bool:
        return self in _IMAGE_WAITS

    @property
    def is_failure(self) -> bool:
        """A reason that names trouble, unlike *creating* or *initialising*; what is not modelled counts as trouble."""
        return self not in (Waiting.NONE, Waiting.CONTAINER_CREATING, Waiting.POD_INITIALIZING)


_IMAGE_WAITS = frozenset(
    {
        Waiting.IMAGE_PULL_BACKOFF,
        Waiting.ERR_IMAGE_PULL,
        Waiting.ERR_IMAGE_NEVER_PULL,
        Waiting.INVALID_IMAGE_NAME,
        Waiting.IMAGE_INSPECT_ERROR,
        Waiting.REGISTRY_UNAVAILABLE,
    }
)


class EndReason(StrEnum):
    """Why a run of a container ended, as the kubelet says it."""

    COMPLETED = "completed"
    ERROR = "error"
    OOM_KILLED = "oom_killed"
    CANNOT_RUN = "cannot_run"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    STATUS_UNKNOWN = "status_unknown"
    """The kubelet lost sight of it: the node restarted, or its runtime did."""
    EVICTED = "evicted"
    OTHER = "other"


class Ended(Frozen):
    """One finished run of a container."""

    reason: EndReason
    exit_code: int | None = None
    signal: int | None = None
    started_at: Instant | None = None
    finished_at: Instant | None = None

    @property
    def lasted(self) -> timedelta | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return max(timedelta(0), self.finished_at - self.started_at)


class ContainerReading(Frozen):
    """One container of a pod. `cause` is what `crash.py` made of it; None while nothing is wrong with it."""

    name: str
    role: Role
    state: State = State.UNKNOWN
    waiting: Waiting = Waiting.NONE
    running_since: Instant | None = None
    ended: Ended | None = None
    """How the present state ended, when it is terminated."""
    last: Ended | None = None
    """How the run before the present state ended."""
    restarts: int = 0
    ready: bool = False
    started: bool | None = None
    image: str = ""
    image_mark: str = ""
    registry: str = ""
    probed: bool = False
    """It has a liveness or startup probe, which can kill it."""
    hooked: bool = False
    mutated: bool = False
    """Its image or a limit differs from what its ReplicaSet's template says: a webhook or another hand set it."""
    pull: PullTrouble | None = None
    start: StartTrouble | None = None
    log: LogReading = LogReading()
    cause: Cause | None = None

    @property
    def final(self) -> Ended | None:
        """The latest end that is known."""
        return self.ended or self.last

    def unproven_for(self, now: datetime) -> timedelta:
        """How much longer it must run until its last end is over; zero when it never failed, or does not run.

        Without a readiness probe a kubelet calls a container ready from its start to its next crash. A run proves
        something when it has outlasted the one that failed.
        """
        last = self.last
        lost = last is not None and last.reason is EndReason.STATUS_UNKNOWN  # its node went down, not the program
        if self.state is not State.RUNNING or self.role is Role.INIT or self.restarts == 0 or last is None or lost:
            return timedelta(0)
        since = self.running_since or last.finished_at
        if since is None:
            return timedelta(0)
        lasted = last.lasted or timedelta(0)
        needs = max(PROVEN_AFTER, lasted) if lasted < FORGIVEN_AFTER else PROVEN_AFTER
        return max(timedelta(0), needs - max(timedelta(0), now - since))


class Phase(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


class PodReason(StrEnum):
    """Why the whole pod ended, when its node or the control plane says so."""

    NONE = "none"
    EVICTED = "evicted"
    PREEMPTED = "preempted"
    NODE_SHUTDOWN = "node_shutdown"
    NODE_LOST = "node_lost"
    NOT_ADMITTED = "not_admitted"
    """The kubelet refused it: OutOfcpu, NodeAffinity, UnexpectedAdmissionError."""
    OTHER = "other"


class RestartPolicy(StrEnum):
    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"
    UNKNOWN = "Unknown"


class PodReading(Frozen):
    """One pod."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    owner: Owner
    node: str = ""
    phase: Phase = Phase.UNKNOWN
    reason: PodReason = PodReason.NONE
    created_at: Instant | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    """When a pod that ended for good did so, where its conditions tell."""
    deleting: bool = False
    scheduled: bool = True
    restart_policy: RestartPolicy = RestartPolicy.UNKNOWN
    template_hash: str = ""
    ready: bool = False
    ready_known: bool = True
    """Its condition says plainly whether it is Ready; without that nothing is deleted."""
    ready_changed_at: Instant | None = None
    """Since when the pod is Ready, or is not."""
    unproven_seconds: int = 0
    """So long a container of it that failed must still run, until that is over; until then Ready proves nothing."""
    was_ready: bool = False
    """It was Ready earlier in its life, for longer than between two crashes, though it is not now."""
    gated: bool = False
    """A readiness gate that somebody else has to set (a load balancer's) is not true, and its containers are ready."""
    kept: bool = False
    """Its owner asks by annotation that nobody moves it."""
    references: tuple[Reference, ...] = ()
    containers: tuple[ContainerReading, ...] = ()
    events: tuple[EventReading, ...] = ()
    cause: Cause | None = None
    """What is wrong with the pod as a whole; None when nothing is."""
    culprit: str = ""
    """Name of the container that `cause` is about; empty when it is about the pod."""

    @property
    def ref(self) -> PodRef:
        return PodRef(namespace=self.namespace, name=self.name, uid=self.uid, resource_version=self.resource_version)

    @property
    def claims(self) -> tuple[str, ...]:
        """Names of volumes that outlive it or are bound to it."""
        kinds = (ReferenceKind.CLAIM, ReferenceKind.EPHEMERAL_CLAIM)
        return tuple(ref.name for ref in self.references if ref.kind in kinds)

    @property
    def restarts(self) -> int:
        return sum(container.restarts for container in self.containers)

    @property
    def longest_run(self) -> timedelta:
        """The least that the longest of its runs can have lasted: what no back-off can have taken, spread over all.

        A pod that ran well for hours and crashes now shows its last, short run only.
        """
        item = max(self.containers, key=lambda found: found.restarts, default=None)
        end = item.final.finished_at if item is not None and item.final is not None else None
        if item is None or end is None or self.started_at is None:
            return timedelta(0)
        growing = [_BACKOFF_FIRST * 2**step for step in range(min(item.restarts, 5))]
        waited = sum(growing) + _BACKOFF_MOST * (item.restarts - len(growing))
        return max(timedelta(0), end - self.started_at - timedelta(seconds=waited)) / (item.restarts + 1)

    @property
    def finished(self) -> bool:
        """Ended for good: a record, not a replica."""
        return self.phase in (Phase.SUCCEEDED, Phase.FAILED)

    @property
    def blamed(self) -> ContainerReading | None:
        """The container that `cause` is about."""
        return next((item for item in self.containers if item.name == self.culprit), None)

    @property
    def under_deployment(self) -> bool:
        return self.owner.kind is OwnerKind.DEPLOYMENT

    def unready_for(self, now: datetime) -> timedelta:
        """How long it has not been Ready; zero while it is, or when the clocks disagree."""
        since = self.ready_changed_at or self.created_at
        return timedelta(0) if self.ready or since is None else max(timedelta(0), now - since)

    def age(self, now: datetime) -> timedelta:
        born = self.created_at or self.started_at
        return timedelta(0) if born is None else max(timedelta(0), now - born)

    def seen(self, *kinds: EventClass) -> tuple[EventReading, ...]:
        """Its events of `kinds`."""
        return tuple(event for event in self.events if event.kind in kinds)

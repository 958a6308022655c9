"""A Deployment with its revisions, as typed facts.

Made by `rollout_reading.py`; `release.py` looks in it for a release that failed and `revisions.py` for one to go back
to. It crosses Temporal, so it holds numbers, times, names, enums and digests: templates stay where they were read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from byteport.domain.base import Frozen, Instant
from byteport.kubernetes.changes import CLAIMS, Changes
from byteport.kubernetes.events import EventReading
from byteport.kubernetes.ownership import Ownership
from byteport.kubernetes.references import Reference

NO_DEADLINE = 2**31 - 1
"""How the API spells *no deadline*."""
USUAL_DEADLINE = 600


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"
    ABSENT = "absent"


class Progress(StrEnum):
    """Why the condition `Progressing` is as it is."""

    NONE = "none"
    COMPLETE = "complete"
    """NewReplicaSetAvailable: the newest revision took over at that time."""
    UNDER_WAY = "under_way"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    PAUSED = "paused"
    REFUSED = "refused"
    """The ReplicaSet itself could not be made."""
    OTHER = "other"


class Condition(Frozen):
    """One condition of the Deployment's status."""

    status: ConditionStatus = ConditionStatus.ABSENT
    changed_at: Instant | None = None
    updated_at: Instant | None = None


class Refusals(Frozen):
    """Pods or ReplicaSets of the newest revision that the API server would not create."""

    quota: bool = False
    other: bool = False


class RevisionReading(Frozen):
    """One ReplicaSet of the Deployment. Its number is kubectl's (`deployment.kubernetes.io/revision`)."""

    number: int
    name: str
    uid: str
    restore_digest: str
    """Digest of the template that a rollback to it would write."""
    release_digest: str
    """Equal for revisions that differ in the hash label and annotations only."""
    created_at: Instant | None = None
    reused: bool = False
    """It was the newest before and became it again, so that its age says nothing about the rollout's."""
    deleting: bool = False
    replicas: int = 0
    """Wanted."""
    present: int = 0
    ready: int = 0
    available: int = 0
    remembered: bool = False
    """Seen Available for the set time, earlier, by ourselves."""
    containers: tuple[str, ...] = ()
    """Names of all that its template declares; what a pod has besides was put in by a webhook."""
    images: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    changes: Changes = Changes()
    """What the newest revision has changed against this one; empty for the newest itself."""
    migrating: tuple[str, ...] = ()
    """Containers whose name, image or command speaks of a schema migration."""
    quota_short: bool = False
    """A quota leaves no room for the pods that going back to it would add."""
    events: tuple[EventReading, ...] = ()
    """Of the newest only: about the ReplicaSet, and about pods of its name that were not read themselves."""

    @property
    def claims(self) -> tuple[str, ...]:
        return tuple(found.name for found in self.references if found.kind in CLAIMS)


class RolloutReading(Frozen):
    """One Deployment and the ReplicaSets that it controls, newest first."""

    uid: str
    revision: int
    """Number of the newest revision; 0 while the controller has not numbered it."""
    template_digest: str
    """Digest of the whole `/spec/template` as read: what a patch tests for."""
    release_digest: str
    guard_digest: str
    """Digest of paused, selector and strategy."""
    generation: int = 0
    observed_generation: int = 0
    created_at: Instant | None = None
    paused: bool = False
    deleting: bool = False
    replicas: int = 1
    """Wanted."""
    present: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    unavailable: int = 0
    max_unavailable: int = 0
    """How many pods the strategy may take away during a rollout."""
    min_ready_seconds: int = 0
    deadline_seconds: int = USUAL_DEADLINE
    history_limit: int = 10
    recreate: bool = False
    all_at_once: bool = False
    """The strategy lets every old pod go before one new pod is available."""
    progress: Progress = Progress.NONE
    progressing: Condition = Condition()
    availability: Condition = Condition()
    refusals: Refusals = Refusals()
    began_at: Instant | None = None
    """When the present rollout began, as far as objects tell; None when nothing does."""
    newest: RevisionReading | None = None
    """The revision that the Deployment's template belongs to; None until the controller has made it."""
    older: tuple[RevisionReading, ...] = ()
    ownership: Ownership = Ownership()
    foreign_autoscaler: str = ""
    """An autoscaler of this Deployment that something else owns (KEDA, an operator)."""
    shared_services: tuple[str, ...] = ()
    """Services that send traffic to this Deployment and to another workload."""
    troubled_nodes: tuple[str, ...] = ()
    """Nodes on which pods of something else fail too."""
    troubled_registries: tuple[str, ...] = ()
    """Registries that something else cannot pull from either, for whatever cause."""
    migration_mark: str = ""
    """The label or annotation, of the Deployment or its template, that speaks of a migration."""
    migration_jobs: tuple[str, ...] = ()
    """Jobs beside the release that change, or may have changed, what old code must read."""

    @property
    def observed(self) -> bool:
        """The controller has seen the present spec; before that the status speaks of another one."""
        return self.generation <= self.observed_generation

    @property
    def complete(self) -> bool:
        """kubectl's definition of a finished rollout. Terminating pods are in none of these counts."""
        return (
            self.observed
            and self.replicas > 0
            and self.updated >= self.replicas
            and self.present <= self.updated
            and self.available >= self.updated
        )

    @property
    def deadline(self) -> timedelta:
        """The owner's own bound on a rollout; the usual one where none is set."""
        return timedelta(seconds=USUAL_DEADLINE if self.deadline_seconds >= NO_DEADLINE else self.deadline_seconds)

    @property
    def took_over(self) -> bool:
        """The controller has called this rollout complete: the newest revision has served."""
        return self.progress is Progress.COMPLETE

    def past_deadline(self, now: datetime) -> bool:
        """Whether the rollout has had its time: by the controller's word, or by the clock when that was reset.

        Each short spell of readiness resets the controller's clock, so a release that flaps is never called late.
        """
        if self.progress is Progress.DEADLINE_EXCEEDED:
            return True
        return self.began_at is not None and now - self.began_at > self.deadline

    @property
    def serving(self) -> tuple[RevisionReading, ...]:
        """Older revisions that have available pods now."""
        return tuple(revision for revision in self.older if revision.available > 0 and not revision.deleting)

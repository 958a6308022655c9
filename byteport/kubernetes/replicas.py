"""The replicas of one target: which of them are in trouble, and how their siblings fare.

Between the readings of `pods.py` and the choices of `byteport/runbooks/pod_findings.py`: it counts, it does not judge.
A saved bundle often holds the failing pod alone; its siblings are then known by their ReplicaSet's status.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from byteport.domain.base import Frozen
from byteport.domain.reasons import Cause
from byteport.kubernetes.crash import FLAPPING_RESTARTS
from byteport.kubernetes.owners import OwnerKind
from byteport.kubernetes.pods import PodReading, State, Waiting
from byteport.kubernetes.rollouts import Progress, RevisionReading, RolloutReading
from byteport.kubernetes.situation import Situation

SETTLING = timedelta(seconds=60)
"""A pod younger than this may still get its image, its Secret, its mount."""
WEDGED_AFTER = timedelta(minutes=5)
"""A replica that is unready for so long will not become ready by itself."""
SLOW_AFTER = timedelta(minutes=15)
"""A start that takes so long is somebody's business, though nothing has failed."""
SAME_AGE = timedelta(seconds=60)
STALLED_AFTER = timedelta(minutes=2)
"""A rollout that made no progress for so long is not about to replace anything."""


class Wellbeing(StrEnum):
    """How one pod fares."""

    WELL = "well"
    EARLY = "early"
    """Something may be wrong; it has not lasted long enough to say so."""
    TROUBLE = "trouble"


class Siblings(Frozen):
    """The other live replicas of the same revision."""

    healthy: int = 0
    unwell: int = 0
    unproven: int = 0
    """Up again after a failure, and not for long enough to be called healthy."""
    newer: bool = False
    """A healthy one was made later."""
    contemporary: bool = False
    """A healthy one is at least as young, so it started from the same configuration."""
    served_before: bool = False
    """A healthy one served long before the pod fell out: it did not take over from it, as a standby does."""


def wellbeing(pod: PodReading, now: datetime) -> Wellbeing:
    """Whether the pod is in trouble at `now`. A container that was killed once and runs again is well."""
    if pod.cause is None or pod.deleting:
        return Wellbeing.WELL
    if pod.finished:
        return Wellbeing.TROUBLE
    blamed = pod.blamed
    if pod.cause is Cause.SLOW_START:
        return Wellbeing.EARLY if pod.unready_for(now) < SLOW_AFTER else Wellbeing.TROUBLE
    if blamed is None:
        return Wellbeing.TROUBLE if pod.unready_for(now) >= WEDGED_AFTER else Wellbeing.EARLY
    if blamed.waiting is Waiting.CRASH_LOOP_BACKOFF or blamed.restarts >= FLAPPING_RESTARTS:
        return Wellbeing.TROUBLE
    if blamed.waiting.is_failure:
        return Wellbeing.EARLY if pod.age(now) < SETTLING else Wellbeing.TROUBLE
    if blamed.state is State.TERMINATED:
        return Wellbeing.EARLY
    return Wellbeing.WELL if pod.ready or blamed.ready else Wellbeing.EARLY


def alive(situation: Situation) -> tuple[PodReading, ...]:
    """Pods that count as replicas: not ended, not on their way out."""
    return tuple(pod for pod in situation.pods if not pod.finished and not pod.deleting)


def siblings(pod: PodReading, situation: Situation) -> Siblings:
    """How the other replicas of the pod's own revision fare."""
    others = [other for other in alive(situation) if other.uid != pod.uid and _same_revision(other, pod)]
    up = [other for other in others if other.ready and other.cause is None]
    healthy = [other for other in up if not other.unproven_seconds]
    counted, unwell = len(healthy), len(others) - len(up)
    revision = revision_of(pod, situation)
    if situation.partial and revision is not None:
        seen_ready = sum(1 for other in (*others, pod) if other.ready)
        counted += max(0, revision.ready - seen_ready)
        unwell += max(0, max(revision.present, revision.replicas) - revision.ready - (len(others) + 1 - seen_ready))
    born = pod.created_at
    ages = [other.created_at for other in healthy if other.created_at is not None]
    return Siblings(
        healthy=counted,
        unwell=unwell,
        unproven=len(up) - len(healthy),
        newer=born is not None and any(made - born > SAME_AGE for made in ages),
        contemporary=born is not None and any(born - made <= SAME_AGE for made in ages),
        served_before=any(_served_before(other, pod) for other in healthy),
    )


def _served_before(sibling: PodReading, pod: PodReading) -> bool:
    since, fell = sibling.ready_changed_at, pod.ready_changed_at
    return since is not None and fell is not None and fell - since > WEDGED_AFTER


def _same_revision(one: PodReading, other: PodReading) -> bool:
    return one.owner.replica_set == other.owner.replica_set and one.template_hash == other.template_hash


def revision_of(pod: PodReading, situation: Situation) -> RevisionReading | None:
    """The ReplicaSet that made the pod, as the rollout shows it."""
    rollout = situation.rollout
    if rollout is None:
        return None
    known = ([rollout.newest] if rollout.newest is not None else []) + list(rollout.older)
    return next((found for found in known if found.name == pod.owner.replica_set), None)


def of_a_new_release(pod: PodReading, situation: Situation) -> bool:
    """Whether the pod belongs to a newest revision that has not taken over yet: its trouble is the release's."""
    rollout = situation.rollout
    if rollout is None or rollout.newest is None or pod.owner.replica_set != rollout.newest.name:
        return False
    return not has_taken_over(rollout)


def has_taken_over(rollout: RolloutReading) -> bool:
    """The newest revision serves alone: by the controller's word, or where it says nothing, by the counts."""
    if rollout.took_over:
        return True
    if rollout.progress in (Progress.UNDER_WAY, Progress.DEADLINE_EXCEEDED, Progress.REFUSED):
        return False
    newest = rollout.newest
    return newest is not None and newest.ready > 0 and not any(older.present for older in rollout.older)


def superseded(pod: PodReading, situation: Situation) -> bool:
    """Whether the pod belongs to an older revision that is on its way out: its trouble goes with it.

    Between the moment that another template is written (by us, when a release is rolled back, or by an owner who mends
    it) and the deletion of the old pods, these look like any crash loop in which no sibling is well.
    """
    rollout = situation.rollout
    if rollout is None or pod.owner.kind is not OwnerKind.DEPLOYMENT:
        return False
    newest, own = rollout.newest, revision_of(pod, situation)
    if newest is not None and pod.owner.replica_set == newest.name:
        return False
    if not rollout.observed or (own is not None and own.replicas == 0):
        return True
    if newest is not None and newest.ready >= rollout.replicas > 0:
        return True
    return rollout.progress in (Progress.UNDER_WAY, Progress.COMPLETE) and _moved_lately(rollout, situation.now)


def _moved_lately(rollout: RolloutReading, now: datetime) -> bool:
    moved = [when for when in (rollout.began_at, rollout.progressing.updated_at) if when is not None]
    return bool(moved) and now - max(moved) <= STALLED_AFTER


def rolling(rollout: RolloutReading) -> bool:
    """Another hand is on these pods: a rollout or a scaling that the controller has not finished."""
    return (
        not rollout.observed
        or rollout.present != rollout.replicas
        or any(older.present > 0 or older.replicas > 0 for older in rollout.older)
        or rollout.progress in (Progress.UNDER_WAY, Progress.REFUSED)
    )

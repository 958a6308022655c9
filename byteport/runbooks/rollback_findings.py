"""What is wrong with a rollout, and why that may not simply be undone: the middle of the rollback runbook.

`assess` puts the trial of the release (`byteport/kubernetes/release.py`) and the guards (`rollback_guards.py`) together
and says which counts. It is a sequence of plain questions, in the order in which an engineer would ask them; each one
answered ends it, or adds a reason.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal
from byteport.kubernetes.events import EventClass
from byteport.kubernetes.messages import Unfit
from byteport.kubernetes.release import ATTEMPTS, Finding, Trial, has_served, try_release
from byteport.kubernetes.revisions import KnownGood, known_good_revision, pods_of, same_release_before
from byteport.kubernetes.rollouts import ConditionStatus, Progress, RolloutReading
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.surroundings import Tri
from byteport.runbooks.error_rate import asked_for, error_rate_guards, measured_by_others
from byteport.runbooks.rollback_guards import (
    MUTATED,
    OWNERS,
    Guard,
    data_guards,
    log_cause,
    owner_guards,
    place_guards,
    target_guards,
    traffic_guards,
    unread_guards,
)

SETTLE = timedelta(seconds=60)
"""How long a revision must have been Available to have served, unless the settings ask for longer."""
SPAN = timedelta(seconds=30)
"""Two observations this far apart are two; evidence whose own timestamps span it is as good."""
HELM_PATIENCE = timedelta(minutes=5)
"""`helm upgrade --atomic` may be about to undo the release itself, and cannot be seen at it."""
PLAIN_FAILURE = 5
"""So many attempts are no churn of starting up any more, whatever the cause."""

EARLY_CAUSES = frozenset({Cause.BAD_IMAGE, Cause.RELEASE_CRASHES, Cause.RELEASE_CONFIG})
"""A release that fails by one of these is condemned before its deadline; of config errors only those that crash."""
_CHURN = frozenset(
    {Cause.NOT_READY, Cause.DEPENDENCY_DOWN, Cause.IMAGE_TIMEOUT, Cause.UNKNOWN, Cause.UNSCHEDULABLE, Cause.SLOW_START}
)
_CHANGED_ELSEWHERE = frozenset({Cause.CRASHING, Cause.UNKNOWN, Cause.CONFIG_ERROR, Cause.NOT_READY, Cause.EXITS_ZERO})


class Assessment(NamedTuple):
    """The cause, the reasons (none when the way is clear), and what they rest on."""

    cause: Cause
    reasons: tuple[Reason, ...] = ()
    culprit: str = ""
    trial: Trial | None = None
    good: KnownGood | None = None
    too_early: bool = False


def assess(signal: Signal, situation: Situation, rollout: RolloutReading) -> Assessment:
    """Why the rollout is in trouble, and everything that keeps it from being undone; `rollout` is observed and not done."""
    now = situation.now
    good = known_good_revision(rollout, situation.pods)
    trial = try_release(
        rollout,
        situation.pods,
        good,
        now,
        sick_nodes=_sick_nodes(situation),
        unread=situation.surroundings.loose_log if situation.partial else None,
    )
    asked = asked_for(signal)
    served = has_served(rollout, situation.pods, now, SETTLE)
    if not served and not rollout.paused and not _ripe(situation, rollout, trial, good):
        return Assessment(trial.cause, (Reason.TOO_EARLY,), trial=trial, good=good, too_early=True)
    cause, guards = _release_guards(rollout, trial, good, served=served, asked=asked)
    if good is not None:
        guards += target_guards(situation, good)
        if trial.cause is Cause.RELEASE_PROBE and not _steady(situation, rollout, good):
            # Probes fail for what lies behind the program too: only an old revision that is whole tells them apart.
            guards.append(Guard(Reason.NO_FAILURE_EVIDENCE))
    if trial.finding is not Finding.FAILS:  # a release that fails by itself needs no alert to have begun with it
        guards += error_rate_guards(signal, rollout)
    guards += [
        *owner_guards(rollout),
        *place_guards(situation, rollout, trial),
        *data_guards(situation, rollout, good),
        *traffic_guards(rollout),
        *unread_guards(situation),
    ]
    if cause is Cause.UNKNOWN and measured_by_others(signal):
        cause = Cause.ALERT if any(guard.reason is Reason.NOT_WITH_RELEASE for guard in guards) else Cause.BAD_ROLLOUT
    if trial.cause is Cause.UNSCHEDULABLE and cause is Cause.QUOTA and not _for_want_of_room(situation, rollout):
        cause = Cause.UNSCHEDULABLE
    mutated = next((guard.culprit for guard in guards if guard.culprit.startswith(MUTATED)), "")
    if mutated:
        cause = Cause.MUTATOR
    loose = log_cause(situation)
    if loose is Cause.MIGRATION and not any(guard.reason is Reason.MIGRATION_UNDER_WAY for guard in guards):
        guards.append(Guard(Reason.MIGRATION_UNDER_WAY))
    reasons = tuple(dict.fromkeys(guard.reason for guard in guards))
    owners = (guard.culprit for guard in guards if guard.reason in OWNERS)
    culprit = mutated or next(owners, "") or next((guard.culprit for guard in guards if guard.culprit), "")
    return Assessment(cause, reasons, culprit, trial, good)


def _for_want_of_room(situation: Situation, rollout: RolloutReading) -> bool:
    """The scheduler names what runs out, besides or instead of nodes that do not suit."""
    pods = pods_of(rollout.newest, situation.pods) if rollout.newest is not None else []
    events = [event for pod in pods for event in pod.seen(EventClass.UNSCHEDULABLE)]
    return not events or any(Unfit.RESOURCES in event.unfit for event in events)


def _release_guards(
    rollout: RolloutReading, trial: Trial, good: KnownGood | None, *, served: bool, asked: bool
) -> tuple[Cause, list[Guard]]:
    """What the rollout, the release and its history say themselves."""
    guards: list[Guard] = []
    cause = trial.cause
    if rollout.paused:
        cause = Cause.BAD_ROLLOUT if trial.finding is not Finding.FAILS else cause
        guards.append(Guard(Reason.PAUSED))
    if rollout.refusals.quota or rollout.refusals.other:
        cause = Cause.QUOTA if rollout.refusals.quota else Cause.ACCESS_DENIED
        guards.append(Guard(Reason.QUOTA_BLOCKS if rollout.refusals.quota else Reason.REPLACEMENT_REFUSED))
    if served:
        guards.append(Guard(Reason.REVISION_HAS_SERVED))
    same = same_release_before(rollout, good.revision if good else None)
    if same is not None:
        guards.append(Guard(Reason.TEMPLATES_EQUAL, f"ReplicaSet/{same.name}"))
        return (Cause.CONFIG_UNSEEN if cause in _CHANGED_ELSEWHERE else cause), guards
    if not rollout.older:
        guards.append(Guard(Reason.NO_HISTORY))
    elif good is None:
        strategy = "the strategy, which lets all old pods go first" if rollout.all_at_once else ""
        guards.append(Guard(Reason.NO_KNOWN_GOOD_REVISION, strategy))
    if trial.finding is not Finding.FAILS and not (asked and served):
        guards.append(_against(trial))
        if cause is Cause.MIGRATION:
            guards.append(Guard(Reason.MIGRATION_UNDER_WAY))
        if cause is Cause.UNSCHEDULABLE:
            cause = Cause.QUOTA
    return cause, guards


def _against(trial: Trial) -> Guard:
    """Why what was seen is not enough to blame the release."""
    if trial.finding is Finding.STARTS_SLOWLY:
        return Guard(Reason.SLOW_START)
    if trial.finding is Finding.NODE:
        return Guard(Reason.COMMON_CAUSE, f"Node/{trial.node}" if trial.node else "")
    if trial.finding is not Finding.FAILS_OTHERWISE:
        return Guard(Reason.NO_FAILURE_EVIDENCE)
    special = {
        Cause.DEPENDENCY_DOWN: Reason.VICTIM_OF_ANOTHER,
        Cause.UNSCHEDULABLE: Reason.QUOTA_BLOCKS,
        Cause.UNKNOWN: Reason.UNKNOWN_CAUSE,
    }
    container = f"container {trial.container}" if trial.container else ""
    return Guard(special.get(trial.cause, Reason.CAUSE_NEEDS_A_PERSON), container)


def _ripe(situation: Situation, rollout: RolloutReading, trial: Trial, good: KnownGood | None) -> bool:
    """Whether it is time to judge: the deadline is past, or the early verdict's conditions hold."""
    now = situation.now
    enough = trial.attempts >= ATTEMPTS and trial.span_seconds >= SPAN.total_seconds()
    if rollout.progress in (Progress.DEADLINE_EXCEEDED, Progress.REFUSED):
        return True
    if rollout.past_deadline(now):
        # Late by the clock alone: the controller may have been reset by a healthy moment, so failures must be many.
        return enough or trial.finding in (Finding.STARTS_SLOWLY, Finding.NOTHING, Finding.TOO_FEW, Finding.NODE)
    if not enough:
        return False
    if trial.finding is Finding.FAILS:
        early = trial.cause in EARLY_CAUSES and trial.same_exit
        return early and (good is None or _steady(situation, rollout, good)) and not _helm_may_act(rollout, now)
    return trial.attempts >= PLAIN_FAILURE or (
        trial.finding is Finding.FAILS_OTHERWISE and trial.cause not in _CHURN and trial.cause not in EARLY_CAUSES
    )


def _steady(situation: Situation, rollout: RolloutReading, good: KnownGood) -> bool:
    """The old revision serves with all the pods it is meant to have, and did so thirty seconds ago."""
    then = situation.now - SPAN
    revision, availability = good.revision, rollout.availability
    if not good.serves or revision.ready < max(1, revision.replicas) or revision.available < revision.replicas:
        return False
    if availability.status is not ConditionStatus.TRUE or _after(availability.changed_at, then):
        return False
    return all(
        pod.ready and pod.cause is None and not _after(pod.ready_changed_at, then)
        for pod in pods_of(revision, situation.pods)
    )


def _after(at: datetime | None, then: datetime) -> bool:
    return at is not None and at > then


def _helm_may_act(rollout: RolloutReading, now: datetime) -> bool:
    began = rollout.began_at
    return rollout.ownership.helm and (began is None or now - began < HELM_PATIENCE)


def _sick_nodes(situation: Situation) -> frozenset[str]:
    """Nodes that explain a failing pod by themselves."""
    now = situation.now
    return frozenset(
        node.name
        for node in situation.surroundings.nodes
        if node.ready is not Tri.TRUE or node.pressed or node.restarted_lately(now) or node.sick_lately(now)
    )

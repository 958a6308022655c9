"""What is wrong with one pod of a target, seen among its siblings, its node and its neighbours.

`pod_crashloop.py` asks it for every pod in trouble and lets the weightiest finding speak. The order is the point: a
release that is being rolled out, then an older revision that is on its way out, then the place (node, zone, registry),
then another's fault, then the pod's own; only what is left of *crashing* and *not ready* after all that may be called
transient or wedged.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from byteport.domain.base import Frozen
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.events import EventClass
from byteport.kubernetes.log_words import LogClass
from byteport.kubernetes.pods import ContainerReading, PodReading, Role, State, Waiting
from byteport.kubernetes.references import ReferenceKind
from byteport.kubernetes.replicas import (
    WEDGED_AFTER,
    Siblings,
    Wellbeing,
    of_a_new_release,
    siblings,
    superseded,
    wellbeing,
)
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.surroundings import RESTART_SILENCE, CommonCause, DependencyState, NodeReading, Tri

LOOK_AGAIN = 60
"""Seconds after which something that has just begun is looked at again."""
LOOK_SOON = 15
"""Seconds after which a pod is looked at again that a rollout is about to replace."""
SERVED_SINCE = timedelta(hours=1)
"""A restart so long before a replica fell out is another story."""
BACKOFF_CAP = timedelta(minutes=5)
"""The kubelet tries a crashed container again after at most so long."""


MOST_NAMED = 3
"""So many objects are named to a person where any of them may be it."""


class Finding(Frozen):
    """One pod's trouble, with why it is not to be treated; no reasons mean that a delete may be proposed."""

    pod: PodReading
    cause: Cause
    reasons: tuple[Reason, ...] = ()
    culprit: str = ""
    siblings: Siblings = Siblings()
    hand_over: Failure | None = None
    silent: bool = False
    look_again_seconds: int | None = None


_BY_PLACE = frozenset(
    {
        Cause.CRASHING,
        Cause.UNKNOWN,
        Cause.NODE_RESTART,
        Cause.PROBE_KILL,
        Cause.VOLUME,
        Cause.START_ERROR,
        Cause.DEPENDENCY_DOWN,
        Cause.NOT_READY,
        Cause.SLOW_START,
        Cause.IMAGE_TIMEOUT,
        Cause.IMAGE_PULL,
        Cause.INIT_FAILED,
        Cause.OUT_OF_MEMORY,
        Cause.EVICTED,
    }
)
"""Causes that the place where a pod runs may bring about; the others are its own wherever it runs."""

_PULLS = frozenset(
    {Cause.IMAGE_AUTH, Cause.IMAGE_RATE_LIMITED, Cause.IMAGE_TIMEOUT, Cause.IMAGE_PULL, Cause.IMAGE_BAD_REFERENCE}
)
_NODE_CAUSES = frozenset({Cause.NODE_EXHAUSTED, Cause.NODE_DISK, Cause.NODE_SUSPECT})


def finding(pod: PodReading, situation: Situation) -> Finding:
    """What is wrong with `pod`, which is in trouble or may be."""
    cause = pod.cause or Cause.UNKNOWN
    kin = siblings(pod, situation)
    if of_a_new_release(pod, situation) and not pod.finished:
        return Finding(pod=pod, cause=Cause.BAD_ROLLOUT, siblings=kin, hand_over=Failure.BAD_ROLLOUT)
    if superseded(pod, situation) and not pod.finished:
        return _early(pod, cause, kin, LOOK_SOON)
    placed = _by_place(pod, cause, situation)
    if placed is not None:
        return placed.model_copy(update={"siblings": kin})
    if wellbeing(pod, situation.now) is Wellbeing.EARLY:
        return _early(pod, cause, kin, _until_due(pod, cause, situation.now))
    if cause is Cause.DEPENDENCY_DOWN and _is_there_for_all_others(pod, kin, situation):
        cause = Cause.NOT_READY
    shared = _shared(pod, cause, situation)
    if shared is not None:
        return shared.model_copy(update={"siblings": kin})
    if any(item.mutated for item in pod.containers if item.name == pod.culprit):
        return Finding(pod=pod, cause=Cause.MUTATOR, reasons=(Reason.CAUSE_NEEDS_A_PERSON,), siblings=kin)
    if cause in (Cause.CRASHING, Cause.NOT_READY) and kin.unproven and not kin.unwell:
        # Whether this is one replica's trouble is told by those that have just come up again.
        return _early(pod, cause, kin, LOOK_AGAIN)
    if cause is Cause.CRASHING:
        return _crashing(pod, kin)
    if cause is Cause.NOT_READY:
        return _not_ready(pod, kin, situation.now)
    return Finding(pod=pod, cause=cause, reasons=(_WHY.get(cause, Reason.CAUSE_NEEDS_A_PERSON),), siblings=kin)


_WHY = {
    Cause.UNKNOWN: Reason.UNKNOWN_CAUSE,
    Cause.IMAGE_PULL: Reason.UNKNOWN_CAUSE,
    Cause.SLOW_START: Reason.SLOW_START,
    Cause.MIGRATION: Reason.MIGRATION_UNDER_WAY,
    Cause.EVICTED: Reason.COMMON_CAUSE,
}


def _early(pod: PodReading, cause: Cause, kin: Siblings, seconds: int) -> Finding:
    return Finding(pod=pod, cause=cause, reasons=(Reason.TOO_EARLY,), siblings=kin, look_again_seconds=max(1, seconds))


def up_again(pod: PodReading) -> Finding:
    """It failed and is Ready: not trouble, and not yet recovered. Looked at again when it has run for long enough."""
    found = _early(pod, Cause.CRASHING, Siblings(), pod.unproven_seconds)
    return found.model_copy(update={"reasons": (Reason.TOO_EARLY, Reason.POD_IS_READY)})


def _until_due(pod: PodReading, cause: Cause, now: datetime) -> int:
    """Seconds until what is early is not early any more."""
    if cause is Cause.NOT_READY and not pod.culprit:
        return ceil((WEDGED_AFTER - pod.unready_for(now)).total_seconds())
    return LOOK_AGAIN


def _by_place(pod: PodReading, cause: Cause, situation: Situation) -> Finding | None:
    """The node as the cause: it restarted just now, is not Ready, is under pressure, or others fail there too."""
    node = situation.surroundings.node(pod.node)
    culprit = f"Node/{pod.node}" if pod.node else ""
    if cause in _NODE_CAUSES and wellbeing(pod, situation.now) is not Wellbeing.EARLY:
        return Finding(pod=pod, cause=cause, reasons=(Reason.COMMON_CAUSE,), culprit=culprit)
    if cause not in _BY_PLACE or not pod.node:
        return None
    if node is None:
        missing = not situation.partial and "nodes" not in situation.denied
        if missing:
            return Finding(pod=pod, cause=Cause.NODE_NOT_READY, reasons=(Reason.NODE_NOT_READY,), culprit=culprit)
    elif node.ready is not Tri.TRUE or node.deleting:
        return Finding(pod=pod, cause=Cause.NODE_NOT_READY, reasons=(Reason.NODE_NOT_READY,), culprit=culprit)
    elif node.restarted_lately(situation.now) or (cause is Cause.NODE_RESTART and _just_ended(pod, situation.now)):
        return _early(pod, Cause.NODE_RESTART, Siblings(), _silence_left(node, situation.now))
    elif node.pressed:
        return Finding(pod=pod, cause=Cause.NODE_PRESSURE, reasons=(Reason.COMMON_CAUSE,), culprit=culprit)
    suspected = situation.surroundings.suspect(CommonCause.NODE, pod.node)
    zoned = node is not None and situation.surroundings.suspect(CommonCause.ZONE, node.zone) is not None
    if suspected or zoned or (node is not None and node.sick_lately(situation.now)):
        return Finding(pod=pod, cause=Cause.NODE_SUSPECT, reasons=(Reason.COMMON_CAUSE,), culprit=culprit)
    return None


def _just_ended(pod: PodReading, now: datetime) -> bool:
    end = pod.blamed.final if pod.blamed is not None else None
    return end is not None and end.finished_at is not None and now - end.finished_at <= RESTART_SILENCE


def _silence_left(node: NodeReading, now: datetime) -> int:
    since = node.restarted_at
    return LOOK_AGAIN if since is None else ceil((RESTART_SILENCE - (now - since)).total_seconds())


def _shared(pod: PodReading, cause: Cause, situation: Situation) -> Finding | None:
    """Another's fault: a registry that fails several, a dependency that is not there."""
    if cause in _PULLS and pod.blamed is not None:
        common = situation.surroundings.suspect(CommonCause.REGISTRY, pod.blamed.registry)
        if common is not None:
            return Finding(pod=pod, cause=cause, reasons=(Reason.COMMON_CAUSE,), culprit=f"Registry/{common.name}")
    if cause is not Cause.DEPENDENCY_DOWN:
        return None
    dependency = situation.surroundings.dependency_of(pod.name)
    culprit = dependency.culprit if dependency is not None else ""
    if dependency is not None and dependency.state is DependencyState.UP and dependency.up_since is not None:
        end = pod.blamed.final if pod.blamed is not None else None
        back = end is not None and end.finished_at is not None and end.finished_at < dependency.up_since
        if back and situation.now - dependency.up_since <= BACKOFF_CAP + timedelta(seconds=LOOK_AGAIN):
            # It came back after the last crash: the kubelet tries again within its back-off, without our help.
            return _early(pod, cause, Siblings(), LOOK_AGAIN)
    return Finding(pod=pod, cause=cause, reasons=(Reason.VICTIM_OF_ANOTHER,), culprit=culprit)


def _is_there_for_all_others(pod: PodReading, kin: Siblings, situation: Situation) -> bool:
    """A replica that runs and speaks of a dependency which every sibling reaches, and which is not seen to be down.

    Its own connections are what is broken. A replica that crashes on it tells more: siblings may live on old ones.
    """
    dependency = situation.surroundings.dependency_of(pod.name)
    down = dependency is not None and dependency.state is DependencyState.DOWN
    return pod.was_ready and not pod.culprit and not down and kin.healthy > 0 and kin.unwell == kin.unproven == 0


def _crashing(pod: PodReading, kin: Siblings) -> Finding:
    """A crash without a named cause: transient only where the same code, configured alike, is well elsewhere."""
    blamed = pod.blamed
    if kin.healthy == 0 or kin.unwell:
        return Finding(pod=pod, cause=Cause.CRASHING, reasons=(Reason.NO_HEALTHY_SIBLING,), siblings=kin)
    if not pod.was_ready and not kin.contemporary:
        # Only older siblings are well: what changed since (a Secret, a ConfigMap) is not seen, and hits every new pod.
        return Finding(
            pod=pod, cause=Cause.CONFIG_UNSEEN, reasons=(Reason.CANNOT_TELL,), siblings=kin, culprit=_configured_by(pod)
        )
    if pod.ready:
        # Up again: it may be over. A pod that flaps is met backing off by one of the next looks.
        again = _early(pod, Cause.CRASHING, kin, LOOK_AGAIN)
        return again.model_copy(update={"reasons": (Reason.TOO_EARLY, Reason.POD_IS_READY)})
    if blamed is not None and _unread(blamed):
        return Finding(pod=pod, cause=Cause.UNKNOWN, reasons=(Reason.UNKNOWN_CAUSE,), siblings=kin)
    down = blamed is not None and (blamed.waiting is Waiting.CRASH_LOOP_BACKOFF or blamed.state is State.TERMINATED)
    if not down:
        return _early(pod, Cause.CRASHING, kin, LOOK_AGAIN)
    return Finding(pod=pod, cause=Cause.TRANSIENT, siblings=kin)


def _configured_by(pod: PodReading) -> str:
    """The ConfigMaps and Secrets that it reads: one of them may have changed since its siblings started."""
    read = (ReferenceKind.CONFIG_MAP, ReferenceKind.SECRET)
    found = [f"{ref.kind.value}/{ref.name}" for ref in pod.references if ref.kind in read]
    return " or ".join(found[:MOST_NAMED])


_BROKE = (LogClass.SEGFAULT, LogClass.FAULT, LogClass.STALE_FILE, LogClass.DATA_CORRUPT)
_BY_SIGNAL = (5, 6, 8, 11)
"""A trap, an abort, a division by zero, a bad address: the program broke, and did not decide to end."""


def _unread(blamed: ContainerReading) -> bool:
    """It said why it ends, in words that are not understood: somebody who does must read them before the pod is gone."""
    end = blamed.final
    broke = end is not None and end.signal in _BY_SIGNAL
    return blamed.log.lines > 0 and not broke and not blamed.log.has(*_BROKE)


def _restarts_count(pod: PodReading) -> bool:
    """It was restarted, and has not served long since: the restart and the present trouble may be one."""
    fell = pod.ready_changed_at
    begun = [item.running_since for item in pod.containers if item.restarts > 0 and item.role is not Role.INIT]
    return any(fell is None or since is None or fell - since < SERVED_SINCE for since in begun)


def _liveness_fails(pod: PodReading, now: datetime) -> bool:
    """The kubelet is about to restart it by itself."""
    return any(
        event.last is not None and now - event.last <= WEDGED_AFTER for event in pod.seen(EventClass.LIVENESS_FAILED)
    )


def _not_ready(pod: PodReading, kin: Siblings, now: datetime) -> Finding:
    """Running and not Ready: wedged when it alone fell out; a standby when it never was; else something common."""
    if pod.gated:
        return Finding(pod=pod, cause=Cause.NOT_READY, reasons=(Reason.SLOW_START,), siblings=kin)
    if not pod.was_ready and kin.healthy == 1 and pod.ready_changed_at is not None:
        # One leads and is Ready, the others stand by and never were.
        return Finding(pod=pod, cause=Cause.NOT_READY, reasons=(Reason.HEALTHY,), siblings=kin, silent=True)
    if not pod.was_ready:
        why = Reason.UNKNOWN_CAUSE if kin.healthy else Reason.NO_HEALTHY_SIBLING
        return Finding(pod=pod, cause=Cause.NOT_READY, reasons=(why,), siblings=kin)
    alone = kin.healthy > 0 and kin.unwell == 0
    if not alone:
        return Finding(pod=pod, cause=Cause.NOT_READY, reasons=(Reason.NO_HEALTHY_SIBLING,), siblings=kin)
    passed_on = kin.healthy == 1 and not kin.served_before  # a leader that handed over to its one standby
    if kin.newer or passed_on or _restarts_count(pod) or _liveness_fails(pod, now):
        return Finding(pod=pod, cause=Cause.NOT_READY, reasons=(Reason.UNKNOWN_CAUSE,), siblings=kin)
    return Finding(pod=pod, cause=Cause.WEDGED_REPLICA, siblings=kin)

"""What a workload's CPU spike is: load that more replicas carry, or one of the many things that look like it.

An autoscaler's own conditions come first, its metrics second, measurements of single containers third. `cpu_spike.py`
turns what is found here into a diagnosis; whether a floor may then be raised is for `floors.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from byteport.domain.base import Frozen
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.revisions import pods_of
from byteport.kubernetes.rollouts import Progress, RolloutReading
from byteport.kubernetes.scaling import RATE_STANDS, AutoscalerReading, Brake, ContainerUsage, Misfit, ScalingReading
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.surroundings import CommonCause, DependencyState
from byteport.kubernetes.usage import summed

CPU_PERCENT = 90
"""From so much of its limit on a workload without an autoscaler is hot, where the signal names no threshold."""
BEGAN_WITH = timedelta(minutes=30)
"""A spike that begins so soon after a revision was made began with it."""
CLOCKS = timedelta(minutes=2)
HOTTER = 1.5
"""So many times the use of an older revision's pod speaks against the newest."""
MORE_PODS = 2.0
"""So many times the pods of an earlier look must have come before its use is compared."""
NO_RELIEF = 0.9
"""With so many times the pods and still so much of the use of each, the load does not fall with replicas."""
LOOK_AGAIN, WAIT_FOR_WINDOW = 30, 60
_NO_FAILURE = frozenset({None, Cause.SLOW_START, Cause.UNSCHEDULABLE})


class Finding(Frozen):
    """A cause with what speaks against acting; `later` in seconds where it is too early to tell."""

    cause: Cause
    reasons: tuple[Reason, ...] = ()
    culprit: str = ""
    silent: bool = False
    later: int | None = None
    to_rollback: bool = False


def find(signal: Signal, situation: Situation, scaling: ScalingReading) -> Finding:
    """The one finding that explains most, the root before its consequences."""
    scaler = scaling.autoscaler
    if scaler is None:
        return _without_autoscaler(signal, situation, scaling)
    broken = _broken(situation, scaler)
    if broken is not None:
        return broken
    if not scaler.hot:
        return _cool(scaling, scaler)
    return (
        _retries(situation, scaling)
        or _released(signal, situation, scaling)
        or _short(scaler)
        or _waiting(scaler, situation.now)
        or Finding(
            cause=Cause.AUTOSCALER_LIMITED if scaler.brake is Brake.RATE else Cause.CPU_LOAD, culprit=_named(scaler)
        )
    )


def share_of_limit(usage: Sequence[ContainerUsage]) -> float | None:
    """Percent of their CPU limits that the containers that have one use together; None where nobody measured it."""
    bound = [(one.cpu, one.cpu_limit) for one in usage if one.cpu is not None and one.cpu_limit]
    limit = sum(most or 0.0 for _, most in bound)
    return 100 * sum(used or 0.0 for used, _ in bound) / limit if limit else None


def _named(scaler: AutoscalerReading) -> str:
    return scaler.owned_by or f"HorizontalPodAutoscaler/{scaler.name}"


def _without_autoscaler(signal: Signal, situation: Situation, scaling: ScalingReading) -> Finding:
    if "horizontalpodautoscalers" in situation.denied:
        return Finding(cause=Cause.UNKNOWN, reasons=(Reason.CANNOT_TELL,), culprit="horizontalpodautoscalers")
    share = share_of_limit(scaling.usage)
    threshold = signal.threshold if 0 < signal.threshold <= 100 else CPU_PERCENT
    if share is not None and share < threshold and not scaling.throttled:
        return Finding(cause=Cause.RECOVERED, reasons=(Reason.RECOVERED,), silent=True)
    found = _retries(situation, scaling) or _released(signal, situation, scaling)
    if found is not None:
        return found
    if share is not None and share < threshold:
        return _throttled(scaling)
    return Finding(cause=Cause.AUTOSCALER_ABSENT, reasons=(Reason.NO_AUTOSCALER,))


def _broken(situation: Situation, scaler: AutoscalerReading) -> Finding | None:
    """It cannot do its work: set up wrongly, put to sleep, or blind."""
    own = _named(scaler)
    if scaler.misfit is not None:
        reason = {
            Misfit.MIN_OVER_MAX: Reason.MIN_OVER_MAX,
            Misfit.SEVERAL_WRITERS: Reason.OWNED_BY_CONTROLLER,
            Misfit.NO_TARGET: Reason.CAUSE_NEEDS_A_PERSON,
        }[scaler.misfit]
        return Finding(cause=Cause.AUTOSCALER_MISCONFIGURED, reasons=(reason,), culprit=scaler.culprit or own)
    if scaler.brake is Brake.OFF and not scaler.hot:
        return Finding(cause=Cause.AUTOSCALER_SATISFIED, reasons=(Reason.SCALED_TO_ZERO,), silent=True)
    if scaler.brake is Brake.OFF:
        return Finding(cause=Cause.AUTOSCALER_LIMITED, reasons=(Reason.CAUSE_NEEDS_A_PERSON,), culprit=own)
    if scaler.brake is Brake.UNABLE:
        needs = (Reason.CAUSE_NEEDS_A_PERSON,)
        return Finding(cause=Cause.AUTOSCALER_MISCONFIGURED, reasons=needs, culprit=own)
    if scaler.brake is Brake.BLIND:
        culprit = scaler.culprit or own
        return Finding(cause=Cause.AUTOSCALER_BLIND, reasons=(Reason.METRICS_MISSING,), culprit=culprit)
    if scaler.binding is None and scaler.brake is Brake.NONE:
        return _silent_one(situation, scaler)
    return None


def _silent_one(situation: Situation, scaler: AutoscalerReading) -> Finding:
    """No condition complains, and no metric is known: a new one, or one whose status was not saved."""
    if scaler.scaled_at is None and not situation.partial:
        return Finding(cause=Cause.UNKNOWN, reasons=(Reason.TOO_EARLY,), later=LOOK_AGAIN)
    return Finding(cause=Cause.AUTOSCALER_BLIND, reasons=(Reason.METRICS_MISSING,), culprit=_named(scaler))


def _cool(scaling: ScalingReading, scaler: AutoscalerReading) -> Finding:
    """The autoscaler has what it wants. At its maximum too: only its own word says that it would go further."""
    if scaling.throttled:
        return _throttled(scaling)
    reasons = (Reason.FLOOR_ENOUGH,) if scaler.stands else (Reason.HEALTHY,)
    return Finding(cause=Cause.AUTOSCALER_SATISFIED, reasons=reasons, silent=True)


def _throttled(scaling: ScalingReading) -> Finding:
    worst = max(
        (one for one in scaling.usage if one.cpu is not None and one.cpu_limit),
        key=lambda one: (one.cpu or 0.0) / (one.cpu_limit or 1.0),
        default=None,
    )
    culprit = f"container {worst.container} of Pod/{worst.pod}" if worst is not None else ""
    return Finding(cause=Cause.CPU_THROTTLED, reasons=(Reason.THROTTLED_WITHOUT_LOAD,), culprit=culprit)


def _retries(situation: Situation, scaling: ScalingReading) -> Finding | None:
    """Work that is made by failing, and not by those who ask: more replicas make more of it."""
    down = [found for found in situation.surroundings.dependencies if found.state is DependencyState.DOWN]
    blamed = [pod for pod in situation.pods if pod.cause is Cause.DEPENDENCY_DOWN and not pod.finished]
    shared = [found for found in situation.surroundings.suspects if found.kind is CommonCause.DEPENDENCY]
    culprit = next((found.culprit for found in down if found.culprit), "")
    if down or blamed or shared:
        named = [culprit, *(found.name for found in shared), *(f"Pod/{pod.name}" for pod in blamed)]
        return Finding(cause=Cause.CPU_RETRIES, reasons=(Reason.NOT_LOAD,), culprit=next(filter(None, named), ""))
    now = summed(scaling.usage)
    for before in scaling.earlier:
        if now is None or not before.pods or not before.cpu or now.at - before.at > BEGAN_WITH:
            continue
        relief = (now.cpu / now.pods) / (before.cpu / before.pods)
        if now.pods >= MORE_PODS * before.pods and relief >= NO_RELIEF:
            return Finding(cause=Cause.CPU_RETRIES, reasons=(Reason.NOT_LOAD,))
    return None


def _released(signal: Signal, situation: Situation, scaling: ScalingReading) -> Finding | None:
    """The spike began with the newest revision, or the newest is still coming: then the release is what to look at."""
    rollout = situation.rollout
    if rollout is None:
        return None
    under_way = not rollout.observed or not (rollout.took_over or rollout.complete)
    if not (under_way or _began_with(signal, rollout, scaling.autoscaler) or _hotter(rollout, scaling.usage)):
        return None
    culprit = f"ReplicaSet/{rollout.newest.name}" if rollout.newest is not None else ""
    if _fails(rollout, situation.pods):
        return Finding(cause=Cause.BAD_ROLLOUT, reasons=(Reason.ROLLOUT_UNDER_WAY,), culprit=culprit, to_rollback=True)
    reason = Reason.ROLLOUT_UNDER_WAY if under_way else Reason.REVISION_HAS_SERVED
    return Finding(cause=Cause.BAD_ROLLOUT, reasons=(reason,), culprit=culprit)


def _began_with(signal: Signal, rollout: RolloutReading, scaler: AutoscalerReading | None) -> bool:
    newest = rollout.newest
    if newest is None or not rollout.older:
        return False
    born = rollout.began_at if newest.reused else newest.created_at
    since: datetime = signal.observed_at
    if scaler is not None and scaler.braked_since is not None and _held_ever_since(scaler):
        since = min(since, scaler.braked_since)
    return born is not None and -CLOCKS <= since - born <= BEGAN_WITH


def _held_ever_since(scaler: AutoscalerReading) -> bool:
    """Whether it has been short for as long as its condition is True: one at its floor says *limited* too, and keeps
    that time when it comes to its maximum. Whoever has scaled since was not held by what holds now."""
    lately = scaler.scaled_at is not None and scaler.braked_since is not None and scaler.scaled_at > scaler.braked_since
    return scaler.brake is not Brake.AT_MAX or not lately


def _hotter(rollout: RolloutReading, usage: Sequence[ContainerUsage]) -> bool:
    """A pod of the newest revision uses much more than one of an older one, which still runs beside it."""
    newest = rollout.newest
    if newest is None:
        return False
    new = summed([one for one in usage if one.revision and newest.name.endswith(f"-{one.revision}")])
    old = summed([one for one in usage if one.revision and not newest.name.endswith(f"-{one.revision}")])
    return new is not None and old is not None and old.cpu > 0 and new.cpu / new.pods >= HOTTER * old.cpu / old.pods


def _fails(rollout: RolloutReading, pods: Sequence[PodReading]) -> bool:
    if rollout.progress is Progress.DEADLINE_EXCEEDED:
        return True
    own = pods_of(rollout.newest, pods) if rollout.newest is not None else []
    return any(pod.cause not in _NO_FAILURE for pod in own if not pod.finished and not pod.deleting)


def _short(scaler: AutoscalerReading) -> Finding | None:
    """It wants more than it may have: capacity and money, which are a person's."""
    if scaler.brake is not Brake.AT_MAX and scaler.current < scaler.ceiling:
        return None
    reasons = (Reason.AT_MAX,)
    return Finding(cause=Cause.AUTOSCALER_AT_MAX, reasons=reasons, culprit=_named(scaler))


def _waiting(scaler: AutoscalerReading, now: datetime) -> Finding | None:
    """It is at it by itself: it has asked for enough already, lets its owner's window pass, or has only met its rate."""
    later = None
    if scaler.stabilising or (
        scaler.brake is Brake.RATE and scaler.braked_since is not None and now - scaler.braked_since < RATE_STANDS
    ):
        later = WAIT_FOR_WINDOW
    elif scaler.asks is not None and max(scaler.desired, scaler.current) >= scaler.asks:
        later = LOOK_AGAIN
    if later is None:
        return None
    return Finding(cause=Cause.CPU_LOAD, reasons=(Reason.TOO_EARLY,), culprit=_named(scaler), later=later)

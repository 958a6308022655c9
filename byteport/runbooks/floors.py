"""Whether an autoscaler's floor may be raised and to what, whether that helped, and how it is taken back.

The one place for it: the CPU and the memory runbook ask here, and the cluster worker asks again just before the act.
More pods help only where load falls with replicas; they are never more than the autoscaler's own arithmetic asks for,
never above its ceiling, and only for a time. `floor_guards.py` forbids; `byteport/kubernetes/autoscaler_reading.py` sees.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.plans import AnyPlan, RaiseFloorPlan, Refused, RestoreFloorPlan, restore_of
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.scaling import TOLERANCE, AutoscalerReading, Measure, ScalingReading
from byteport.kubernetes.situation import Situation
from byteport.runbooks.base import Checked, Health
from byteport.runbooks.floor_guards import (
    BETWEEN_ACTS,
    OURS,
    PERIOD,
    bound_guards,
    metric_guards,
    owner_guards,
    place_guards,
    sizer_guards,
    soft_guards,
    state_guards,
)

FALLS_WITH_REPLICAS = frozenset({Cause.CPU_LOAD, Cause.AUTOSCALER_LIMITED, Cause.MEMORY_LOAD})
"""Causes that more replicas treat; all others need something else."""
PENDING_TOO_LONG = timedelta(minutes=2)
"""Pods of a raised floor that wait for a node for longer put it back at once."""
METRICS_LAG = timedelta(seconds=120)
"""After so long an autoscaler's own figures are of the time after the act, where no measurement says when it was made."""
JUST_SCALED = timedelta(minutes=2)
"""So long what an autoscaler shows may be of the replicas before."""


def raise_floor(
    diagnosis: Diagnosis, situation: Situation, config: PolicyConfig, measure: Measure
) -> RaiseFloorPlan | Refused:
    """The raise that the autoscaler's own arithmetic asks for, with its caveats, or every reason against it.

    ⌈replicas x usage ÷ target⌉, capped by the ceiling. A floor of ours that stands is extended: its owner's stays the one
    that is put back.
    """
    scaling, rollout = situation.scaling, situation.rollout
    undecided = diagnosis.silent or diagnosis.look_again_seconds is not None or diagnosis.hand_over is not None
    if undecided or diagnosis.reasons:
        return Refused(because=diagnosis.reasons or (Reason.CAUSE_NEEDS_A_PERSON,))
    if diagnosis.cause not in FALLS_WITH_REPLICAS:
        return Refused(because=(Reason.NOT_LOAD,))
    if situation.gone:
        return Refused(because=(Reason.TARGET_GONE,))
    if situation.target.kind != "Deployment":
        return Refused(because=(Reason.NOT_A_DEPLOYMENT,))
    if scaling is None or scaling.autoscaler is None:
        unread = scaling is None or "horizontalpodautoscalers" in situation.denied
        return Refused(because=(Reason.CANNOT_TELL if unread else Reason.NO_AUTOSCALER,))
    scaler = scaling.autoscaler
    if rollout is None or not scaler.uid or not scaler.rest_digest or not scaler.name:
        return Refused(because=(Reason.CANNOT_TELL,))
    floor_to = min(scaler.asks or 0, _measured_need(situation, scaler, measure) or scaler.ceiling, scaler.ceiling)
    hard = [
        *state_guards(situation, rollout, scaler),
        *owner_guards(rollout, scaler),
        *sizer_guards(scaling, measure),
        *bound_guards(scaler),
        *metric_guards(situation, scaling, measure),
        *place_guards(situation, scaling, floor_to - max(scaler.current, rollout.replicas)),
    ]
    if not hard and floor_to <= max(scaler.floor, scaler.desired):
        hard.append(Reason.FLOOR_ENOUGH)
    if not hard and raised_just_now(scaler, situation.now, config):
        hard.append(Reason.TOO_EARLY)
    if hard:
        return Refused(because=tuple(dict.fromkeys(hard)))
    return RaiseFloorPlan(
        target=situation.target.model_copy(update={"uid": rollout.uid}),
        autoscaler=scaler.name,
        autoscaler_uid=scaler.uid,
        rest_digest=scaler.rest_digest,
        floor_before=scaler.floor if scaler.floor_before is None else scaler.floor_before,
        floor_from=scaler.floor,
        floor_to=floor_to,
        box_seconds=config.timebox_seconds,
        available_before=rollout.available,
        caveats=tuple(soft_guards(situation, scaling, scaler, config)),
    )


def _measured_need(situation: Situation, scaler: AutoscalerReading, measure: Measure) -> int | None:
    """Replicas by the same arithmetic from what the containers use now, where it has just scaled and all are measured.

    So soon after, an autoscaler still shows the usage of fewer replicas than there are: times those that there are now
    it would ask too much.
    """
    scaling, binding = situation.scaling or ScalingReading(), scaler.binding
    if scaler.scaled_at is None or situation.now - scaler.scaled_at > JUST_SCALED:
        return None
    if binding is None or binding.kind != "Resource" or not binding.target_percent or not scaling.usage:
        return None
    used: list[float | None] = [one.cpu if measure is Measure.CPU else one.memory for one in scaling.usage]
    wanted: list[float | None] = [
        one.cpu_request if measure is Measure.CPU else one.memory_request for one in scaling.usage
    ]
    pods = {one.pod for one in scaling.usage}
    if len(pods) < scaler.current or any(one is None for one in used) or not all(wanted):
        return None
    each = sum(one or 0.0 for one in wanted) / len(pods)
    need = sum(one or 0.0 for one in used) / (each * binding.target_percent / 100)
    return max(1, math.ceil(round(min(need, 1e9), 6)))


def raised_just_now(scaler: AutoscalerReading, now: datetime, config: PolicyConfig) -> bool:
    """A floor of ours was raised so lately that what is measured is still of the time before it."""
    if not scaler.stands or scaler.floor_until is None:
        return False
    raised_at = scaler.floor_until - timedelta(seconds=config.timebox_seconds)
    return now - raised_at < BETWEEN_ACTS * PERIOD


def floor_health(
    plan: AnyPlan, situation: Situation, *, acted_at: datetime, now: datetime, measure: Measure
) -> Checked:
    """Whether a raised floor has helped: its replicas are there, and usage is within the autoscaler's target.

    Usage counts only where its window began after the act. Pods that wait for a node longer than `PENDING_TOO_LONG`, and
    an autoscaler that is gone or is not what we left, are failure at once: the floor is put back.
    """
    rollout, scaling = situation.rollout, situation.scaling
    if not isinstance(plan, RaiseFloorPlan):
        return Checked(health=Health.FAILED, reasons=(Reason.FAILED,))
    if situation.gone or rollout is None or (plan.target.uid and rollout.uid != plan.target.uid):
        return Checked(health=Health.FAILED, reasons=(Reason.TARGET_GONE,))
    lost = _lost(plan, situation)
    if lost is None and scaling is not None and _waits_too_long(scaling, acted_at, now):
        lost = Reason.STILL_PENDING
    if lost is not None or scaling is None or scaling.autoscaler is None:
        return Checked(health=Health.FAILED, reasons=(lost or Reason.TARGET_GONE,), available=rollout.available)
    reached = rollout.available >= plan.floor_to and rollout.replicas >= plan.floor_to
    calm = reached and _calm(scaling, acted_at, now, measure)
    return Checked(health=Health.HEALTHY if calm else Health.NOT_YET, available=rollout.available)


def floor_inverse(
    plan: AnyPlan,
    situation: Situation,
    *,
    now: datetime,  # noqa: ARG001  what is there counts, not since when
) -> RestoreFloorPlan | Refused:
    """The owner's floor again, only if the autoscaler is exactly what we left: bounds, metrics, floor and our mark."""
    scaler = situation.scaling.autoscaler if situation.scaling is not None else None
    if not isinstance(plan, RaiseFloorPlan):
        return Refused(because=(Reason.CAUSE_NEEDS_A_PERSON,))
    if scaler is None or scaler.name != plan.autoscaler or scaler.uid != plan.autoscaler_uid or scaler.deleting:
        return Refused(because=(Reason.TARGET_GONE,))
    if not _as_we_left_it(plan, scaler):
        return Refused(because=(Reason.TARGET_CHANGED,))
    return restore_of(plan)


def _lost(plan: RaiseFloorPlan, situation: Situation) -> Reason | None:
    """Why a raised floor cannot help any more."""
    scaler = situation.scaling.autoscaler if situation.scaling is not None else None
    rollout = situation.rollout
    if scaler is None or scaler.name != plan.autoscaler or scaler.uid != plan.autoscaler_uid:
        return Reason.TARGET_GONE
    if scaler.deleting or situation.surroundings.terminating or (rollout is not None and rollout.deleting):
        return Reason.BEING_DELETED
    if rollout is not None and rollout.replicas == 0:
        return Reason.SCALED_TO_ZERO
    return None if _as_we_left_it(plan, scaler) else Reason.TARGET_CHANGED


def _as_we_left_it(plan: RaiseFloorPlan, scaler: AutoscalerReading) -> bool:
    """What we wrote, last written by us as far as the API server's book-keeping tells, and nothing else changed."""
    ours = not scaler.floor_manager or scaler.floor_manager.startswith(OURS)
    same = (scaler.rest_digest, scaler.floor, scaler.floor_before) == (
        plan.rest_digest,
        plan.floor_to,
        plan.floor_before,
    )
    return ours and same


def _waits_too_long(scaling: ScalingReading, acted_at: datetime, now: datetime) -> bool:
    if scaling.pending == 0:
        return False
    return now - max(acted_at, scaling.pending_since or acted_at) > PENDING_TOO_LONG


def _calm(scaling: ScalingReading, acted_at: datetime, now: datetime, measure: Measure) -> bool:
    """Usage is within the target, by figures of the time after the act."""
    binding = scaling.autoscaler.binding if scaling.autoscaler is not None else None
    if binding is None or binding.ratio is None or not binding.measures(measure):
        return False
    begun = [
        None if one.measured_at is None else one.measured_at - timedelta(seconds=one.window_seconds)
        for one in scaling.usage
    ]
    after = all(when is not None and when >= acted_at for when in begun) if begun else now - acted_at >= METRICS_LAG
    return after and binding.ratio <= 1 + TOLERANCE

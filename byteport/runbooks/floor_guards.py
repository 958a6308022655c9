"""What stands between load and a raised floor: whose autoscaler it is, what it measures, and whether more pods would fit.

`floors.py` asks these for the CPU and the memory runbook alike. A *hard* guard refuses the act for everybody; a *soft*
one keeps it from being done alone. In saved objects what was not saved counts as not refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.messages import Refusal
from byteport.kubernetes.pods import EndReason, PodReading
from byteport.kubernetes.rollouts import RolloutReading
from byteport.kubernetes.scaling import AutoscalerReading, Brake, ContainerUsage, Measure, Misfit, ScalingReading
from byteport.kubernetes.situation import Situation

PERIOD = timedelta(seconds=60)
"""How often what an autoscaler goes by is measured anew, its own look included."""
BETWEEN_ACTS = 3
"""Periods that a floor of ours stands before it is raised again: until then one would act on the past."""
OLD = 2
"""A measurement counts for so many of its own periods."""
OOM_LATELY = timedelta(hours=1)
"""A pod that was killed for memory within this time keeps a floor down."""
OURS = "byteport"
_NEEDED_READS = ("events", "nodes", "resourcequotas", "limitranges", "events of nodes")
_CROWDED = frozenset({Refusal.QUOTA, Refusal.LIMIT_RANGE, Refusal.NO_ROOM})


def state_guards(situation: Situation, rollout: RolloutReading, scaler: AutoscalerReading) -> Iterator[Reason]:
    """What is under way with the workload or its autoscaler, so that its count is nobody's to move now."""
    if rollout.deleting or scaler.deleting or situation.surroundings.terminating:
        yield Reason.BEING_DELETED
    if rollout.paused:
        yield Reason.PAUSED
    if rollout.replicas == 0 or (scaler.brake is Brake.OFF and scaler.current == 0):
        yield Reason.SCALED_TO_ZERO
    elif scaler.brake is Brake.OFF:
        yield Reason.CAUSE_NEEDS_A_PERSON
    if not rollout.observed or not (rollout.took_over or rollout.complete):
        yield Reason.ROLLOUT_UNDER_WAY


def owner_guards(rollout: RolloutReading, scaler: AutoscalerReading) -> Iterator[Reason]:
    """Whose it is, and who would set it back."""
    owner = rollout.ownership
    if scaler.gitops or owner.gitops:
        yield Reason.GITOPS_MANAGED
    foreign = scaler.several or scaler.misfit is Misfit.SEVERAL_WRITERS or rollout.foreign_autoscaler
    if (scaler.owned_by and not scaler.gitops) or owner.controller or foreign:
        yield Reason.OWNED_BY_CONTROLLER


def sizer_guards(scaling: ScalingReading, measure: Measure) -> Iterator[Reason]:
    """A vertical autoscaler sets what the percentage is of: two controllers answer one signal, and a third is too many."""
    if measure.value in scaling.requests_set:
        yield Reason.OWNED_BY_CONTROLLER


def bound_guards(scaler: AutoscalerReading) -> Iterator[Reason]:
    """Its own bounds, and the mark of a floor of ours."""
    if scaler.floor > scaler.ceiling or scaler.misfit is Misfit.MIN_OVER_MAX:
        yield Reason.MIN_OVER_MAX
    elif scaler.brake is Brake.AT_MAX or scaler.current >= scaler.ceiling or scaler.floor >= scaler.ceiling:
        yield Reason.AT_MAX
    if scaler.floor == 0 or scaler.floor_before == 0:
        yield Reason.FLOOR_ZERO
    by_another = bool(scaler.floor_manager) and not scaler.floor_manager.startswith(OURS)
    if scaler.floor_before is not None and (scaler.floor < scaler.floor_before or (scaler.stands and by_another)):
        yield Reason.TARGET_CHANGED


def metric_guards(situation: Situation, scaling: ScalingReading, measure: Measure) -> Iterator[Reason]:
    """Whether it sees, sees now, and goes by what the signal is about."""
    scaler = scaling.autoscaler
    if scaler is None:
        return
    binding = scaler.binding
    if scaler.brake in (Brake.BLIND, Brake.UNABLE) or binding is None or scaling.metrics_missing:
        yield Reason.METRICS_MISSING
    elif not binding.measures(measure):
        yield Reason.OTHER_METRIC_BINDS
    if not scaler.observed or (scaling.usage and not any(_fresh(one, situation) for one in scaling.usage)):
        yield Reason.METRICS_OLD
    if scaling.usage_absurd:
        yield Reason.ABSURD_READING


def _fresh(one: ContainerUsage, situation: Situation) -> bool:
    period = max(timedelta(seconds=one.window_seconds), PERIOD)
    return one.measured_at is not None and situation.now - one.measured_at <= OLD * period


def place_guards(situation: Situation, scaling: ScalingReading, more: int) -> Iterator[Reason]:
    """Whether `more` pods would find a place, and make nothing worse there."""
    if under_pressure(situation):
        yield Reason.NODE_UNDER_PRESSURE
    blocked = {blocker.kind for blocker in situation.surroundings.blockers}
    grows = scaling.scale_up_worked_at is not None
    full = scaling.quota_room is not None and scaling.quota_room < more
    tight = (scaling.room is not None and scaling.room < more) or scaling.pending > 0 or Refusal.NO_ROOM in blocked
    if full or (tight and not grows) or blocked & (_CROWDED - {Refusal.NO_ROOM}):
        yield Reason.NO_ROOM
    if blocked - _CROWDED:
        yield Reason.REPLACEMENT_REFUSED
    if scaling.priority > 0:
        yield Reason.HIGH_PRIORITY


def under_pressure(situation: Situation) -> bool:
    """A node of the target (any that was read, where no pod tells) is short of something, or a pod was killed for memory."""
    names = {pod.node for pod in situation.pods if pod.node and not pod.finished}
    nodes = [node for node in situation.surroundings.nodes if not names or node.name in names]
    sick = any(node.pressed or node.sick_lately(situation.now) for node in nodes)
    return sick or any(_killed_for_memory(pod, situation) for pod in situation.pods)


def _killed_for_memory(pod: PodReading, situation: Situation) -> bool:
    if pod.cause is Cause.OOM_KILLED:
        return True
    for container in pod.containers:
        for end in (container.ended, container.last):
            when = end.finished_at if end is not None else None
            if end is not None and end.reason is EndReason.OOM_KILLED:
                return when is None or situation.now - when <= OOM_LATELY
    return False


def soft_guards(
    situation: Situation, scaling: ScalingReading, scaler: AutoscalerReading, config: PolicyConfig
) -> Iterator[Reason]:
    """What keeps it from being done alone: the list, a next deploy that would meet ours, a question without an answer."""
    if not config.may_raise(situation.target.namespace, scaler.name):
        yield Reason.NOT_ALLOW_LISTED
    if scaler.applied_by:
        yield Reason.SERVER_SIDE_APPLIED
    if situation.partial:
        return
    read = {node.name for node in situation.surroundings.nodes}
    unread = any(pod.node and pod.node not in read for pod in situation.pods if not pod.finished)
    unknown = scaling.room is None and scaling.scale_up_worked_at is None
    if unknown or unread or not situation.denied.isdisjoint(_NEEDED_READS):
        yield Reason.CANNOT_TELL

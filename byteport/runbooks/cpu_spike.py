"""A CPU spike: raise the autoscaler's floor for a time where more replicas carry the load, or say what else it is.

An autoscaler that works needs nobody. It needs help exactly where it sees the load, is below its ceiling, and may add
only so many replicas in a period; everything else that looks like a spike (at its maximum, blind, set up wrongly,
throttled, a retry storm, a release) is made worse or hidden by more replicas, and is a person's.

`cpu_findings.py` finds, `floors.py` decides about the floor. Asked by `workflows/phases`, by the cluster worker just
before the act, and by `byteport explain`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from byteport.contracts.kubernetes import RAISE_FLOOR, READ_LOAD, RESTORE_FLOOR
from byteport.domain.diagnoses import Diagnosis, Fact
from byteport.domain.failures import Failure
from byteport.domain.plans import AnyPlan, RaiseFloorPlan, Refused, RestoreFloorPlan
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal, SignalType
from byteport.kubernetes.scaling import AutoscalerReading, Measure, ScalingReading
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.usage import summed
from byteport.runbooks.base import Checked, Runbook
from byteport.runbooks.cpu_findings import Finding, find, share_of_limit
from byteport.runbooks.floors import floor_health, floor_inverse, raise_floor
from byteport.runbooks.quiet import nothing_to_treat


class CpuSpikeRunbook(Runbook):
    """CPU above what the autoscaler wants, or above a threshold of its limit; or an autoscaler that cannot work."""

    name = "CpuSpikeRunbook"
    failure = Failure.CPU
    signals = frozenset({SignalType.CPU_SPIKE})
    acts = (READ_LOAD, RAISE_FLOOR, RESTORE_FLOOR)
    reads = READ_LOAD

    def diagnose(self, signal: Signal, situation: Situation) -> Diagnosis:
        """Whether it is load that replicas carry, and what it is otherwise."""
        ended = nothing_to_treat(situation)
        if ended is not None:
            found = Finding(cause=Cause.UNKNOWN, reasons=(ended,), silent=True)
        elif situation.scaling is None:
            found = Finding(cause=Cause.UNSUPPORTED, reasons=(Reason.NOT_A_DEPLOYMENT,))
        else:
            found = find(signal, situation, situation.scaling)
        return Diagnosis(
            failure=Failure.CPU,
            target=situation.target,
            cause=found.cause,
            facts=tuple(_facts(situation)),
            reasons=found.reasons,
            culprit=found.culprit or None,
            hand_over=Failure.BAD_ROLLOUT if found.to_rollback else None,
            silent=found.silent,
            look_again_seconds=found.later,
        )

    def plan(self, diagnosis: Diagnosis, situation: Situation, config: PolicyConfig) -> RaiseFloorPlan | Refused:
        """The raise that the autoscaler's own arithmetic asks for, or every reason against it."""
        return raise_floor(diagnosis, situation, config, Measure.CPU)

    def health(self, plan: AnyPlan, situation: Situation, *, acted_at: datetime, now: datetime) -> Checked:
        """The replicas are there, and usage, measured since, is within the autoscaler's target."""
        return floor_health(plan, situation, acted_at=acted_at, now=now, measure=Measure.CPU)

    def inverse(self, plan: AnyPlan, situation: Situation, *, now: datetime) -> RestoreFloorPlan | Refused:
        """The owner's floor, if the autoscaler is exactly what we left."""
        return floor_inverse(plan, situation, now=now)


def _facts(situation: Situation) -> Iterator[Fact]:
    """What a person reads first: the metric and its target, what holds the autoscaler back, replicas and use."""
    target, scaling = situation.target, situation.scaling
    about = f"{target.kind}/{target.namespace}/{target.name}"
    if scaling is not None and scaling.autoscaler is not None:
        yield from _of_autoscaler(scaling.autoscaler, f"HorizontalPodAutoscaler/{target.namespace}")
    if situation.rollout is not None:
        yield Fact(name="replicas", value=situation.rollout.replicas, about=about)
        yield Fact(name="available", value=situation.rollout.available, about=about)
        yield Fact(name="revision", value=situation.rollout.revision, about=about)
    if scaling is not None:
        yield from _of_load(scaling, about)


def _of_autoscaler(scaler: AutoscalerReading, place: str) -> Iterator[Fact]:
    about = f"{place}/{scaler.name}"
    binding = scaler.binding
    if binding is not None and binding.ratio is not None:
        yield Fact(name="metric", value=binding.name, about=about)
        yield Fact(name="percent_of_target", value=round(100 * min(binding.ratio, 1e6)), about=about)
    yield Fact(name="brake", value=scaler.brake.value, about=about)
    if scaler.brake_reason:
        yield Fact(name="brake_reason", value=scaler.brake_reason, about=about)
    if scaler.braked_since is not None:
        yield Fact(name="braked_since", value=scaler.braked_since.isoformat(), about=about)
    yield Fact(name="current_replicas", value=scaler.current, about=about)
    yield Fact(name="desired_replicas", value=scaler.desired, about=about)
    if scaler.asks is not None:
        yield Fact(name="asked_replicas", value=scaler.asks, about=about)
    yield Fact(name="floor", value=scaler.floor, about=about)
    yield Fact(name="ceiling", value=scaler.ceiling, about=about)
    if scaler.floor_before is not None:
        yield Fact(name="owners_floor", value=scaler.floor_before, about=about)
    if scaler.owned_by:
        yield Fact(name="owned_by", value=scaler.owned_by, about=about)
    if scaler.blindness is not None:
        yield Fact(name="blind_because", value=scaler.blindness.value, about=about)
    if scaler.misfit is not None:
        yield Fact(name="misfit", value=scaler.misfit.value, about=about)


def _of_load(scaling: ScalingReading, about: str) -> Iterator[Fact]:
    total = summed(scaling.usage)
    if total is not None:
        yield Fact(name="cores_used", value=round(total.cpu, 3), about=about)
        yield Fact(name="pods_measured", value=total.pods, about=about)
    share = share_of_limit(scaling.usage)
    if share is not None:
        yield Fact(name="percent_of_limit", value=round(share), about=about)
    if scaling.throttled is not None:
        yield Fact(name="at_limit", value=scaling.throttled, about=about)
    if scaling.pending:
        yield Fact(name="pods_pending", value=scaling.pending, about=about)
    for container in scaling.requests_missing[:3]:
        yield Fact(name="without_request", value=container, about=about)

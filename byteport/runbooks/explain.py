"""What would be done about saved objects, and why: diagnosis, plan and verdict, with no cluster and no Temporal.

The same pure code that production runs, in the same order: symptoms, the runbook's diagnosis and plan, the policy. What
production would learn by asking again later (a disruption budget, a second observation) is answered by what was saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from byteport.domain.base import Frozen
from byteport.domain.diagnoses import Diagnosis, Fact
from byteport.domain.failures import Failure
from byteport.domain.plans import AnyPlan, DeletePodPlan, Plan, Refused, RollbackPlan
from byteport.domain.policy import Mode, PolicyConfig, Standing, Verdict, VerdictKind, judge
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal, SignalType, Source
from byteport.kubernetes import fields
from byteport.kubernetes.chaos import experiment_running, experiment_seen
from byteport.kubernetes.reading import read_pods, read_situation
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.symptoms import symptoms_of, target_of
from byteport.kubernetes.world import World
from byteport.runbooks.catalogue import runbook_for
from byteport.runbooks.unserved import Unserved, unserved, unserved_alerts

_SIGNAL_FOR = {
    Failure.BAD_ROLLOUT: SignalType.FAILED_DEPLOY,
    Failure.CRASHLOOP: SignalType.POD_CRASHLOOP,
    Failure.MEMORY: SignalType.MEMORY_PRESSURE,
    Failure.CPU: SignalType.CPU_SPIKE,
    Failure.DISK: SignalType.DISK_PRESSURE,
}


class Incident(Frozen):
    """One target's trouble, and what would be done about it."""

    signal: str
    target: str
    cause: Cause = Field(serialization_alias="class")
    act: str | None
    rollback_to_revision: int | None
    escalate: bool
    """A person must take over now."""
    reasons: tuple[Reason, ...]
    culprit: str | None = Field(default=None, exclude=True)
    command: str | None = Field(default=None, exclude=True)
    plan: Plan | None = Field(default=None, exclude=True)
    """The exact act, where there is one to be taken or approved."""
    facts: tuple[Fact, ...] = Field(default=(), exclude=True)


class Explained(Frozen):
    """The answer for one bundle."""

    incidents: tuple[Incident, ...]
    act: str | None
    """The act that would be taken; null when none would."""
    escalate: bool


def assumed_policy(world: World) -> PolicyConfig:
    """The policy that saved objects are read under: everything enabled and allow-listed, a log store named.

    The question is what the knowledge says; the narrower settings of one installation are that installation's.
    """
    namespaces = {fields.name(fields.metadata(item).get("namespace")) for item in world.objects} - {""}
    return PolicyConfig(
        mode=Mode.AUTO,
        rollback_allowed=frozenset(f"{name}/*" for name in namespaces),
        raise_allowed=frozenset(f"{name}/*" for name in namespaces),
        log_store_named=True,
    )


def explain(
    world: World,
    config: PolicyConfig,
    mode: Mode,
    *,
    alert: Mapping[str, Any] | None = None,
    cluster_uid: str = "unknown",
) -> Explained:
    """What `mode` would do about everything that looks wrong in `world`, and about `alert` if one was posted."""
    incidents = [*_by_runbooks(world, config, mode, cluster_uid)]
    answered = {item.target for item in incidents if item.escalate or not item.target.startswith("Node/")}
    incidents += [_told(found) for found in unserved(world) if found.target not in answered]
    if alert is not None:
        covered = frozenset(item.target for item in incidents) | _pods_of(world, incidents)
        incidents += [_told(found) for found in unserved_alerts(world, alert, covered)]
    acts = [item.act for item in incidents if item.act is not None]
    return Explained(
        incidents=tuple(incidents),
        act=acts[0] if acts else None,
        escalate=any(item.escalate for item in incidents),
    )


def _by_runbooks(world: World, config: PolicyConfig, mode: Mode, cluster_uid: str) -> list[Incident]:
    """One incident per target and failure; what is another runbook's trouble goes to the runbook it is handed to."""
    asked: dict[tuple[str, Failure], Signal] = {}
    for signal in symptoms_of(world, cluster_uid):
        diagnosis = _diagnosed(world, signal)
        handed = diagnosis.hand_over if diagnosis is not None else None
        if handed is not None:
            signal = signal.model_copy(update={"type": _SIGNAL_FOR.get(handed, signal.type), "source": Source.HANDOVER})
        asked.setdefault((signal.target.ref, signal.failure), signal)
    return [_incident(world, signal, config, mode) for signal in asked.values()]


def _diagnosed(world: World, signal: Signal) -> Diagnosis | None:
    runbook = runbook_for(signal.failure)
    if runbook is None:
        return None
    return runbook.diagnose(signal, read_situation(world, signal.target, signal.failure))


def _incident(world: World, signal: Signal, config: PolicyConfig, mode: Mode) -> Incident:
    runbook = runbook_for(signal.failure)
    if runbook is None:
        return _told(Unserved(signal=signal.type.value, target=signal.target.ref, cause=Cause.UNSUPPORTED))
    situation = read_situation(world, signal.target, signal.failure)
    diagnosis = runbook.diagnose(signal, situation)
    plan = runbook.propose(diagnosis, situation, config)
    waits = diagnosis.look_again_seconds is not None and not diagnosis.silent
    verdict = judge(mode, plan, diagnosis, _standing(world, situation), config)
    if waits:
        verdict = Verdict(kind=VerdictKind.SKIP, reasons=diagnosis.reasons or (Reason.TOO_EARLY,))
    act = _act(mode, verdict, plan)
    notes = () if act is None or isinstance(plan, Refused | DeletePodPlan) else plan.notes
    return Incident(
        signal=signal.type.value,
        target=signal.target.ref,
        cause=diagnosis.cause,
        act=act,
        rollback_to_revision=plan.to_revision if isinstance(plan, RollbackPlan) and act is not None else None,
        escalate=verdict.kind is VerdictKind.ESCALATE or Reason.SEVERAL_RELEASES_FAILED in notes,
        reasons=tuple(dict.fromkeys((*verdict.reasons, *notes))),
        culprit=diagnosis.culprit,
        command=None if isinstance(plan, Refused) else plan.command,
        plan=None if isinstance(plan, Refused) else plan,
        facts=diagnosis.facts,
    )


def _act(mode: Mode, verdict: Verdict, plan: AnyPlan | Refused) -> str | None:
    """In `auto` what would be done alone, in `dry_run` what would be proposed without a caveat, in `observe` nothing."""
    if isinstance(plan, Refused) or mode is Mode.OBSERVE:
        return None
    return plan.act if verdict.kind in (VerdictKind.ACT, VerdictKind.AWAIT_APPROVAL) else None


def _standing(world: World, situation: Situation) -> Standing:
    target = situation.target
    own = [world.named("Pod", pod.namespace, pod.name) for pod in situation.pods]
    own.append(world.named(target.kind, target.namespace, target.name))
    seen = experiment_seen([item for item in own if item is not None], world.of("Pod", target.namespace))
    return Standing(chaos=seen or experiment_running(world.objects, target.namespace))


def _told(found: Unserved) -> Incident:
    return Incident(
        signal=found.signal,
        target=found.target,
        cause=found.cause,
        act=None,
        rollback_to_revision=None,
        escalate=True,
        reasons=(Reason.NO_RUNBOOK,),
    )


def _pods_of(world: World, incidents: list[Incident]) -> frozenset[str]:
    """Pods whose owner has an incident: an alert about one of them is answered by it."""
    targets = {item.target for item in incidents}
    return frozenset(f"{pod.namespace}/Pod/{pod.name}" for pod in read_pods(world) if target_of(pod, "").ref in targets)

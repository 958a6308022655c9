"""Ask a runbook about a world, the way the workflow and `explain` do: symptom, diagnosis, plan, verdict."""

from __future__ import annotations

from typing import NamedTuple

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.plans import AnyPlan, Refused
from byteport.domain.policy import Mode, PolicyConfig, Standing, Verdict, VerdictKind, judge
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.world import World
from byteport.runbooks.base import Runbook
from byteport.runbooks.pod_crashloop import PodCrashloopRunbook

CLUSTER = "11111111-2222-4333-8444-555555555555"
AUTO = PolicyConfig(mode=Mode.AUTO, log_store_named=True, rollback_allowed=frozenset({"shop/*"}))


class Answer(NamedTuple):
    """Everything a runbook and the policy said."""

    situation: Situation
    diagnosis: Diagnosis
    plan: AnyPlan | Refused
    verdict: Verdict

    @property
    def acts(self) -> bool:
        return self.verdict.kind is VerdictKind.ACT

    @property
    def escalates(self) -> bool:
        return self.verdict.kind is VerdictKind.ESCALATE and self.diagnosis.look_again_seconds is None

    @property
    def cause(self) -> Cause:
        return self.diagnosis.cause

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.verdict.reasons


def signal_on(target: Target, kind: SignalType = SignalType.POD_CRASHLOOP, *, at: World) -> Signal:
    return Signal(
        type=kind,
        value=7,
        threshold=3,
        target=target,
        observed_at=at.now,
        source=Source.WATCH,
        evidence_digest="0" * 64,
    )


def deployment(name: str = "web", namespace: str = "shop", uid: str = "") -> Target:
    return Target(cluster_uid=CLUSTER, namespace=namespace, kind="Deployment", name=name, uid=uid)


def ask(
    world: World,
    target: Target | None = None,
    *,
    runbook: Runbook | None = None,
    kind: SignalType = SignalType.POD_CRASHLOOP,
    config: PolicyConfig = AUTO,
    mode: Mode = Mode.AUTO,
) -> Answer:
    """What would be done about `target` (the Deployment shop/web) in `world`."""
    asked = runbook or PodCrashloopRunbook()
    about = target or deployment()
    situation = read_situation(world, about, asked.failure)
    diagnosis = asked.diagnose(signal_on(about, kind, at=world), situation)
    plan = asked.plan(diagnosis, situation, config)
    return Answer(situation, diagnosis, plan, judge(mode, plan, diagnosis, Standing(), config))

"""Whether a plan may be carried out: a pure function of mode, plan, diagnosis, standing and configuration.

It runs twice: in the workflow's gate, where it is advice, and in the cluster worker just before the call, on what that
worker read itself, where it is a boundary.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.domain.base import Frozen
from byteport.domain.canonical import digest
from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import DeletePodPlan, Refused, RollbackPlan
from byteport.domain.reasons import Reason


class Mode(StrEnum):
    """How far the agent may go. `dry_run` is the default."""

    OBSERVE = "observe"
    DRY_RUN = "dry_run"
    AUTO = "auto"


class VerdictKind(StrEnum):
    """The policy's answer to a plan."""

    ACT = "act"
    AWAIT_APPROVAL = "await_approval"
    ESCALATE = "escalate"
    SKIP = "skip"


class Verdict(Frozen):
    """An answer with its reasons; `escalate` with a plan means that the plan waits for a person's yes as well."""

    kind: VerdictKind
    reasons: tuple[Reason, ...]


class Standing(Frozen):
    """What the ledger and the cluster last said about the moment, not about the plan."""

    halted: bool = False
    frozen: bool = False
    storm: bool = False
    chaos: bool = False
    limit_reached: bool = False
    did_not_hold: bool = False
    """The last fix on this target did not hold: it is not repeated."""


PROTECTED_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "default", "byteport-agent"})
"""Never touched, whatever the labels say; settings add those of our Temporal and database."""


class ApprovalRule(Frozen):
    """Whose yes a runbook's plans need."""

    quorum: Annotated[int, Field(ge=1, le=5)] = 1
    approvers: frozenset[str] = frozenset()
    """Principals of the `allowed_signers` file; empty means everybody in it."""
    expires_after_seconds: Annotated[int, Field(ge=60, le=14 * 86400)] = 86400


class PolicyConfig(Frozen):
    """What the administrator set. Read fresh from the worker's own mount at each evidence reading and at each act."""

    mode: Mode = Mode.DRY_RUN
    mode_by_runbook: Mapping[str, Mode] = {}
    mode_by_namespace: Mapping[str, Mode] = {}
    protected_namespaces: frozenset[str] = PROTECTED_NAMESPACES
    rollback_allowed: frozenset[str] = frozenset()
    """`namespace/deployment` names that may be rolled back without a person; `namespace/*` allows all of one."""
    settle_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    verify_deadline_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    reread_seconds: Annotated[int, Field(ge=1, le=86400)] = 900
    """How long a plan waits for its answer between two looks at its target; a yes is followed by one of its own."""
    log_store_named: bool = False
    """A log store is named (or said not to be wanted): only then is a pod deleted without a person."""
    approvals: Mapping[str, ApprovalRule] = {}
    """By runbook name; a runbook without an entry takes `ApprovalRule()`."""
    accept_unsigned_answers: bool = False
    """Never honoured where the mode of the target is `auto`."""

    @property
    def version(self) -> str:
        """Digest of all settings: part of every plan's digest, so that a changed policy voids waiting approvals."""
        plain = self.model_dump(mode="json")
        for name in ("protected_namespaces", "rollback_allowed"):
            plain[name] = sorted(plain[name])
        for rule in plain["approvals"].values():
            rule["approvers"] = sorted(rule["approvers"])
        return digest(plain)

    def mode_for(self, runbook: str, namespace: str) -> Mode:
        """The lowest of the modes that apply: a narrower setting can only lower what the wider one allows."""
        order = [Mode.OBSERVE, Mode.DRY_RUN, Mode.AUTO]
        narrower = [self.mode_by_runbook.get(runbook), self.mode_by_namespace.get(namespace)]
        return min([self.mode, *(mode for mode in narrower if mode is not None)], key=order.index)

    def may_roll_back(self, namespace: str, name: str) -> bool:
        """Whether the administrator named this Deployment, or all of its namespace."""
        return not {f"{namespace}/{name}", f"{namespace}/*"}.isdisjoint(self.rollback_allowed)

    def approval_rule(self, runbook: str) -> ApprovalRule:
        return self.approvals.get(runbook, ApprovalRule())


STOPS: Mapping[str, Reason] = {
    "halted": Reason.HALTED,
    "frozen": Reason.FROZEN,
    "storm": Reason.STORM,
    "chaos": Reason.CHAOS_EXPERIMENT,
    "limit_reached": Reason.LIMIT_REACHED,
    "did_not_hold": Reason.DID_NOT_HOLD,
}
"""Every field of a `Standing`, by the reason that it gives."""


def judge(
    mode: Mode,
    plan: DeletePodPlan | RollbackPlan | Refused,
    diagnosis: Diagnosis,
    standing: Standing,
    config: PolicyConfig,
) -> Verdict:
    """What may be done about `plan`. Fails closed: whatever is not plainly allowed waits for a person.

    `act` only in `auto`, with no caveat and a standing that is clear. A plan with caveats is an escalation that a
    person may still approve (`escalate`); a refused plan is an escalation with nothing to approve; a silent diagnosis
    is `skip`. What the settings alone can tell (allow-list, log store, protected namespaces) is asked again here, so
    that a plan which left its caveats out gains nothing by it.
    """
    if diagnosis.silent:
        return Verdict(kind=VerdictKind.SKIP, reasons=diagnosis.reasons or (Reason.HEALTHY,))
    if isinstance(plan, Refused):
        return _escalate(plan.because or (Reason.CAUSE_NEEDS_A_PERSON,))
    caveats = (*plan.caveats, *_misfits(plan, diagnosis), *diagnosis.reasons, *_unsettled(plan, config))
    if _protected(plan.target.namespace, config):
        return _escalate((Reason.PROTECTED_NAMESPACE,))
    if mode is Mode.OBSERVE:
        return _escalate((Reason.MODE_OBSERVES, *caveats))
    stops = tuple(reason for field, reason in STOPS.items() if getattr(standing, field))
    if stops or caveats:
        return _escalate((*stops, *caveats))
    if len({(fact.name, fact.about) for fact in diagnosis.facts}) < 2:
        return _escalate((Reason.TOO_LITTLE_EVIDENCE,))
    if mode is Mode.DRY_RUN:
        return Verdict(kind=VerdictKind.AWAIT_APPROVAL, reasons=(Reason.MODE_DRY_RUN,))
    return Verdict(kind=VerdictKind.ACT, reasons=())


def _escalate(reasons: tuple[Reason, ...]) -> Verdict:
    return Verdict(kind=VerdictKind.ESCALATE, reasons=tuple(dict.fromkeys(reasons)))


def _protected(namespace: str, config: PolicyConfig) -> bool:
    """Ours, the cluster's, or what the settings add; settings cannot take one of the fixed list away."""
    return not namespace or namespace in PROTECTED_NAMESPACES or namespace in config.protected_namespaces


def _misfits(plan: DeletePodPlan | RollbackPlan, diagnosis: Diagnosis) -> tuple[Reason, ...]:
    """What makes a plan not follow from its diagnosis: another object, another failure, a verdict that was put off."""
    found = []
    ours, theirs = plan.target, diagnosis.target
    same = (ours.cluster_uid, ours.namespace, ours.kind, ours.name) == (
        theirs.cluster_uid,
        theirs.namespace,
        theirs.kind,
        theirs.name,
    )
    if not same or (ours.uid and theirs.uid and ours.uid != theirs.uid):
        found.append(Reason.TARGET_CHANGED)
    if isinstance(plan, DeletePodPlan):
        fits = diagnosis.failure is Failure.CRASHLOOP and plan.pod.namespace == ours.namespace
    else:
        fits = diagnosis.failure is Failure.BAD_ROLLOUT and ours.kind == "Deployment"
        if plan.from_template_digest == plan.to_template_digest:
            found.append(Reason.TEMPLATES_EQUAL)
    if not fits:
        found.append(Reason.OUTSIDE_SCOPE)
    if diagnosis.look_again_seconds is not None:
        found.append(Reason.TOO_EARLY)
    if diagnosis.hand_over is not None:
        found.append(Reason.HANDED_OVER)
    return tuple(found)


def _unsettled(plan: DeletePodPlan | RollbackPlan, config: PolicyConfig) -> tuple[Reason, ...]:
    """What the administrator has not given for this act to be taken alone."""
    if isinstance(plan, DeletePodPlan):
        return () if config.log_store_named else (Reason.NO_LOG_STORE,)
    return () if config.may_roll_back(plan.target.namespace, plan.target.name) else (Reason.NOT_ALLOW_LISTED,)

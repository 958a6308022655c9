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

    def approval_rule(self, runbook: str) -> ApprovalRule:
        return self.approvals.get(runbook, ApprovalRule())


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
    is `skip`.
    """
    if diagnosis.silent:
        return Verdict(kind=VerdictKind.SKIP, reasons=diagnosis.reasons or (Reason.HEALTHY,))
    if isinstance(plan, Refused):
        return Verdict(kind=VerdictKind.ESCALATE, reasons=plan.because)
    if plan.target.namespace in config.protected_namespaces:
        return Verdict(kind=VerdictKind.ESCALATE, reasons=(Reason.PROTECTED_NAMESPACE,))
    if mode is Mode.OBSERVE:
        return Verdict(kind=VerdictKind.ESCALATE, reasons=(Reason.MODE_OBSERVES, *plan.caveats))
    stops = [
        reason
        for hit, reason in (
            (standing.halted, Reason.HALTED),
            (standing.frozen, Reason.FROZEN),
            (standing.storm, Reason.STORM),
            (standing.chaos, Reason.CHAOS_EXPERIMENT),
            (standing.limit_reached, Reason.LIMIT_REACHED),
            (standing.did_not_hold, Reason.DID_NOT_HOLD),
        )
        if hit
    ]
    if stops:
        return Verdict(kind=VerdictKind.ESCALATE, reasons=(*stops, *plan.caveats))
    if plan.caveats:
        return Verdict(kind=VerdictKind.ESCALATE, reasons=plan.caveats)
    if len(diagnosis.facts) < 2:
        return Verdict(kind=VerdictKind.ESCALATE, reasons=(Reason.TOO_LITTLE_EVIDENCE,))
    if mode is Mode.DRY_RUN:
        return Verdict(kind=VerdictKind.AWAIT_APPROVAL, reasons=(Reason.MODE_DRY_RUN,))
    return Verdict(kind=VerdictKind.ACT, reasons=())

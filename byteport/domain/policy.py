"""Whether a plan may be carried out: a pure function of mode, plan, diagnosis, standing and configuration.

It runs twice: in the workflow's gate, where it is advice, and in the cluster worker just before the call, on what that
worker read itself, where it is a boundary.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, field_validator

from byteport.domain.approvals import Least
from byteport.domain.base import Frozen, Instant
from byteport.domain.canonical import digest
from byteport.domain.ceilings import Ceiling
from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.modes import Mode as Mode
from byteport.domain.modes import lowest
from byteport.domain.plans import (
    AnyPlan,
    DeletePodPlan,
    PruneImagesPlan,
    RaiseFloorPlan,
    Refused,
    RestoreFloorPlan,
    RollbackPlan,
    Runtime,
)
from byteport.domain.reasons import Reason


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
    alarm: bool = False
    """An alarm is raised that stops acts."""
    ineffective: bool = False
    """Two acts of this kind did not help within the hour: no third is tried alone."""
    unguarded: bool = False
    """What the API server enforces on us is not whole, here or everywhere, or nobody has looked lately."""
    unproven: bool = False
    """The API server cannot prove a rollback, and the settings do not accept that: one waits for a person."""
    ceiling: Ceiling | None = None
    """How far the namespace was given to us; None where no boundary is enforced, and for a node."""


PROTECTED_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "default", "byteport-agent"})
"""Never touched, whatever the labels say; settings add those of our Temporal and database."""


class ApprovalRule(Frozen):
    """Whose yes a runbook's plans need."""

    quorum: Annotated[int, Field(ge=1, le=5)] = 1
    approvers: frozenset[str] = frozenset()
    """Principals of the `allowed_signers` file; empty means everybody in it."""
    expires_after_seconds: Annotated[int, Field(ge=60, le=14 * 86400)] = 86400
    least: Annotated[Least, Field(exclude_if=lambda least: least is Least.SIGNED)] = Least.SIGNED
    """`signed` takes SSH signatures only; `attested` takes, besides them, answers from the browser, each with the identity
    provider's token for exactly it. At its default it is no part of the policy's version."""


class PolicyConfig(Frozen):
    """What the administrator set. Read fresh from the worker's own mount at each evidence reading and at each act."""

    mode: Mode = Mode.DRY_RUN
    """`observe` never acts, `dry_run` acts on a signed yes only, `auto` acts alone where nothing speaks against it."""
    mode_by_runbook: Mapping[str, Mode] = {}
    """By runbook name, such as `CpuSpikeRunbook: dry_run`. It can only lower what `mode` says."""
    mode_by_namespace: Mapping[str, Mode] = {}
    """By namespace. It can only lower what `mode` says."""
    protected_namespaces: frozenset[str] = PROTECTED_NAMESPACES
    """Never touched, whatever their labels say. The file can add to the fixed ones, and take none away."""
    rollback_allowed: frozenset[str] = frozenset()
    """`namespace/deployment` names that may be rolled back without a person; `namespace/*` allows all of one."""
    settle_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """For so long a target must be well, unbroken, before a repair is called one."""
    verify_deadline_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    """A repair that has not settled by then has failed."""
    reread_seconds: Annotated[int, Field(ge=1, le=86400)] = 900
    """How long a plan waits for its answer between two looks at its target; a yes is followed by one of its own."""
    log_store_named: bool = False
    """A log store is named (or said not to be wanted): only then is a pod deleted without a person."""
    approvals: Mapping[str, ApprovalRule] = {}
    """By runbook name; a runbook without an entry takes `ApprovalRule()`."""
    accept_unsigned_answers: bool = False
    """Never honoured where the mode of the target is `auto`."""
    raise_allowed: frozenset[str] = frozenset()
    """`namespace/autoscaler` names whose floor may be raised without a person; `namespace/*` allows all of one."""
    timebox_seconds: Annotated[int, Field(ge=60, le=86400)] = 3600
    """How long a raised floor stays up before it is put back."""
    disk_percent: Annotated[int, Field(ge=85, le=94)] = 85
    """From so much of a filesystem on its images are removed; below 85 none is full, and from 95 on a person is asked."""
    disk_verified_percent: Annotated[int, Field(ge=10, le=84)] = 80
    """Below so much the disk is well again."""
    memory_percent: Annotated[int, Field(ge=50, le=99)] = 90
    """From so much of its limit on a container is looked at; 92 decides the cause."""
    cpu_percent: Annotated[int, Field(ge=10, le=100)] = 90
    """From so much of its limit on a workload without an autoscaler is looked at."""
    helper_namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")] = "byteport-node"
    """Where the node helper's pods are, if it is installed; a namespace of its own, in which nothing else is ever done."""
    changed_by: str = ""
    """Who wrote this file last, as `byteport policy` notes it; no part of the version."""
    changed_at: Instant | None = None
    """When that was."""
    change_reason: Annotated[str, Field(max_length=300)] = ""
    """Why, in their words."""
    changed_to: str = ""
    """The version that these notes are about: with another one, somebody has edited the file since."""

    @field_validator("helper_namespace")
    @classmethod
    def _of_its_own(cls, value: str) -> str:
        if value in PROTECTED_NAMESPACES:
            raise ValueError("the node helper has a namespace of its own")
        return value

    @property
    def version(self) -> str:
        """Digest of all settings: part of every plan's digest, so that a changed policy voids waiting approvals.

        A setting of `_LATER` counts only when it is not at its default, so that an update of the agent voids nothing.
        """
        plain = self.model_dump(mode="json", exclude=set(_NOTES))
        for name in _LATER:
            if getattr(self, name) == type(self).model_fields[name].default:
                plain.pop(name)
            elif isinstance(plain[name], list):
                plain[name] = sorted(plain[name])
        for name in ("protected_namespaces", "rollback_allowed"):
            plain[name] = sorted(plain[name])
        for rule in plain["approvals"].values():
            rule["approvers"] = sorted(rule["approvers"])
        return digest(plain)

    def mode_for(self, runbook: str, namespace: str) -> Mode:
        """The lowest of the modes that apply: a narrower setting can only lower what the wider one allows."""
        narrower = [self.mode_by_runbook.get(runbook), self.mode_by_namespace.get(namespace)]
        return lowest(self.mode, *(mode for mode in narrower if mode is not None))

    def protects(self, namespace: str) -> bool:
        """Whether nothing there is ever touched: it is ours, the cluster's, the node helper's, or the administrator said so.

        Settings cannot take one of the fixed list away.
        """
        fixed = namespace in PROTECTED_NAMESPACES or namespace == self.helper_namespace
        return fixed or namespace in self.protected_namespaces

    def may_roll_back(self, namespace: str, name: str) -> bool:
        """Whether the administrator named this Deployment, or all of its namespace."""
        return not {f"{namespace}/{name}", f"{namespace}/*"}.isdisjoint(self.rollback_allowed)

    def may_raise(self, namespace: str, autoscaler: str) -> bool:
        """Whether the administrator named this autoscaler, or all of its namespace."""
        return not {f"{namespace}/{autoscaler}", f"{namespace}/*"}.isdisjoint(self.raise_allowed)

    def approval_rule(self, runbook: str) -> ApprovalRule:
        return self.approvals.get(runbook, ApprovalRule())


def plain_settings(config: PolicyConfig) -> dict[str, Any]:
    """Every setting as JSON has it, sets in order; without the notes on who wrote them."""
    plain: dict[str, Any] = config.model_dump(mode="json", exclude=set(_NOTES))
    for name in ("protected_namespaces", "rollback_allowed", "raise_allowed"):
        plain[name] = sorted(plain[name])
    for rule in plain["approvals"].values():
        rule["approvers"] = sorted(rule["approvers"])
    return plain


_NOTES = frozenset({"changed_by", "changed_at", "change_reason", "changed_to"})
_LATER = (
    "raise_allowed",
    "timebox_seconds",
    "disk_percent",
    "disk_verified_percent",
    "memory_percent",
    "cpu_percent",
    "helper_namespace",
)

STOPS: Mapping[str, Reason] = {
    "halted": Reason.HALTED,
    "frozen": Reason.FROZEN,
    "storm": Reason.STORM,
    "chaos": Reason.CHAOS_EXPERIMENT,
    "limit_reached": Reason.LIMIT_REACHED,
    "did_not_hold": Reason.DID_NOT_HOLD,
    "alarm": Reason.ALARM,
    "ineffective": Reason.INEFFECTIVE,
    "unguarded": Reason.BOUNDARY_NOT_WHOLE,
}
"""Every field of a `Standing` that stops whatever is planned, by the reason that it gives."""


def judge(
    mode: Mode,
    plan: AnyPlan | Refused,
    diagnosis: Diagnosis,
    standing: Standing,
    config: PolicyConfig,
) -> Verdict:
    """What may be done about `plan`. Fails closed: whatever is not plainly allowed waits for a person.

    `act` only in `auto`, with no caveat and a standing that is clear. A plan with caveats is an escalation that a
    person may still approve (`escalate`); a refused plan is an escalation with nothing to approve; a silent diagnosis
    is `skip`. What the settings alone can tell (allow-list, log store, protected namespaces) is asked again here, so
    that a plan which left its caveats out gains nothing by it. What the namespace's ceiling leaves out is escalated
    with nothing to approve, since the API server would refuse it whoever had said yes.
    """
    if diagnosis.silent:
        return Verdict(kind=VerdictKind.SKIP, reasons=diagnosis.reasons or (Reason.HEALTHY,))
    if isinstance(plan, Refused):
        return _escalate(plan.because or (Reason.CAUSE_NEEDS_A_PERSON,))
    nameless = () if plan.target.name else (Reason.CANNOT_TELL,)
    caveats = (*plan.caveats, *nameless, *_misfits(plan, diagnosis), *diagnosis.reasons, *_unsettled(plan, config))
    if _protected(plan, config):
        return _escalate((Reason.PROTECTED_NAMESPACE,))
    if mode is Mode.OBSERVE:
        return _escalate((Reason.MODE_OBSERVES, *caveats))
    outside = beyond(plan, standing.ceiling)
    if outside is not None:
        return _escalate((outside, *caveats))
    stops = tuple(reason for field, reason in STOPS.items() if getattr(standing, field))
    if stops or caveats:
        return _escalate((*stops, *caveats))
    if len({(fact.name, fact.about) for fact in diagnosis.facts}) < 2:
        return _escalate((Reason.TOO_LITTLE_EVIDENCE,))
    if Mode.DRY_RUN in (mode, standing.ceiling.mode if standing.ceiling else mode):
        return Verdict(kind=VerdictKind.AWAIT_APPROVAL, reasons=(Reason.MODE_DRY_RUN,))
    if standing.unproven and isinstance(plan, RollbackPlan):
        return Verdict(kind=VerdictKind.AWAIT_APPROVAL, reasons=(Reason.ROLLBACK_UNPROVEN,))
    return Verdict(kind=VerdictKind.ACT, reasons=())


def beyond(plan: AnyPlan, ceiling: Ceiling | None) -> Reason | None:
    """Why the API server refuses this plan whoever agrees to it: what the namespace was given for does not hold it."""
    if ceiling is None:
        return None
    if ceiling.mode is Mode.OBSERVE:
        return Reason.CEILING_OBSERVES
    match plan:
        case RollbackPlan() if not ceiling.may_roll_back(plan.target.name):
            return Reason.NOT_NAMED
        case RaiseFloorPlan() | RestoreFloorPlan() if not ceiling.may_raise(plan.autoscaler):
            return Reason.NOT_NAMED
        case _:
            return None


def _escalate(reasons: tuple[Reason, ...]) -> Verdict:
    return Verdict(kind=VerdictKind.ESCALATE, reasons=tuple(dict.fromkeys(reasons)))


def _protected(plan: AnyPlan, config: PolicyConfig) -> bool:
    """Only a node has no namespace, and only its images may be touched; its helper lies in the one namespace for it."""
    if isinstance(plan, PruneImagesPlan):
        return plan.target.namespace != "" or plan.helper.namespace != config.helper_namespace
    return not plan.target.namespace or config.protects(plan.target.namespace)


def _misfits(plan: AnyPlan, diagnosis: Diagnosis) -> tuple[Reason, ...]:
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
    match plan:
        case DeletePodPlan():
            fits = diagnosis.failure is Failure.CRASHLOOP and plan.pod.namespace == ours.namespace
        case RollbackPlan():
            fits = diagnosis.failure is Failure.BAD_ROLLOUT and ours.kind == "Deployment"
            if plan.from_template_digest == plan.to_template_digest:
                found.append(Reason.TEMPLATES_EQUAL)
        case PruneImagesPlan():
            fits = diagnosis.failure is Failure.DISK and ours.kind == "Node"
        case RaiseFloorPlan():
            fits = diagnosis.failure in (Failure.CPU, Failure.MEMORY) and ours.kind == "Deployment"
            if not 1 <= plan.floor_before <= plan.floor_from < plan.floor_to:
                found.append(Reason.FLOOR_ENOUGH if plan.floor_before >= 1 else Reason.FLOOR_ZERO)
        case RestoreFloorPlan():
            fits = False  # never judged by itself: the yes to a raise is the yes to taking it back
    if not fits:
        found.append(Reason.OUTSIDE_SCOPE)
    if diagnosis.look_again_seconds is not None:
        found.append(Reason.TOO_EARLY)
    if diagnosis.hand_over is not None:
        found.append(Reason.HANDED_OVER)
    return tuple(found)


def _unsettled(plan: AnyPlan, config: PolicyConfig) -> tuple[Reason, ...]:
    """What the administrator has not given for this act to be taken alone."""
    match plan:
        case DeletePodPlan():
            return () if config.log_store_named else (Reason.NO_LOG_STORE,)
        case RollbackPlan():
            named = config.may_roll_back(plan.target.namespace, plan.target.name)
            return () if named else (Reason.NOT_ALLOW_LISTED,)
        case PruneImagesPlan():
            return (Reason.DOCKER_PRUNE,) if plan.runtime is Runtime.DOCKER else ()
        case RaiseFloorPlan():
            return () if config.may_raise(plan.target.namespace, plan.autoscaler) else (Reason.NOT_ALLOW_LISTED,)
        case RestoreFloorPlan():
            return ()

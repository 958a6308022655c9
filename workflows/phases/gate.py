"""Plan to permission: the policy's verdict, and where it asks for one, a person's answer.

Comes after `diagnose.py`; on `Go`, `act.py` is next. While people think, the target is read again every quarter
of an hour, and once more when the yes arrives: an answer is to what was planned, and to nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from functools import partial

from byteport.contracts.ledger import RECORD, Decision, Event, Result
from byteport.contracts.workflows import (
    APPROVAL,
    WITHDRAW,
    ApprovalClosed,
    ApprovalOutcome,
    AwaitApproval,
    Phase,
    Withdraw,
)
from byteport.domain import ids
from byteport.domain.approvals import ApprovalRequest
from byteport.domain.plans import (
    AnyPlan,
    DeletePodPlan,
    PruneImagesPlan,
    RaiseFloorPlan,
    Refused,
    RollbackPlan,
    restore_of,
)
from byteport.domain.policy import Mode, Verdict, VerdictKind, judge
from byteport.domain.postmortems import Judged
from byteport.domain.reasons import Reason
from byteport.errors import BytePortError
from byteport.kubernetes.situation import Situation
from byteport.runbooks.error_rate import called_over
from temporalio import workflow
from temporalio.exceptions import (
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

from workflows.incident import Incident
from workflows.perform import perform
from workflows.phases import events
from workflows.phases.asking import answer_of
from workflows.phases.diagnose import look, not_enabled
from workflows.phases.escalate import climb, evidence_of, page
from workflows.phases.outcomes import Again, Declined, Diagnosed, Escalate, Go, Skip
from workflows.phases.waits import Waits

NOBODY_MAY = frozenset(
    {
        Reason.MODE_OBSERVES,
        Reason.PROTECTED_NAMESPACE,
        Reason.HALTED,
        Reason.NAMESPACE_NOT_ENABLED,
        Reason.CEILING_OBSERVES,
        Reason.NOT_NAMED,
    }
)
"""With one of these no yes is asked for, because none would be enough."""
AGENT = "byteport-agent"


async def gate(incident: Incident, diagnosed: Diagnosed) -> Go | Escalate | Skip | Declined | Again:
    """Whether `diagnosed.plan` may be carried out, and by whose word."""
    incident.enter(Phase.PLANNING, "judging the plan")
    policy, diagnosis = incident.the_policy, incident.diagnosis
    assert diagnosis is not None
    incident.alarmed = diagnosed.standing.alarm
    mode = policy.mode_for(incident.runbook_name, incident.start.target.namespace)
    verdict = judge(mode, diagnosed.plan, diagnosis, diagnosed.standing, policy)
    incident.verdict, incident.reasons = verdict, verdict.reasons
    incident.judged = Judged(mode=mode, plan=diagnosed.plan, diagnosis=diagnosis, standing=diagnosed.standing)
    incident.note(f"verdict: {verdict.kind.value}" + _because(verdict.reasons))
    plan = diagnosed.plan
    if verdict.kind is VerdictKind.SKIP:
        return Skip(verdict.reasons)
    if isinstance(plan, Refused) or NOBODY_MAY & set(verdict.reasons):
        return Escalate(verdict.reasons)
    assert incident.plan_digest is not None
    incident.inverse_command = _inverse_command(plan)
    events.planned(incident, plan, verdict.reasons, alone=verdict.kind is VerdictKind.ACT)
    if verdict.kind is VerdictKind.ACT:
        return Go(plan, incident.plan_digest, auto=True, request=None, answers=())
    agreed = _agreed(incident, verdict)
    if agreed is not None:
        return agreed
    return await _ask(incident, plan, verdict, mode)


def _agreed(incident: Incident, verdict: Verdict) -> Go | None:
    """The yes that people gave already to this very plan, which then had to wait; None when it is not enough now."""
    go = incident.agreed
    if go is None or go.request is None or go.plan_digest != incident.plan_digest:
        return None
    if workflow.now() >= go.request.expires_at or not set(verdict.reasons) <= set(go.request.reasons):
        return None
    incident.taken, incident.answers = incident.agreed_by, go.answers
    incident.note("agreed to before it had to wait")
    return go


async def _ask(
    incident: Incident, plan: AnyPlan, verdict: Verdict, mode: Mode
) -> Go | Escalate | Skip | Declined | Again:
    request = _request(incident, plan, verdict)
    escalated = verdict.kind is VerdictKind.ESCALATE
    incident.acknowledged = None
    incident.enter(Phase.AWAITING_APPROVAL, f"waiting for a yes to: {plan.command}")
    answer_with = f"byteport approve {request.plan_digest}"
    ladder = asyncio.create_task(
        climb(incident, verdict.reasons, how_to_answer=answer_with, asked=request)
        if escalated
        else page(incident, verdict.reasons, rung=0, how_to_answer=answer_with, asked=request)
    )
    try:
        draft = incident.draft(
            Event.ESCALATED if escalated else Event.PLANNED,
            Decision.ESCALATED if escalated else Decision.DRY_RUN_PLANNED,
            Result.PENDING_APPROVAL,
            reasons=verdict.reasons,
        )
        await perform(RECORD, draft, cluster_uid=incident.cluster_uid)
        approval = await _start_approval(incident, request, auto_possible=mode is Mode.AUTO)
        return await _answer(incident, plan, request, approval, escalated=escalated)
    finally:
        ladder.cancel()


async def _start_approval(
    incident: Incident, request: ApprovalRequest, *, auto_possible: bool
) -> workflow.ChildWorkflowHandle[object, ApprovalClosed]:
    """Start the approval as a child. A late answer may hold its id for a few seconds while it is being refused."""
    start = AwaitApproval(installation=incident.start.installation, request=request, auto_possible=auto_possible)
    while True:
        try:
            return await workflow.start_child_workflow(
                APPROVAL,
                start,
                id=ids.approval_id(request.plan_digest),
                result_type=ApprovalClosed,
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                static_summary=f"Approve: {request.command}",
            )
        except WorkflowAlreadyStartedError:
            await workflow.sleep(timedelta(seconds=5), summary="an answer to an earlier request is being refused")


async def _answer(
    incident: Incident,
    plan: AnyPlan,
    request: ApprovalRequest,
    approval: workflow.ChildWorkflowHandle[object, ApprovalClosed],
    *,
    escalated: bool,
) -> Go | Escalate | Skip | Declined | Again:
    """Wait for the answer, a person who takes over, or the end of the trouble, whichever is first."""
    waits = Waits(incident, approval)
    while True:
        look_again = False
        try:
            await workflow.wait_condition(
                waits.over,
                timeout=timedelta(seconds=incident.the_policy.reread_seconds),
                timeout_summary="read the target again",
            )
        except TimeoutError:
            look_again = True
        answered = approval.done() or incident.acknowledged is not None
        if look_again or not answered:
            waits.looks()
            gone = await _changed(incident, plan)
            if gone is None:
                continue
            await _withdraw(approval, gone.reasons[0])
            return gone
        if not approval.done():
            await _withdraw(approval, Reason.CLOSED)
            return Declined((Reason.CLOSED,), escalated)
        try:
            closed = await approval
        except ChildWorkflowError as failure:
            if is_cancelled_exception(failure):
                raise asyncio.CancelledError from failure
            return Escalate((Reason.FAILED,))
        incident.taken, incident.answers = closed.taken, closed.answers
        return await _after(incident, plan, request, closed, escalated=escalated)


async def _withdraw(approval: workflow.ChildWorkflowHandle[object, ApprovalClosed], because: Reason) -> None:
    """Take the request back, and wait until that is recorded. An answer may have ended it a moment before."""
    with contextlib.suppress(ApplicationError, ChildWorkflowError):
        if not approval.done():
            await approval.signal(WITHDRAW, Withdraw(because=because))
        await approval


async def _after(
    incident: Incident, plan: AnyPlan, request: ApprovalRequest, closed: ApprovalClosed, *, escalated: bool
) -> Go | Escalate | Skip | Declined | Again:
    if closed.outcome is ApprovalOutcome.REJECTED:
        incident.note("rejected")
        return Declined((Reason.REJECTED,), escalated)
    if closed.outcome is ApprovalOutcome.APPROVED:
        incident.note("approved by " + ", ".join(sorted(taken.principal for taken in closed.taken)))
        changed = await _changed(incident, plan, settle=False)
        if changed is not None:
            return changed
        return Go(plan, request.plan_digest, auto=False, request=request, answers=closed.answers)
    incident.note(f"approval {closed.outcome.value}")
    return Escalate((closed.because or Reason.EXPIRED,))


async def _changed(incident: Incident, plan: AnyPlan, *, settle: bool = True) -> Skip | Again | None:
    """Read the target again: None while the plan is still for what is there."""
    try:
        seen = await look(incident, logs=False)
    except BytePortError:
        return None  # the act checks again, and fails closed
    if not seen.enabled:
        return Skip((not_enabled(seen, incident.the_signal.failure, plan.target),))
    if seen.situation.gone:
        return Skip((Reason.TARGET_GONE,))
    if seen.policy.version != incident.the_policy.version:
        return Again((Reason.TARGET_CHANGED,))
    assert incident.runbook is not None
    signal = called_over(incident.the_signal) if incident.alerts.errors_over else incident.the_signal
    recovered = partial(incident.runbook.recovered, signal, seen.situation)
    if answer_of(incident.runbook.name, recovered, otherwise=False):
        if not settle:
            return Skip((Reason.RECOVERED,))
        await workflow.sleep(timedelta(seconds=seen.policy.settle_seconds), summary="recovered; see whether it holds")
        return await _changed(incident, plan, settle=False)
    return Again((Reason.TARGET_CHANGED,)) if _other_target(plan, seen.situation) else None


def _other_target(plan: AnyPlan, situation: Situation) -> bool:
    """Whether what the plan's preconditions name is not there any more."""
    if isinstance(plan, RollbackPlan):
        rollout = situation.rollout
        return (
            rollout is None
            or situation.target.uid != plan.target.uid
            or rollout.template_digest != plan.from_template_digest
            or rollout.guard_digest != plan.guard_digest
        )
    if isinstance(plan, DeletePodPlan):
        return all(pod.uid != plan.pod.uid for pod in situation.pods)
    if isinstance(plan, PruneImagesPlan):
        node = situation.node
        return node is None or node.uid != plan.target.uid or node.helper is None or node.helper.uid != plan.helper.uid
    scaler = situation.scaling.autoscaler if situation.scaling is not None else None
    return (
        scaler is None
        or scaler.uid != plan.autoscaler_uid
        or scaler.rest_digest != plan.rest_digest
        or scaler.floor != plan.floor_from
    )


def _request(incident: Incident, plan: AnyPlan, verdict: Verdict) -> ApprovalRequest:
    signal, rule = incident.the_signal, incident.the_policy.approval_rule(incident.runbook_name)
    assert incident.plan_digest is not None
    return ApprovalRequest(
        tenant=incident.start.installation.tenant,
        cluster_uid=incident.cluster_uid,
        cluster_name=incident.start.installation.cluster_name,
        incident_id=incident.incident_id,
        remediation_id=incident.workflow_id,
        runbook=incident.runbook_name,
        signal_type=signal.type.value,
        signal_value=signal.value,
        target=incident.start.target.ref,
        plan=plan,
        policy_version=incident.the_policy.version,
        plan_digest=incident.plan_digest,
        command=plan.command,
        inverse_command=_inverse_command(plan),
        reasons=verdict.reasons,
        evidence=evidence_of(incident),
        requester=signal.reporter or AGENT,
        quorum=rule.quorum,
        approvers=rule.approvers,
        expires_at=workflow.now() + timedelta(seconds=rule.expires_after_seconds),
        least=rule.least,
    )


def _inverse_command(plan: AnyPlan) -> str | None:
    if isinstance(plan, RollbackPlan):
        return (
            f"kubectl rollout undo deployment/{plan.target.name} -n {plan.target.namespace} "
            f"--to-revision={plan.from_revision}"
        )
    return restore_of(plan).command if isinstance(plan, RaiseFloorPlan) else None


def _because(reasons: tuple[Reason, ...]) -> str:
    return f" ({', '.join(reason.value for reason in reasons)})" if reasons else ""

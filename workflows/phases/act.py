"""Permission to effect: reserve and record the intent, then the one call.

Comes after `gate.py`; `verify.py` is next. The reservation is one ledger transaction, and the grant that it returns is
what the cluster worker believes. No intent record, no action.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

from byteport.contracts.acts import Act
from byteport.contracts.kubernetes import (
    DELETE_POD,
    PRUNE_IMAGES,
    RAISE_FLOOR,
    RESOLVE_OUTCOME,
    RESTORE_FLOOR,
    ROLL_BACK,
    Mutated,
    MutatingCall,
    ResolveOutcome,
)
from byteport.contracts.ledger import (
    FINISH,
    RESERVE,
    AlreadyDone,
    Decision,
    Event,
    Finish,
    Granted,
    NotGranted,
    Reserve,
    Result,
)
from byteport.contracts.orchestration import START_TIMEBOX, StartTimebox
from byteport.contracts.workflows import Box, Phase
from byteport.domain.plans import (
    AnyPlan,
    DeletePodPlan,
    PruneImagesPlan,
    RaiseFloorPlan,
    RestoreFloorPlan,
    RollbackPlan,
    arguments_digest,
)
from byteport.domain.reasons import Reason
from byteport.domain.warrants import Grant, Warrant
from byteport.errors import (
    BudgetRefuses,
    BytePortError,
    NotPermitted,
    NotProved,
    PreconditionFailed,
    TargetGone,
    UnknownOutcome,
)
from temporalio import workflow

from workflows.incident import Incident
from workflows.perform import perform
from workflows.phases.outcomes import Acted, Again, Escalate, Go, Leased

Outcome = Literal["done", "not_done", "unknown"]

WAITS_FOR_LEASES = "wait-for-a-lease"
"""Runs from before it have escalated at once where another act held the workload."""

SKEW = timedelta(seconds=5)
"""How far the ledger's and the cluster worker's clocks may be apart."""


def act_of(plan: AnyPlan) -> Act[MutatingCall, Mutated]:
    """The one act that carries out such a plan."""
    match plan:
        case DeletePodPlan():
            return DELETE_POD
        case RollbackPlan():
            return ROLL_BACK
        case PruneImagesPlan():
            return PRUNE_IMAGES
        case RaiseFloorPlan():
            return RAISE_FLOOR
        case RestoreFloorPlan():
            return RESTORE_FLOOR


def lease_seconds(act: Act[MutatingCall, Mutated]) -> int:
    """A lease outlives every attempt and what precedes it: schedule-to-close, a client time-out, the clocks' difference."""
    assert act.schedule_to_close is not None
    before = START_TIMEBOX.schedule_to_close if act is RAISE_FLOOR else None
    return int((act.schedule_to_close + act.client_timeout + SKEW + (before or timedelta(0))).total_seconds())


async def act(incident: Incident, go: Go) -> Acted | Again | Escalate | Leased:
    """Carry out `go.plan` once. Whatever it comes to, the intent is ended by a record, or escalated as unknown.

    A call under way is waited for even when the run is cancelled, and its result then hides the cancellation: it is
    heeded here, with what is known of the call kept in `incident`.
    """
    outcome = await _act(incident, go)
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError
    return outcome


async def _act(incident: Incident, go: Go) -> Acted | Again | Escalate | Leased:
    chosen = act_of(go.plan)
    action_id = incident.take_action_id(go.plan_digest)
    incident.enter(Phase.REVERTING if go.inverse_of else Phase.ACTING, f"reserving: {go.plan.command}")
    reservation = await perform(
        RESERVE,
        Reserve(
            action_id=action_id,
            incident_id=incident.incident_id,
            plan=go.plan,
            plan_digest=go.plan_digest,
            arguments_digest=arguments_digest(go.plan),
            act=chosen.name,
            lease_key=incident.start.target.ref,
            lease_seconds=lease_seconds(chosen),
            auto=go.auto,
            answers=go.answers,
            request=go.request,
            inverse_of=go.inverse_of,
            intent=incident.draft(Event.STARTED, Decision.ACTED, None, plan=go.plan, action_id=action_id),
        ),
        cluster_uid=incident.cluster_uid,
    )
    match reservation.answer:
        case NotGranted(because=(Reason.TARGET_CHANGED,)):
            return Again((Reason.TARGET_CHANGED,))  # the policy is not the one that the plan was made under any more
        case NotGranted(because=because):
            if Reason.TARGET_LEASED in because and workflow.patched(WAITS_FOR_LEASES):
                return Leased(go)
            return Escalate(because)
        case AlreadyDone(outcome="done", at=at):
            incident.touched = True
            return Acted(go, action_id, at)
        case AlreadyDone():
            return Again((Reason.TARGET_CHANGED,))
        case Granted(grant=grant):
            pass
    incident.open_action, incident.open_outcome = action_id, "unknown"
    return await _granted(incident, go, action_id, grant)


async def _granted(incident: Incident, go: Go, action_id: str, grant: Grant) -> Acted | Again | Escalate:
    """The one call, by the ledger's grant."""
    if isinstance(go.plan, RaiseFloorPlan):
        try:
            await _start_timebox(incident, go.plan, go.plan_digest, action_id)
        except BytePortError as error:  # nothing is raised that nobody would take back
            return await _not_done(incident, go, action_id, Reason.FAILED, error)
    warrant = Warrant(
        tenant=incident.start.installation.tenant,
        incident_id=incident.incident_id,
        signal=incident.the_signal,
        plan=go.plan,
        plan_digest=go.plan_digest,
        policy_version=incident.the_policy.version,
        grant=grant,
        request=go.request,
        answers=go.answers,
        auto=go.auto,
        inverse_of=go.inverse_of,
    )
    try:
        mutated = await perform(
            act_of(go.plan), MutatingCall(warrant=warrant), cluster_uid=incident.cluster_uid, summary=go.plan.command
        )
    except (PreconditionFailed, TargetGone) as error:
        await _not_done(incident, go, action_id, Reason.TARGET_CHANGED, error)
        return Again((Reason.TARGET_CHANGED,))
    except BudgetRefuses as error:
        return await _not_done(incident, go, action_id, Reason.BUDGET_REFUSES, error)
    except NotPermitted as error:
        reason = Reason.PROOF_STALE if isinstance(error, NotProved) else Reason.NOT_PERMITTED
        return await _not_done(incident, go, action_id, reason, error)
    except UnknownOutcome:
        return await _resolve(incident, go, action_id, warrant)
    except BytePortError as error:
        return await _not_done(incident, go, action_id, Reason.FAILED, error)
    incident.open_outcome, incident.touched = "done", True
    incident.deed(("done before, found in place: " if mutated.already else "done: ") + go.plan.command)
    return Acted(go, action_id, mutated.at, mutated.available_before)


async def _start_timebox(incident: Incident, plan: RaiseFloorPlan, plan_digest: str, action_id: str) -> None:
    """Start what takes the floor back, or put off its end where it runs already; before the floor is raised."""
    box = Box(
        installation=incident.start.installation,
        incident_id=incident.incident_id,
        remediation_id=incident.workflow_id,
        runbook=incident.runbook_name,
        signal=incident.the_signal,
        plan=plan,
        plan_digest=plan_digest,
        policy_version=incident.the_policy.version,
        action_id=action_id,
    )
    started = await perform(START_TIMEBOX, StartTimebox(box=box), cluster_uid=incident.cluster_uid)
    incident.note(f"{started.workflow_id} will put the floor back")


async def _not_done(incident: Incident, go: Go, action_id: str, reason: Reason, error: BytePortError) -> Escalate:
    """Refused before the call: nothing was done. Why is told in the error's own words, which are ours."""
    incident.deed(f"not done: {error.message}")
    await finish(incident, go, action_id, "not_done", (reason,), note=error.message)
    return Escalate((reason,))


async def _resolve(incident: Incident, go: Go, action_id: str, warrant: Warrant) -> Acted | Escalate:
    """The call was sent and no answer came: read before anything else. What stays unknown is a person's."""
    incident.note("no answer to the call; reading the target again")
    try:
        outcome = await perform(RESOLVE_OUTCOME, ResolveOutcome(warrant=warrant), cluster_uid=incident.cluster_uid)
    except BytePortError:
        outcome = None
    if outcome is not None and outcome.applied:
        incident.open_outcome, incident.touched = "done", True
        incident.deed(f"done, though no answer came: {go.plan.command}")
        return Acted(go, action_id, outcome.at)
    if outcome is not None and outcome.applied is False:
        incident.deed(f"not done, no answer came: {go.plan.command}")
        await finish(incident, go, action_id, "not_done", (Reason.UNKNOWN_OUTCOME,))
    else:
        incident.touched = True
        incident.deed(f"nobody knows whether this was done: {go.plan.command}")
        await finish(incident, go, action_id, "unknown", (Reason.UNKNOWN_OUTCOME,))
    return Escalate((Reason.UNKNOWN_OUTCOME,))


async def finish(
    incident: Incident,
    go: Go,
    action_id: str,
    outcome: Outcome,
    reasons: tuple[Reason, ...],
    *,
    verified: bool | None = None,
    mttr_seconds: int | None = None,
    note: str | None = None,
) -> None:
    """End an intent: its record, and the lease given back (never on an unknown outcome)."""
    reverted = go.inverse_of is not None and outcome == "done"
    untold = Result.SUCCESS if reverted else Result.FAILURE if outcome == "not_done" else None
    result = {True: Result.SUCCESS, False: Result.FAILURE, None: untold}
    event = Event.REVERTED if reverted else Event.FINISHED
    draft = incident.draft(
        event,
        Decision.ACTED,
        result[verified],
        reasons=reasons,
        plan=go.plan,
        action_id=action_id,
        mttr_seconds=mttr_seconds,
        note=note,
    )
    await perform(
        FINISH,
        Finish(action_id=action_id, outcome=outcome, verified=verified, record=draft),
        cluster_uid=incident.cluster_uid,
    )
    if incident.open_action == action_id:
        incident.open_action = None

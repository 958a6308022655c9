"""The end: the last record, the notice of what was done, and the watch over whether it holds.

Comes last. After the last look into the inbox nothing is awaited before the return: a symptom is folded into this
incident, or opens the next one, and is never lost between the two.
"""

from __future__ import annotations

import asyncio

from byteport.contracts.ledger import RECORD, Decision, Event, Result
from byteport.contracts.people import Ending
from byteport.contracts.workflows import REOBSERVE, Closed, Phase, Remediate, Reobserve
from byteport.domain import ids
from byteport.domain.reasons import Reason
from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

from workflows.incident import Incident
from workflows.perform import perform
from workflows.phases.escalate import ON_TIME, TOLD_WHOLE, page, tell_the_end

LONGEST_REPAIRED = 300
"""Seconds that channels which are down may hold up the end of a run, and with it the next incident of the same target."""


async def close_skipped(incident: Incident, reasons: tuple[Reason, ...]) -> None:
    """One `skipped` record per run that ends in silence."""
    incident.decision, incident.result, incident.reasons = Decision.SKIPPED, None, reasons
    await perform(
        RECORD,
        incident.draft(Event.SKIPPED, Decision.SKIPPED, None, reasons=reasons),
        cluster_uid=incident.cluster_uid,
    )
    await tell_the_end(incident, Ending.OVER, f"Nothing is left to do about {incident.start.target.ref}", reasons)


async def close_verified(incident: Incident) -> None:
    """Tell what was done, and look again after an hour and a day in a run of its own."""
    incident.decision, incident.result = Decision.ACTED, Result.SUCCESS
    repaired = f"Repaired {incident.start.target.ref}"
    if incident.told and workflow.patched(TOLD_WHOLE):
        await tell_the_end(incident, Ending.OVER, repaired)
    else:
        await _tell_repaired(incident, repaired)
    after = incident.start.reobserve_after_seconds
    if not after:
        return
    try:
        await workflow.start_child_workflow(
            REOBSERVE,
            Reobserve(
                installation=incident.start.installation,
                incident_id=incident.incident_id,
                signal=incident.the_signal,
                runbook=incident.runbook_name,
                since=workflow.now(),
                after_seconds=after,
            ),
            id=ids.reobserve_id(incident.incident_id),
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=f"Does the repair of {incident.start.target.ref} hold?",
        )
    except WorkflowAlreadyStartedError:
        incident.note("already being looked at again")


async def _tell_repaired(incident: Incident, repaired: str) -> None:
    telling = page(incident, (), rung=0, how_to_answer=None, title=repaired)
    if not workflow.patched(ON_TIME):
        await telling
        return
    try:
        async with asyncio.timeout(LONGEST_REPAIRED):
            await telling
    except TimeoutError:
        incident.note("that it is repaired could not be told")


def ended(incident: Incident) -> Closed:
    """Decide: from here on, symptoms go to the next incident."""
    incident.decided = True
    incident.enter(Phase.CLOSED, "closed")
    return Closed(
        incident_id=incident.incident_id,
        decision=incident.decision or Decision.SKIPPED,
        result=incident.result,
        cause=incident.diagnosis.cause if incident.diagnosis else None,
        reasons=incident.reasons,
        mttr_seconds=incident.mttr_seconds,
        reports=incident.reports,
    )


def next_incident(incident: Incident) -> Remediate:
    """The input of the incident that the inbox opens: its own number, the same action index going on."""
    return incident.start.model_copy(
        update={
            "incident_no": incident.start.incident_no + 1,
            "next_action": incident.next_action,
            "inbox": tuple(incident.next_inbox),
            "fires": incident.alerts.carried(),
            "seen": tuple(digest for digest in incident.seen if digest not in _digests(incident)),
        }
    )


def _digests(incident: Incident) -> set[str]:
    return {signal.evidence_digest for signal in incident.next_inbox}

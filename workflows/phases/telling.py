"""A closed incident told for whoever reads of it later: its facts are put together, and a run of its own files them.

Comes after everything else of a remediation, and before `workflows/postmortem.py`, an abandoned child: an issue tracker that is down
keeps no remediation open. Only where the run's input asks for it, so that nothing of this is in any other run.
"""

from __future__ import annotations

from byteport.contracts.ledger import Decision, Event
from byteport.contracts.postmortems import POSTMORTEM, WritePostmortem
from byteport.domain import ids
from byteport.domain.postmortems import MOST_FACTS, MOST_STEPS, Postmortem, Step, in_each_mode
from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

from workflows.incident import Incident


async def file_postmortem(incident: Incident) -> None:
    """Start the run that files it. After a reset it is there already, and files nothing twice."""
    if not incident.start.postmortem:
        return
    call = WritePostmortem(
        told=told(incident),
        record=incident.draft(
            Event.REOBSERVED,
            incident.decision or Decision.SKIPPED,
            None,
            reasons=incident.reasons,
            mttr_seconds=incident.mttr_seconds,
        ).model_copy(update={"key": f"{incident.incident_id}:postmortem"}),
    )
    try:
        await workflow.start_child_workflow(
            POSTMORTEM,
            call,
            id=ids.postmortem_id(incident.incident_id),
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=f"Postmortem of {incident.start.target.ref}",
        )
    except WorkflowAlreadyStartedError:
        incident.note("its postmortem is being filed already")


def told(incident: Incident) -> Postmortem:
    """What is known of it, as it closes."""
    signal, diagnosis, where = incident.the_signal, incident.diagnosis, incident.start.installation
    result, by = incident.result, incident.acknowledged
    return Postmortem(
        tenant=where.tenant,
        cluster_uid=where.cluster_uid,
        cluster=where.cluster_name,
        incident_id=incident.incident_id,
        workflow_id=incident.workflow_id,
        target=incident.start.target.ref,
        runbook=incident.runbook_name,
        signal_type=signal.type.value,
        signal_value=signal.value,
        threshold=signal.threshold,
        reports=incident.reports,
        opened_at=incident.opened_at or workflow.now(),
        closed_at=workflow.now(),
        cause=diagnosis.cause.value if diagnosis else None,
        culprit=diagnosis.culprit if diagnosis else None,
        facts=diagnosis.facts[:MOST_FACTS] if diagnosis else (),
        verdict=incident.verdict.kind if incident.verdict else None,
        reasons=incident.reasons,
        decision=(incident.decision or Decision.SKIPPED).value,
        result=result.value if result else None,
        mttr_seconds=incident.mttr_seconds,
        command=incident.plan.command if incident.plan else None,
        inverse_command=incident.inverse_command,
        tried=incident.deeds,
        approvers=tuple(sorted({taken.principal for taken in incident.taken})),
        taken_over_by=by.by if by else None,
        modes=in_each_mode(incident.judged, incident.the_policy) if incident.judged else (),
        steps=tuple(Step(at=moment.at, what=moment.what) for moment in incident.timeline[-MOST_STEPS:]),
    )

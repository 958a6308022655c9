"""Tell people, and stop: page rung after rung until somebody acknowledges.

`gate.py` climbs while a plan with caveats waits for its yes; `remediation.py` escalates what has no plan.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from byteport.contracts.ledger import RECORD, Decision, Event, Result
from byteport.contracts.people import NOTIFY, Ending, Notice
from byteport.contracts.workflows import Phase
from byteport.domain.approvals import ApprovalRequest
from byteport.domain.plans import DeletePodPlan
from byteport.domain.reasons import Reason
from byteport.errors import BytePortError
from temporalio import workflow

from workflows.incident import Incident
from workflows.perform import perform
from workflows.phases.outcomes import Afresh, Escalate, Passed, Taken
from workflows.phases.passing import until_it_ends
from workflows.phases.storm_hold import sit_out

MOST_EVIDENCE = 20


TRIED_APART = "tried-apart"
"""From here on a notice tells what was tried apart from what was seen."""
TOLD_WHOLE = "told-whole"
"""From here on a notice tells the symptom, since when, on how many facts its cause rests and which plan waits until when; and
whoever was told of an incident hears of its end."""
ON_TIME = "rungs-on-time"
"""From here on a rung that cannot be told takes its own time and none of the next one's."""
TOLD_AGAIN = "told-again"
"""From here on a notice of what came back says that it did, and after which incident."""
LONGEST_ENDING = 60
"""Seconds that channels which are down may hold up the end of a run."""


def evidence_of(incident: Incident) -> tuple[str, ...]:
    """What was seen, and what was done so far: numbers, names and commands, for people."""
    return (*seen(incident), *incident.deeds)


def seen(incident: Incident) -> tuple[str, ...]:
    """The facts as `about: name = value`, and the plan's own notes."""
    facts = incident.diagnosis.facts if incident.diagnosis else ()
    told = tuple(f"{fact.about}: {fact.name} = {fact.value}" for fact in facts[:MOST_EVIDENCE])
    plan = incident.plan
    notes = () if plan is None or isinstance(plan, DeletePodPlan) else plan.notes
    return (*told, *(f"note: {note.value}" for note in notes))


async def page(
    incident: Incident,
    reasons: tuple[Reason, ...],
    *,
    rung: int,
    how_to_answer: str | None,
    title: str | None = None,
    asked: ApprovalRequest | None = None,
) -> None:
    """One notice. Channels that are down do not stop the incident: the next rung is tried, in its time."""
    key = f"{incident.incident_id}:{incident.phase.value}:{rung}:{incident.next_action}"
    key += f":{incident.anew}" if incident.anew else ""
    told = _notice(incident, key, reasons, rung=rung, how_to_answer=how_to_answer, title=title)
    if workflow.patched(TOLD_WHOLE):
        told = told.model_copy(update=_whole(incident, asked))
    incident.told = True
    try:
        await perform(NOTIFY, told, cluster_uid=incident.cluster_uid, summary=f"Tell people (rung {rung})")
    except BytePortError:
        incident.note(f"rung {rung} could not be reached")


async def tell_the_end(incident: Incident, ending: Ending, title: str, reasons: tuple[Reason, ...] = ()) -> None:
    """Whoever was told of the incident hears of its end, in a minute or not at all: a run ends without its channels."""
    if not incident.told or not workflow.patched(TOLD_WHOLE):
        return
    key = f"{incident.incident_id}:{ending.value}"
    told = _notice(incident, key, reasons, rung=0, how_to_answer=None, title=title)
    told = told.model_copy(update={**_whole(incident, None), "ending": ending})
    try:
        async with asyncio.timeout(LONGEST_ENDING):
            await perform(NOTIFY, told, cluster_uid=incident.cluster_uid, summary=f"Tell people: {ending.value}")
    except (BytePortError, TimeoutError):
        incident.note("the end could not be told")


def _notice(
    incident: Incident,
    key: str,
    reasons: tuple[Reason, ...],
    *,
    rung: int,
    how_to_answer: str | None,
    title: str | None,
) -> Notice:
    diagnosis = incident.diagnosis
    apart = workflow.patched(TRIED_APART)
    return Notice(
        key=key,
        incident_id=incident.incident_id,
        workflow_id=incident.workflow_id,
        cluster=incident.start.installation.cluster_name,
        rung=rung,
        title=title or f"{incident.the_signal.type.value} on {incident.start.target.ref}",
        runbook=incident.runbook_name,
        target=incident.start.target.ref,
        cause=(diagnosis.cause.value if diagnosis else "unknown")
        + (f": {diagnosis.culprit}" if diagnosis and diagnosis.culprit else ""),
        reasons=reasons,
        evidence=seen(incident) if apart else evidence_of(incident),
        tried=incident.deeds if apart else (),
        command=incident.plan.command if incident.plan else None,
        inverse_command=incident.inverse_command,
        how_to_answer=how_to_answer,
        at=workflow.now(),
    )


def _whole(incident: Incident, asked: ApprovalRequest | None) -> dict[str, object]:
    """What a notice says besides, so that it is enough to decide by."""
    signal, diagnosis = incident.the_signal, incident.diagnosis
    times = "once" if incident.reports == 1 else f"{incident.reports} times"
    again = ""
    if signal.recurrence_of is not None and workflow.patched(TOLD_AGAIN):
        again = f"; the repair of {signal.recurrence_of} did not hold, and it is broken again"
    return {
        "since": incident.opened_at,
        "symptom": f"{signal.type.value} = {signal.value:g} (threshold {signal.threshold:g}), reported {times}{again}",
        "facts": len(diagnosis.facts) if diagnosis else None,
        "plan_digest": asked.plan_digest if asked else None,
        "answer_by": asked.expires_at if asked else None,
    }


async def climb(
    incident: Incident, reasons: tuple[Reason, ...], *, how_to_answer: str, asked: ApprovalRequest | None = None
) -> None:
    """Page the first rung, then the next whenever one has had its time, until somebody acknowledges.

    In a storm nobody is paged before it is over. Ends after the last rung; whoever waits, waits on.
    """
    incident.heard = None  # whoever was at it before was at something else
    await sit_out(incident)
    if incident.passed or incident.acknowledged is not None:
        return
    rungs = incident.start.ladder.rung_seconds
    for rung, seconds in enumerate((*rungs, None), start=1):
        left = await _page_in_time(incident, reasons, rung, seconds, how_to_answer, asked)
        incident.note(f"paged rung {rung}")
        if left is None:
            return
        try:
            await workflow.wait_condition(
                lambda: incident.acknowledged is not None or incident.heard is not None,
                timeout=left,
                timeout_summary=f"rung {rung} has not answered yet",
            )
        except TimeoutError:
            continue
        return


async def _page_in_time(
    incident: Incident,
    reasons: tuple[Reason, ...],
    rung: int,
    seconds: int | None,
    how_to_answer: str,
    asked: ApprovalRequest | None,
) -> timedelta | None:
    """What is left of the rung's `seconds` once its channels have been told, or have taken all of them; None for the last rung."""
    telling = page(incident, reasons, rung=rung, how_to_answer=how_to_answer, asked=asked)
    if seconds is None or not workflow.patched(ON_TIME):
        await telling
        return None if seconds is None else timedelta(seconds=seconds)
    until = workflow.now() + timedelta(seconds=seconds)
    try:
        async with asyncio.timeout(seconds):
            await telling
    except TimeoutError:
        incident.note(f"rung {rung} could not be reached in its time")
    return max(until - workflow.now(), timedelta(seconds=1))  # whoever has answered meanwhile is heard


async def escalate(incident: Incident, outcome: Escalate, *, result: Result | None) -> Taken | Passed | Afresh:
    """Page, record the escalation, and wait until somebody acknowledges, or it is over. Symptoms fold into it until then.

    The page does not wait for the record: a ledger that is down must not keep people from hearing of it.
    """
    incident.reasons, incident.acknowledged = outcome.reasons, None  # whoever took over before knew nothing of this
    incident.enter(Phase.ESCALATED, "escalated: " + ", ".join(reason.value for reason in outcome.reasons))
    how = f"byteport ack {incident.workflow_id}"
    ladder = asyncio.create_task(climb(incident, outcome.reasons, how_to_answer=how))
    try:
        draft = incident.draft(Event.ESCALATED, Decision.ESCALATED, result, reasons=outcome.reasons)
        await perform(RECORD, draft, cluster_uid=incident.cluster_uid)
        ended = await until_it_ends(incident)
        incident.decided = not isinstance(ended, Afresh)
        if incident.passed and incident.acknowledged is None:
            await _record_passed(incident)
    finally:
        ladder.cancel()
    if isinstance(ended, Passed):
        await _record_over(incident, ended)
    return ended


async def _record_over(incident: Incident, passed: Passed) -> None:
    """Its alerts called it over, and so does the cluster: nobody has to take it over, and whoever was paged hears that."""
    incident.reasons = (passed.reason,)
    incident.note(f"over by itself: {passed.reason.value}")
    draft = incident.draft(Event.SKIPPED, Decision.ESCALATED, incident.result, reasons=incident.reasons)
    await perform(RECORD, draft, cluster_uid=incident.cluster_uid)
    await tell_the_end(incident, Ending.OVER, f"Over by itself: {incident.start.target.ref}", incident.reasons)


async def _record_passed(incident: Incident) -> None:
    """The trouble went with the storm it was part of: nobody was paged for it alone, and the record says so."""
    reasons = (Reason.STORM, Reason.RECOVERED)
    draft = incident.draft(Event.SKIPPED, Decision.ESCALATED, incident.result, reasons=reasons)
    await perform(RECORD, draft, cluster_uid=incident.cluster_uid)
    await tell_the_end(incident, Ending.OVER, f"Went with the storm: {incident.start.target.ref}", reasons)


async def record_declined(incident: Incident) -> None:
    """Who took it over, where somebody has; whoever said no to the plan is on record already, and has it too."""
    if incident.acknowledged is not None:
        await record_acknowledgement(incident)
    else:
        said = f"A person said no to the plan for {incident.start.target.ref}"
        await tell_the_end(incident, Ending.TAKEN_OVER, said, incident.reasons)


async def record_acknowledgement(incident: Incident) -> None:
    """Who took it over, as a record of its own."""
    acknowledged = incident.acknowledged
    if acknowledged is None:
        return
    incident.note(f"acknowledged by {acknowledged.by}")
    draft = incident.draft(
        Event.ACKNOWLEDGED,
        Decision.ESCALATED,
        incident.result,
        reasons=incident.reasons,
        note=acknowledged.note or None,
    )
    await perform(RECORD, draft.model_copy(update={"approver": acknowledged.by}), cluster_uid=incident.cluster_uid)
    await tell_the_end(
        incident, Ending.TAKEN_OVER, f"{acknowledged.by} has taken over {incident.start.target.ref}", incident.reasons
    )

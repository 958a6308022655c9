"""What people are told of alerts that nobody here treats, and what Temporal UI shows. Comes with `workflows/alerts.py`."""

from __future__ import annotations

from byteport.contracts.alerts import AlertsState, Untreated
from byteport.contracts.people import Notice
from byteport.contracts.symptoms import Subject
from byteport.contracts.workflows import Installation
from byteport.domain.canonical import digest
from byteport.domain.reasons import Reason
from temporalio import workflow

NONE = "none"


def of_untreated(ours: Installation, untreated: Untreated) -> Notice:
    """One page: which alert, about what, and how many others of its group follow from it."""
    about = named(untreated.subject)
    echoes = (f"alerts of the same group that follow from it: {untreated.echoes}",) if untreated.echoes else ()
    return _notice(
        ours,
        key=digest([untreated.evidence_digest, workflow.now().isoformat()]),
        title=f"Alert {untreated.alert} on {about}",
        target=about,
        evidence=("no runbook treats it; nothing was done", *echoes),
    )


def of_left_out(ours: Installation, count: int) -> Notice:
    """One page an hour, however many alerts there are."""
    return _notice(
        ours,
        key=digest(["left out", workflow.info().workflow_id, workflow.now().isoformat()]),
        title=f"A storm of alerts: {count} were not looked at",
        target=ours.cluster_name,
        evidence=("more came than are looked at; what the watch sees by itself is treated as ever",),
    )


def details(state: AlertsState) -> str:
    """For Temporal UI."""
    fates = ", ".join(f"{count} {fate}" for fate, count in sorted(state.fates.items())) or "none yet"
    return f"looked at since this run began: {fates}; waiting: {state.waiting}; left out: {state.left_out}"


def named(subject: Subject) -> str:
    """As a target's `ref`; a machine by its provider's id."""
    return "/".join(part for part in (subject.namespace, subject.kind, subject.name or subject.provider_id) if part)


def _notice(ours: Installation, *, key: str, title: str, target: str, evidence: tuple[str, ...]) -> Notice:
    return Notice(
        key=f"alerts:{key}",
        incident_id=f"alerts-{key[:24]}",
        workflow_id=workflow.info().workflow_id,
        cluster=ours.cluster_name,
        rung=1,
        title=title,
        runbook=NONE,
        target=target,
        cause="alert",
        reasons=(Reason.NO_RUNBOOK,),
        evidence=evidence,
        command=None,
        inverse_command=None,
        how_to_answer=None,
        at=workflow.now(),
    )

"""What Temporal UI shows of a remediation: search attributes to find it by, and details to understand it by.

An upsert of search attributes is an event of the history, so each call here is versioned code; details are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from byteport.contracts.workflows import Phase
from byteport.temporal import attributes
from temporalio import workflow

if TYPE_CHECKING:
    from workflows.incident import Incident

MOST_LINES = 12
LOOKED_FOR = frozenset({Phase.AWAITING_APPROVAL, Phase.ESCALATED})
"""Phases that people look for; the others pass too fast to be worth an event of their own."""


def open_run(incident: Incident) -> None:
    """Say once whose run this is, and take back how the incident before it ended."""
    target = incident.start.target
    workflow.upsert_search_attributes(
        [
            attributes.CLUSTER.value_set(incident.start.installation.cluster_name),
            attributes.NAMESPACE.value_set(target.namespace),
            attributes.TARGET.value_set(target.ref),
            attributes.RUNBOOK.value_set(incident.runbook_name),
            attributes.PHASE.value_set(incident.phase.value),
            attributes.DECISION.value_unset(),
            attributes.MTTR_SECONDS.value_unset(),
        ]
    )


def close_run(incident: Incident) -> None:
    """Say how it ended."""
    updates = [attributes.PHASE.value_set(incident.phase.value)]
    if incident.decision is not None:
        updates.append(attributes.DECISION.value_set(incident.decision.value))
    workflow.upsert_search_attributes(updates)
    if incident.mttr_seconds is not None:
        workflow.upsert_search_attributes([attributes.MTTR_SECONDS.value_set(incident.mttr_seconds)])


def phase_changed(incident: Incident) -> None:
    """A run that waits or is escalated now, or was until now."""
    workflow.upsert_search_attributes([attributes.PHASE.value_set(incident.phase.value)])


def show(incident: Incident) -> None:
    """The details in Markdown: what was seen, what is planned, how to answer, and the last moments."""
    workflow.set_current_details("\n".join(_lines(incident)))


def _lines(incident: Incident) -> list[str]:
    signal, diagnosis = incident.signal, incident.diagnosis
    lines = [f"### {incident.start.target.ref}: {said(incident.phase.value)}", ""]
    if signal is not None:
        beyond = f" (threshold {signal.threshold:g})" if signal.threshold else ""
        lines.append(f"- **Seen**: {said(signal.type.value)} {signal.value:g}{beyond}, {incident.reports} report(s)")
    if diagnosis is not None:
        culprit = f" ({diagnosis.culprit})" if diagnosis.culprit else ""
        lines.append(f"- **Cause**: {said(diagnosis.cause.value)}{culprit}")
    if incident.plan is not None:
        lines.append(f"- **Plan**: `{incident.plan.command}`")
    if incident.inverse_command is not None:
        lines.append(f"- **Inverse**: `{incident.inverse_command}`")
    if incident.verdict is not None:
        lines.append(f"- **Verdict**: {said(incident.verdict.kind.value)}")
    if incident.reasons:
        lines.append("- **Because**: " + ", ".join(said(reason.value) for reason in incident.reasons))
    if incident.phase is Phase.AWAITING_APPROVAL:
        lines.append(f"- **To approve**: `byteport approve {incident.plan_digest}`")
    if incident.phase is Phase.ESCALATED:
        lines.append(f"- **To take over**: `byteport ack {incident.workflow_id}`")
    if diagnosis is not None:
        lines += ["", "#### Evidence", ""]
        lines += [f"- {fact.about}: {said(fact.name)} = {fact.value}" for fact in diagnosis.facts[:MOST_LINES]]
    lines += ["", "#### Timeline", "", "| time | |", "|---|---|"]
    lines += [f"| {moment.at:%H:%M:%S} | {moment.what} |" for moment in incident.timeline[-MOST_LINES:]]
    return lines


def said(word: str) -> str:
    """A stable word as people read it; Markdown would take its underscores for emphasis."""
    return word.replace("_", " ")

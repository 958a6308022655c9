"""What a monitoring system hears of incidents, from the runs themselves. Nothing decides by it, and nothing of it is in a history.

Temporal's meter says nothing while a run replays, so that each thing is counted once; a workflow task that failed half-way may be
counted again. The metrics are those of `byteport/contracts/metrics.py`, and their labels words of ours alone.
"""

from __future__ import annotations

from typing import assert_never

from byteport.contracts.ledger import Decision, Result
from byteport.contracts.metrics import DID_NOT_HOLD, MTTR, NONE, REFUSALS, REMEDIATIONS, SYMPTOMS, Fate, Metric
from byteport.domain.reasons import Reason
from byteport.domain.signals import Source
from temporalio import workflow

from workflows.incident import Incident
from workflows.phases.outcomes import Declined, Escalate, HandOver, Skip, Verified


def heard(source: Source, fate: Fate) -> None:
    """A symptom, or the end of an alert, reached a remediation."""
    _count(SYMPTOMS, {"source": source.value, "fate": fate.value})


def decided(incident: Incident, outcome: Skip | HandOver | Verified | Declined | Escalate) -> None:
    """The outcome of an incident stands; an escalated one counts before anybody has taken it over."""
    runbook = incident.runbook_name
    match outcome:
        case Verified(mttr_seconds=seconds):
            _counted(runbook, Decision.ACTED, Result.SUCCESS, ())
            meter = workflow.metric_meter().create_histogram(MTTR.name, MTTR.help, MTTR.unit)
            meter.record(seconds, {"runbook": runbook})
        case Skip(reasons=reasons) | HandOver(reasons=reasons):
            _counted(runbook, Decision.SKIPPED, None, reasons)
        case Declined(reasons=reasons, escalated=escalated):
            decision = Decision.ESCALATED if escalated else Decision.DRY_RUN_PLANNED
            _counted(runbook, decision, incident.result, reasons)
        case Escalate(reasons=reasons):
            _counted(runbook, Decision.ESCALATED, incident.result, reasons)
        case never:
            assert_never(never)


def cancelled(incident: Incident) -> None:
    """Somebody cancelled the run. What had been decided before has been counted."""
    if incident.decision is None:
        _counted(incident.runbook_name, Decision.ESCALATED, incident.result, (Reason.CANCELLED,))


def did_not_hold(runbook: str) -> None:
    """A repair that had been verified is broken again."""
    _count(DID_NOT_HOLD, {"runbook": runbook})


def _counted(runbook: str, decision: Decision, result: Result | None, reasons: tuple[Reason, ...]) -> None:
    ended = {"runbook": runbook, "decision": decision.value, "result": result.value if result else NONE}
    _count(REMEDIATIONS, ended)
    for reason in dict.fromkeys(reasons):
        _count(REFUSALS, {"runbook": runbook, "reason": reason.value})


def _count(metric: Metric, labels: dict[str, str]) -> None:
    workflow.metric_meter().create_counter(metric.name, metric.help, metric.unit).add(1, labels)

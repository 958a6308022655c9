"""What an export says: its page, and what Temporal UI shows of it. Comes with `workflows/export.py`."""

from __future__ import annotations

from byteport.contracts.export import Export, ExportState, Obstacle, Shipment, Trouble
from byteport.contracts.people import Ending, Notice
from temporalio import workflow

from workflows.phases.escalate import TOLD_WHOLE

NONE = "none"
MEANINGS = {
    Trouble.THROTTLED: "the receiver asks to be left alone for a while",
    Trouble.UNAVAILABLE: "the receiver, or the worker of queue `export`, does not answer",
    Trouble.NOT_PERMITTED: "the receiver refuses us; the worker's log names the right or the certificate",
    Trouble.MISCONFIGURED: "a setting is wrong",
    Trouble.OCCUPIED: "somebody else has written where the log is written: keep what lies there as evidence",
    Trouble.LOG_FAULTY: "the log itself has no record where there must be one; byteport verify-log --all names it",
    Trouble.UNKNOWN: "a mistake of ours; the worker's log has it",
}


def notice(start: Export, state: ExportState, rung: int) -> Notice:
    """The one page for an outage, or the notice that it is over."""
    info, target = workflow.info(), start.target.value
    since = state.failing_since
    began = f"{since:%Y%m%dT%H%M%S}" if since is not None else NONE
    obstacle = state.obstacle
    title = f"The audit log does not reach {target}" if rung else f"The audit log reaches {target} again"
    return Notice(
        key=f"export:{info.first_execution_run_id}:{began}:{rung}",
        incident_id=f"export-{target}-{began}",
        workflow_id=info.workflow_id,
        cluster=start.installation.cluster_name,
        rung=rung,
        title=title,
        runbook=NONE,
        target=start.installation.cluster_name,
        cause="export_failing",
        reasons=(),
        evidence=tuple(_evidence(state, obstacle)),
        command=None,
        inverse_command=None,
        how_to_answer="byteport export status" if rung else None,
        at=workflow.now(),
        ending=Ending.OVER if not rung and workflow.patched(TOLD_WHOLE) else None,
    )


def _evidence(state: ExportState, obstacle: Obstacle | None) -> list[str]:
    lines = [f"records that it does not hold: {state.lag_records}"]
    if state.failing_since is not None:
        lines.append(f"failing since: {state.failing_since:%Y-%m-%d %H:%M:%S} UTC")
    if obstacle is not None:
        lines.append(f"{obstacle.trouble.value}: {MEANINGS[obstacle.trouble]}")
        lines += [f"look at: {obstacle.named}"] if obstacle.named else []
        lines.append("nothing is lost: it is tried again, and nothing that it does not hold is pruned")
    return lines


def details(state: ExportState) -> str:
    """Markdown for Temporal UI."""
    lines = [f"### The log to {state.target.value}", "", f"- **Holds**: {state.seq} of {state.head} records"]
    if state.lag_records:
        lines.append(f"- **Behind**: {state.lag_records} record(s), the oldest {state.lag_seconds:.0f} s old")
    if state.obstacle is not None:
        named = f" (`{state.obstacle.named}`)" if state.obstacle.named else ""
        lines.append(f"- **In the way**: {state.obstacle.trouble.value}{named}: {MEANINGS[state.obstacle.trouble]}")
    if state.failing_since is not None:
        lines.append(f"- **Since**: {state.failing_since:%Y-%m-%d %H:%M:%S} UTC")
    if state.again_at is not None:
        lines.append(f"- **Again**: {state.again_at:%Y-%m-%d %H:%M:%S} UTC")
    return "\n".join(lines)


def why(last: Shipment) -> str:
    """What a timer waits for."""
    if last.obstacle is not None:
        return f"to be tried again: {last.obstacle.trouble.value}"
    return "until the hour is closed" if last.due is not None else "the next look at the log"

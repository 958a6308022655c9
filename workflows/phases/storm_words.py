"""What a storm says: its page, its records, and what Temporal UI shows of it. Comes with `workflows/storm.py`."""

from __future__ import annotations

from collections.abc import Iterable

from byteport.contracts.ledger import Decision, Event, RecordDraft
from byteport.contracts.people import Notice
from byteport.contracts.workflows import Acknowledge, Installation, StormState, Trouble
from byteport.domain.reasons import Reason
from byteport.domain.storms import Tally
from temporalio import workflow

MOST_KNOWN = 2000
"""Troubles that are remembered; with more, the oldest are forgotten. By then there is a storm in any case."""
MOST_CARRIED_BYTES = 1_000_000
"""Of one message to itself; Temporal takes two million."""
NONE = "none"


def key_of(trouble: Trouble) -> str:
    """One per target and failure."""
    return f"{trouble.target.ref}:{trouble.failure.value}"


def carried(troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """The newest that fit into one payload, oldest first."""
    kept: list[Trouble] = []
    size = 0
    for trouble in reversed(list(troubles)):
        size += len(trouble.model_dump_json())
        if size > MOST_CARRIED_BYTES:
            break
        kept.append(trouble)
    return tuple(reversed(kept))


def notice(ours: Installation, number: str, rung: int, seen: Tally, of: int | None) -> Notice:
    """One page for all."""
    return Notice(
        key=f"storm:{number}:{rung}",
        incident_id=f"storm-{number}",
        workflow_id=workflow.info().workflow_id,
        cluster=ours.cluster_name,
        rung=rung,
        title=f"Storm: {_counted(seen.targets, of)} in trouble" + (f" ({seen.says()})" if seen.factor else ""),
        runbook=NONE,
        target=seen.factor or ours.cluster_name,
        cause="storm",
        reasons=(Reason.STORM,),
        evidence=(
            f"targets in trouble: {_counted(seen.targets, of)}",
            f"largest common factor: {seen.says() or 'none'}",
            "nothing is done alone until it is over; no remediation pages by itself",
        ),
        command=None,
        inverse_command=None,
        how_to_answer="byteport ack storm",
        at=workflow.now(),
    )


def acknowledgement(ours: Installation, number: str, by: Acknowledge) -> RecordDraft:
    """Who took the storm over."""
    return RecordDraft(
        key=f"storm:{number}:acknowledged",
        cluster=ours.cluster_name,
        cluster_uid=ours.cluster_uid,
        tenant=ours.tenant,
        event=Event.ACKNOWLEDGED,
        decision=Decision.ESCALATED,
        result=None,
        incident_id=f"storm-{number}",
        workflow_id=workflow.info().workflow_id,
        runbook=NONE,
        signal_type=NONE,
        signal_value=0,
        target=NONE,
        reasons=(Reason.STORM,),
        approver=by.by,
        note=by.note or None,
    )


def details(state: StormState, by: Acknowledge | None) -> str:
    """Markdown for Temporal UI."""
    lines = [f"### {'A storm is on' if state.on else 'No storm'}", ""]
    lines.append(f"- **In trouble**: {_counted(state.in_trouble, state.of)}")
    if state.factor:
        lines.append(f"- **Largest common factor**: {state.factor}")
    if state.on and state.since is not None:
        lines.append(f"- **Since**: {state.since:%Y-%m-%d %H:%M:%S} UTC; `auto` is paused")
        lines.append(f"- **Taken over by**: {by.by}" if by else "- **To take over**: `byteport ack storm`")
    return "\n".join(lines)


def _counted(targets: int, of: int | None) -> str:
    return f"{targets} of {of} targets" if of else f"{targets} targets"

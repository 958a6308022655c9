"""Records that are about the agent itself, not about one target: its switch, alarms, storms, and its policy.

Each is written by what it records, in the transaction that makes it so.
"""

from __future__ import annotations

from byteport.contracts.ledger import Decision, Event, RecordDraft
from byteport.contracts.workflows import Installation
from byteport.ledger.store import Transaction

AGENT_WIDE = "none"
"""Runbook, signal and target of a record that is about the agent itself."""
AGENT = "byteport-agent"
"""By whom something is that nobody but a run of ours has wanted."""
LONGEST_WORDS = 1000


def shortened(words: str) -> str:
    """What a person gave as name or reason. A halt or an alarm is never refused for its words.

    Too long, they are cut; what a terminal of another encoding sent is no Unicode, and becomes question marks.
    """
    words = words.encode("utf-8", "replace").decode()
    return words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1]}…"


def agent_draft(
    tx: Transaction,
    ours: Installation,
    event: Event,
    *,
    command: str | None,
    by: str | None,
    note: str | None,
    decision: Decision = Decision.SKIPPED,
    target: str = AGENT_WIDE,
    key: str | None = None,
    value: float = 0,
    workflow_id: str = AGENT_WIDE,
) -> RecordDraft:
    """A record of `event`; without a `key` it is one more each time."""
    return RecordDraft(
        key=key or f"{event.value}:{tx.randomness(16).hex()}",
        cluster=ours.cluster_name,
        cluster_uid=ours.cluster_uid,
        tenant=ours.tenant,
        event=event,
        decision=decision,
        result=None,
        incident_id=AGENT_WIDE,
        workflow_id=workflow_id,
        runbook=AGENT_WIDE,
        signal_type=AGENT_WIDE,
        signal_value=value,
        target=target,
        command=command,
        approver=by,
        note=note or None,
    )

"""The words of the log: what a record is about, what was decided, how it ended. As the public schema has them."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """What a record is about."""

    PLANNED = "planned"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    STARTED = "started"
    FINISHED = "finished"
    REVERTED = "reverted"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    SKIPPED = "skipped"
    REOBSERVED = "reobserved"
    HALTED = "halted"
    RESUMED = "resumed"
    ALARM_RAISED = "alarm_raised"
    ALARM_CLEARED = "alarm_cleared"
    STORM_BEGAN = "storm_began"
    STORM_ENDED = "storm_ended"
    POLICY_CHANGED = "policy_changed"
    PRUNED = "pruned"
    """Bodies past their retention were destroyed; the payload says which."""
    ERASURE_REQUESTED = "erasure_requested"
    ERASURE_CANCELLED = "erasure_cancelled"
    ERASED = "erased"
    """Bodies were destroyed on request; the payload says which."""
    HOLD_SET = "hold_set"
    HOLD_ENDED = "hold_ended"


REMOVALS = frozenset({Event.PRUNED, Event.ERASED})
"""The records that explain why a body is not there any more. Their own bodies are never destroyed."""


TELLING = REMOVALS | {Event.ERASURE_REQUESTED, Event.ERASURE_CANCELLED, Event.HOLD_SET, Event.HOLD_ENDED}
"""The records by which a removal can be judged."""


class Removal(StrEnum):
    """Why a body is not there any more."""

    PRUNED = "pruned"
    ERASED = "erased"


class Decision(StrEnum):
    """What the audit says was done, as the public schema has it."""

    ACTED = "acted"
    ESCALATED = "escalated"
    DRY_RUN_PLANNED = "dry_run_planned"
    SKIPPED = "skipped"


class Result(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    PENDING_APPROVAL = "pending_approval"

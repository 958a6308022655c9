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

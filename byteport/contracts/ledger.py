"""The acts on the ledger: reserve with intent, outcome, and every other record. The ledger is a hard dependency."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from byteport.audit.words import Decision as Decision
from byteport.audit.words import Event as Event
from byteport.audit.words import Result as Result
from byteport.contracts.acts import Act, Effect, Queue
from byteport.domain.approvals import ApprovalRequest, SignedAnswer
from byteport.domain.base import Frozen, Instant
from byteport.domain.plans import Plan
from byteport.domain.policy import Standing
from byteport.domain.reasons import Reason
from byteport.domain.signals import Signal
from byteport.domain.targets import Target
from byteport.domain.warrants import Grant

POSTMORTEM_URL = r"^(?:https|file)://[A-Za-z0-9%&'()*+,./:;=?_~-]{1,500}$"
"""Where a postmortem lies: an issue, or a file."""


class RecordDraft(Frozen):
    """One record before the ledger gives it id, time, seq and hash. `key` makes appending it idempotent."""

    key: str
    """The same key appends once, whatever is retried: workflow id, first run, incident and step."""
    cluster: str
    cluster_uid: str
    tenant: str
    event: Event
    decision: Decision
    result: Result | None
    incident_id: str
    workflow_id: str
    runbook: str
    signal_type: str
    signal_value: float
    target: str
    cause: str | None = None
    command: str | None = None
    reasons: tuple[Reason, ...] = ()
    plan_digest: str | None = None
    action_id: str | None = None
    approver: str | None = None
    """Who wanted it, as the run says; the ledger marks as claimed whom `answers` do not prove."""
    note: str | None = None
    """Why, in a person's words (an approval's reason); sanitised before it is stored."""
    mttr_seconds: int | None = None
    runbook_version: str = "1"
    answers: tuple[SignedAnswer, ...] = ()
    """The answers of those whom `approver` names; they prove the names and are not kept in this record."""
    postmortem_url: Annotated[str | None, Field(pattern=POSTMORTEM_URL, exclude_if=lambda url: url is None)] = None
    """On a `reobserved` that tells where a closed incident's postmortem lies."""


class Recorded(Frozen):
    id: str
    seq: int
    hash: str


RECORD = Act(
    "audit.record",
    RecordDraft,
    Recorded,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    summary="Append an audit record",
)


class Reserve(Frozen):
    """Ask for the right to act: halt, freeze, limits, lease and the intent record in one transaction."""

    action_id: str
    incident_id: str
    plan: Plan
    plan_digest: str
    arguments_digest: str
    act: str
    lease_key: str
    """The workload that the act is about; an autoscaler reduces to its scaleTargetRef."""
    lease_seconds: int
    auto: bool
    answers: tuple[SignedAnswer, ...]
    """Kept in the intent record's payload, so that an auditor can prove later who approved exactly what."""
    request: ApprovalRequest | None = None
    """What was answered; None when `auto`."""
    inverse_of: Plan | None = None
    """For an inverse: the plan it undoes; the answers are to that plan."""
    intent: RecordDraft


class Granted(Frozen):
    kind: Literal["granted"] = "granted"
    grant: Grant
    record: Recorded


class NotGranted(Frozen):
    kind: Literal["not_granted"] = "not_granted"
    because: tuple[Reason, ...]


class AlreadyDone(Frozen):
    """The intent of this action id is known and has ended: `result` is how."""

    kind: Literal["already_done"] = "already_done"
    outcome: Literal["done", "not_done"]
    result: Result
    at: Instant


class Reservation(Frozen):
    answer: Annotated[Granted | NotGranted | AlreadyDone, Field(discriminator="kind")]


RESERVE = Act(
    "audit.reserve",
    Reserve,
    Reservation,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    schedule_to_close=timedelta(minutes=10),
    summary="Reserve, and record the intent",
)


class Finish(Frozen):
    """End an intent: its outcome, the record of it, and the lease given back (unless the outcome is unknown)."""

    action_id: str
    outcome: Literal["done", "not_done", "unknown"]
    verified: bool | None
    """None while it is not known whether the act helped."""
    record: RecordDraft


FINISH = Act(
    "audit.finish",
    Finish,
    Recorded,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    summary="Record the outcome, give the lease back",
)


class ReadStanding(Frozen):
    """What the ledger says of a target: halted, frozen, limits reached, a fix that did not hold."""

    target: Target
    runbook: str
    signal: Signal


class LedgerStanding(Frozen):
    standing: Standing


READ_STANDING = Act(
    "audit.read_standing",
    ReadStanding,
    LedgerStanding,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    schedule_to_close=timedelta(minutes=2),
    summary="Ask the ledger how things stand",
)


class SetStorm(Frozen):
    """Pause or resume `auto` on a cluster because of a storm, with its record."""

    cluster_uid: str
    on: bool
    key: str
    """The same storm is noted once: `storm:{number}:on` or `:off`."""
    factor: str = ""
    """The largest common factor, in names."""
    in_trouble: int = 0
    of: int = 0
    workflow_id: str


SET_STORM = Act(
    "audit.set_storm",
    SetStorm,
    Recorded,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    summary="Pause or resume auto for a storm",
)


class RaiseAlarm(Frozen):
    """Let nothing be done alone on the cluster until a person clears the alarm, with its record."""

    cluster_uid: str
    name: str
    by: str
    """What raised it."""
    reason: str


class AlarmRaised(Frozen):
    record: Recorded | None
    """None when it stood already."""


RAISE_ALARM = Act(
    "audit.raise_alarm",
    RaiseAlarm,
    AlarmRaised,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    schedule_to_close=timedelta(minutes=10),
    summary="Raise an alarm",
)

"""The acts towards people: check an answer's signature, and page a rung of the ladder."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.contracts.acts import Act, Effect, Queue
from byteport.domain.approvals import ApprovalRequest, NotTaken, SignedAnswer, Taken
from byteport.domain.base import Frozen, Instant
from byteport.domain.reasons import Reason


def _is_none(value: object) -> bool:
    """Fields that were added later are left out where they are empty, so that runs recorded before replay the same."""
    return value is None


def _is_empty(value: tuple[object, ...]) -> bool:
    return not value


class CheckAnswer(Frozen):
    """Whether `answer` is a valid one to `request` now; `request` None when nothing waits for it any more."""

    answer: SignedAnswer
    request: ApprovalRequest | None
    auto_possible: bool
    """Unsigned answers are never taken where the mode is `auto`."""


class AnswerChecked(Frozen):
    verdict: Taken | NotTaken
    allowed_signers_digest: str
    """Digest of the file it was checked against; goes into the record."""


CHECK_ANSWER = Act(
    "approvals.check_answer",
    CheckAnswer,
    AnswerChecked,
    queue=Queue.LEDGER,
    effect=Effect.READ,
    deadline=timedelta(seconds=10),
    schedule_to_close=timedelta(minutes=10),
    summary="Check an answer's signature",
)


class Ending(StrEnum):
    """How an incident of which people were told has ended, or who has it now."""

    TAKEN_OVER = "taken_over"
    """A person has it: nobody else needs to be paged."""
    OVER = "over"
    """The trouble is over."""


class Notice(Frozen):
    """What a person is told: enough to decide at three in the morning, as numbers, names and commands."""

    key: str
    """The same key is delivered once to a channel."""
    incident_id: str
    workflow_id: str
    cluster: str
    rung: Annotated[int, Field(ge=0)]
    """0 is a plain notice, 1 the first page, 2 and on the next rungs."""
    title: str
    runbook: str
    target: str
    cause: str
    reasons: tuple[Reason, ...]
    """Why it was not done alone."""
    evidence: tuple[str, ...]
    """What was seen."""
    tried: tuple[str, ...] = ()
    """What was done, undone, or not done and why."""
    command: str | None
    inverse_command: str | None
    how_to_answer: str | None
    """The exact command line that approves, or acknowledges."""
    at: Instant
    since: Annotated[Instant | None, Field(exclude_if=_is_none)] = None
    """When its first symptom came."""
    symptom: Annotated[str | None, Field(exclude_if=_is_none)] = None
    """What is broken, as numbers: the newest symptom's value, its threshold, and how often it was reported."""
    facts: Annotated[int | None, Field(exclude_if=_is_none)] = None
    """How many facts the cause rests on; a change asks for two at least."""
    plan_digest: Annotated[str | None, Field(exclude_if=_is_none)] = None
    """The plan that waits for a yes; None where none does."""
    answer_by: Annotated[Instant | None, Field(exclude_if=_is_none)] = None
    """When the question for a yes ends without one."""
    ending: Annotated[Ending | None, Field(exclude_if=_is_none)] = None
    """None while it goes on."""


class Undelivered(Frozen):
    """A channel by which nobody could be told, and the code of the error; its text is in the worker's log."""

    channel: str
    code: str


class Delivered(Frozen):
    channels: tuple[str, ...]
    failed: Annotated[tuple[Undelivered, ...], Field(exclude_if=_is_empty)] = ()
    """Those that were tried several times in vain, while another one has told people."""


NOTIFY = Act(
    "notify.page",
    Notice,
    Delivered,
    queue=Queue.NOTIFY,
    effect=Effect.READ,
    deadline=timedelta(seconds=30),
    schedule_to_close=timedelta(minutes=30),
    summary="Tell people",
)

"""The acts towards people: check an answer's signature, and page a rung of the ladder."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from byteport.contracts.acts import Act, Effect, Queue
from byteport.domain.approvals import ApprovalRequest, NotTaken, SignedAnswer, Taken
from byteport.domain.base import Frozen, Instant
from byteport.domain.reasons import Reason


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
    evidence: tuple[str, ...]
    """What was seen."""
    tried: tuple[str, ...] = ()
    """What was done, undone, or not done and why."""
    command: str | None
    inverse_command: str | None
    how_to_answer: str | None
    """The exact command line that approves, or acknowledges."""
    at: Instant


class Delivered(Frozen):
    channels: tuple[str, ...]


NOTIFY = Act(
    "notify.page",
    Notice,
    Delivered,
    queue=Queue.NOTIFY,
    effect=Effect.READ,
    deadline=timedelta(seconds=15),
    schedule_to_close=timedelta(minutes=30),
    summary="Tell people",
)

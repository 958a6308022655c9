"""The workflows' names, inputs, messages and answers: what CLI, API, activities and workflows agree on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.contracts.ledger import Decision, RecordDraft, Result, SetStorm
from byteport.contracts.people import Notice
from byteport.domain.approvals import ApprovalRequest, NotTaken, SignedAnswer, Taken
from byteport.domain.base import Frozen, Instant
from byteport.domain.diagnoses import Fact
from byteport.domain.failures import Failure
from byteport.domain.limits import StormRule
from byteport.domain.plans import RaiseFloorPlan
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Firing, Sender, Signal, Source
from byteport.domain.targets import Target

REMEDIATION = "RemediationWorkflow"
APPROVAL = "ApprovalWorkflow"
REOBSERVE = "ReobserveWorkflow"
WATCH = "WatchWorkflow"
TIMEBOX = "TimeboxWorkflow"
STORM = "StormWorkflow"

REPORT = "report"
ACKNOWLEDGE = "acknowledge"
ANSWER = "answer"
WITHDRAW = "withdraw"
STATE = "state"
EXTEND = "extend"
TROUBLE = "trouble"
TOLD_OVER = "told_over"


class Phase(StrEnum):
    """Where a remediation is."""

    STARTING = "starting"
    DIAGNOSING = "diagnosing"
    PLANNING = "planning"
    AWAITING_APPROVAL = "awaiting_approval"
    ACTING = "acting"
    VERIFYING = "verifying"
    REVERTING = "reverting"
    ESCALATED = "escalated"
    CLOSED = "closed"


class Installation(Frozen):
    """Whose agent this is; the same in every workflow of one installation."""

    tenant: str
    cluster_uid: str
    cluster_name: str


class Ladder(Frozen):
    """Seconds that each rung has before the next one is paged."""

    rung_seconds: tuple[int, ...] = (900, 1800)


class Remediate(Frozen):
    """Input of a remediation. `carried` is what continue-as-new brings over from the incident before."""

    installation: Installation
    target: Target
    ladder: Ladder = Ladder()
    incident_no: int = 0
    next_action: int = 0
    inbox: tuple[Signal, ...] = ()
    seen: tuple[str, ...] = ()
    """Evidence digests already folded, newest last, at most 256."""
    reobserve_after_seconds: tuple[int, ...] = (3600, 86400)
    postmortem: Annotated[bool, Field(exclude_if=lambda wanted: not wanted)] = False
    """Whether a postmortem is filed once it is closed. Left out where it is not, as runs recorded before have it."""
    events: Annotated[bool, Field(exclude_if=lambda wanted: not wanted)] = False
    """Whether Kubernetes Events tell of it. Left out likewise."""
    fires: Annotated[Firing | None, Field(exclude_if=lambda found: found is None)] = None
    """Alerts that fired when the incident before it was closed."""


class Closed(Frozen):
    """How a remediation ended."""

    incident_id: str
    decision: Decision
    result: Result | None
    cause: Cause | None
    reasons: tuple[Reason, ...]
    mttr_seconds: int | None
    reports: int
    """How many symptoms folded into it."""


class Moment(Frozen):
    """One line of a run's timeline."""

    at: Instant
    what: str


class State(Frozen):
    """Answer to the `state` query."""

    phase: Phase
    incident_id: str
    incident_no: int
    target: Target
    runbook: str
    signal: Signal | None
    reports: int
    cause: Cause | None
    facts: tuple[Fact, ...]
    plan_digest: str | None
    command: str | None
    inverse_command: str | None
    verdict: str | None
    reasons: tuple[Reason, ...]
    approvals: tuple[Taken, ...]
    decision: Decision | None
    result: Result | None
    timeline: tuple[Moment, ...]


class Acknowledge(Frozen):
    """A person takes an escalation over."""

    by: Annotated[str, Field(min_length=1, max_length=200)]
    note: Annotated[str, Field(max_length=1000)] = ""
    of_incident: Annotated[str | None, Field(max_length=100, exclude_if=lambda incident: incident is None)] = None
    """Set by a pager, where a person said so: it counts for that incident alone, and leaves a question for a yes open."""


class ToldOver(Frozen):
    """A source outside says that what it reported is over. It is no proof: the run looks for itself, at once."""

    evidence_digest: Annotated[str, Field(max_length=200)]
    sender: Sender = ""
    """Who says so. Empty of what is read here, and from before senders were told apart."""
    source: Annotated[Source | None, Field(exclude_if=lambda said: said is None)] = None
    ended_at: Annotated[Instant | None, Field(exclude_if=lambda at: at is None)] = None
    """By its source's clock."""


class Withdraw(Frozen):
    """The remediation takes its request back: recovered, drifted, cancelled."""

    because: Reason


class AwaitApproval(Frozen):
    """Input of an approval. `request` None: started by an answer that found nothing waiting."""

    installation: Installation
    request: ApprovalRequest | None
    auto_possible: bool = False
    remind_after_seconds: int = 3600
    """Until the first reminder; the next ones come at twice the pause each."""


class ApprovalOutcome(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    """Nothing waited: the answers were recorded as refused."""


class ApprovalClosed(Frozen):
    outcome: ApprovalOutcome
    answers: tuple[SignedAnswer, ...]
    taken: tuple[Taken, ...]
    because: Reason | None = None


class ApprovalState(Frozen):
    """Answer to the `state` query of an approval: what waits, and what was said so far."""

    request: ApprovalRequest | None
    taken: tuple[Taken, ...]
    refused: tuple[NotTaken, ...]
    outcome: ApprovalOutcome | None


class AnswerReply(Frozen):
    """What the person hears at once."""

    verdict: Taken | NotTaken
    quorum: int
    approvals: int


class Reobserve(Frozen):
    """Look again after each of `after_seconds` from `since`, report only."""

    installation: Installation
    incident_id: str
    signal: Signal
    runbook: str
    since: Instant
    after_seconds: tuple[int, ...]


class Reobserved(Frozen):
    held: bool
    looks: int


class Told(Frozen):
    """What people were last told of the boundary."""

    digest: str = ""
    """Of what was not whole; empty when all was, or nothing was ever told."""
    number: int = 0
    """How many notices there were."""
    at: Instant | None = None


class Watch(Frozen):
    """Input of the endless watch of one cluster."""

    installation: Installation
    bookmarks: dict[str, str] = {}
    told: Annotated[Told, Field(exclude_if=lambda told: told == Told())] = Told()
    """What continue-as-new carries of the boundary; left out while it is nothing, for versions that do not know it."""


class Box(Frozen):
    """One raise of a floor that is to be taken back: everything its taking back needs, though its remediation is over."""

    installation: Installation
    incident_id: str
    remediation_id: str
    runbook: str
    signal: Signal
    plan: RaiseFloorPlan
    plan_digest: str
    policy_version: str
    action_id: str
    """Of the raise; stands on the object as long as the floor is ours."""


class Timebox(Frozen):
    """Input of a time box. `boxes` is what continue-as-new carries; the first message brings the first one."""

    installation: Installation
    boxes: tuple[Box, ...] = ()
    until: Instant | None = None
    next_action: int = 0
    ladder: Ladder = Ladder()
    held_since: Instant | None = None
    """Since when something (a halt, a lease) has kept the floor from being put back."""
    told_at: Instant | None = None
    """When people were last told so."""
    refused_since: Instant | None = None
    """Since when the floor could not be put back for a reason that is a person's if it does not pass."""


class TimeboxState(Frozen):
    """Answer to the `state` query of a time box."""

    autoscaler: str
    first_floor: int | None
    raised_to: int | None
    until: Instant | None
    raises: int
    outcome: str


class TimeboxClosed(Frozen):
    """How a box ended: `restored`, `already_restored`, `changed`, `gone`, `not_raised` or `left`."""

    outcome: str
    reasons: tuple[Reason, ...] = ()


class Trouble(Frozen):
    """One target that is in trouble, or no longer is; what the storm counts."""

    target: Target
    failure: Failure
    cause: Cause
    incident_id: str
    factors: tuple[str, ...] = ()
    """What it shares with others, as `Node/x`, `Zone/x`, `Registry/x`, `Service/ns/x`, `Namespace/x`."""
    at: Instant
    over: bool = False


class StormAct(Frozen):
    """One thing that a storm watch does beside its story: one of these."""

    pause: SetStorm | None = None
    page: Notice | None = None
    record: RecordDraft | None = None


class WatchStorm(Frozen):
    """Input of a cluster's storm watch; the rest is what continue-as-new carries."""

    installation: Installation
    rule: StormRule = StormRule()
    ladder: Ladder = Ladder()
    troubles: tuple[Trouble, ...] = ()
    storm_no: int = 0
    since: Instant | None = None
    """When the storm that is on was seen; None while there is none."""
    of: int | None = None
    """How many targets there were when they were last counted."""
    rung: int = 0
    """How far the storm's own ladder has been climbed, and when."""
    paged_at: Instant | None = None
    acknowledged: Acknowledge | None = None
    calm_since: Instant | None = None
    told: Annotated[bool | None, Field(exclude_if=lambda known: known is None)] = None
    """Whether the record of who has taken it over was begun. None of a run that is renewed only when nothing is under way."""
    counted_at: Annotated[Instant | None, Field(exclude_if=lambda at: at is None)] = None
    """When its targets were counted last."""
    under_way: Annotated[tuple[StormAct, ...], Field(exclude_if=lambda acts: not acts)] = ()
    """What was begun and is not known to be done, in order: it is done again, and each of it has a key that makes it count once."""


class StormState(Frozen):
    """Answer to the `state` query of a storm watch."""

    on: bool
    since: Instant | None
    in_trouble: int
    of: int | None
    factor: str
    """The largest common factor, with how many targets share it."""
    paged: bool

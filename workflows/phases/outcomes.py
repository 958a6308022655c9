"""What a phase may come to: types with their reasons, so that `run` matches every one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from byteport.domain.approvals import ApprovalRequest, SignedAnswer
from byteport.domain.plans import AnyPlan, Refused
from byteport.domain.policy import Standing
from byteport.domain.reasons import Reason
from byteport.kubernetes.situation import Situation


@dataclass(frozen=True)
class Diagnosed:
    """The situation was read and named, and a plan was made or refused."""

    situation: Situation
    standing: Standing
    plan: AnyPlan | Refused


@dataclass(frozen=True)
class Skip:
    """Nothing is anybody's to do: one `skipped` record, no page."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class HandOver:
    """Another runbook's trouble."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Escalate:
    """A person must take over; `told` when they have been paged and have answered already."""

    reasons: tuple[Reason, ...]
    told: bool = False


@dataclass(frozen=True)
class Declined:
    """A person said no, or took it over: they know, so nobody is paged."""

    reasons: tuple[Reason, ...]
    escalated: bool
    """Whether people had been paged about it (a plan with caveats) or only asked (a dry run's plan)."""


@dataclass(frozen=True)
class Again:
    """The target is not what the plan was made for: the approval is void, diagnose again."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Go:
    """Act: by `auto`, or by the answers that were given to `request`."""

    plan: AnyPlan
    plan_digest: str
    auto: bool
    request: ApprovalRequest | None
    answers: tuple[SignedAnswer, ...]
    inverse_of: AnyPlan | None = None


@dataclass(frozen=True)
class Leased:
    """Another act on the same workload is under way: wait until it is over, then look afresh."""

    go: Go


@dataclass(frozen=True)
class Acted:
    """The act took effect at `at`, on the cluster worker's clock."""

    go: Go
    action_id: str
    at: datetime
    available_before: int | None = None
    """Available pods at the act, where they were counted; a plan's own count may be days old."""


@dataclass(frozen=True)
class Verified:
    mttr_seconds: int


@dataclass(frozen=True)
class NotHealthy:
    reasons: tuple[Reason, ...]
    situation: Situation | None


@dataclass(frozen=True)
class Taken:
    """Somebody has it now, or the storm that it was part of took it along."""


@dataclass(frozen=True)
class Passed:
    """Nobody has to do anything: the cluster shows the trouble no more."""

    reason: Reason


@dataclass(frozen=True)
class Afresh:
    """People were told by others' word alone, and now the cluster shows it by itself: diagnose it as that."""

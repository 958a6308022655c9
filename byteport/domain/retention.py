"""How long what a record says is kept, and when what somebody asked to have erased is gone: rules over numbers and times.

A *body* is the part of a record that can be destroyed: names, commands, people's words. Its header, with hash and place,
stays for ever. `activities/audit/retention.py` and `erasures.py` decide by these rules inside the ledger's transaction;
`workflows/retention.py` and `erasure.py` wait by them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from byteport.domain.base import Frozen, Instant
from byteport.domain.limits import Limits

LONGEST_WAIT_DAYS = 30
"""No setting lets the agent wait, count or look again for longer: what is younger may still be needed."""
WARNED_BEFORE = timedelta(hours=12)
"""So long before an erasure is late people are paged, if something stands in its way."""
_HOUR = timedelta(hours=1)


class Holdup(StrEnum):
    """What keeps a body from being destroyed now."""

    LEGAL_HOLD = "legal_hold"
    """A person has put a hold on it; it ends by `byteport hold end`."""
    EXPORT_UNFINISHED = "export_unfinished"
    """A receiver that the settings name has not taken it yet."""
    INTENT_OPEN = "intent_open"
    """What it is about has begun, and nobody has said yet what came of it."""


class RetentionConfig(BaseModel):
    """How long bodies are kept, and how soon one is gone that somebody asked to have erased."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pruning: bool = True
    """Whether workers start the daily run that prunes, and that sees to requests for erasure. Default: yes; without it
    bodies stay, and a request is carried out only if Temporal heard of it at once."""
    retention_days: Annotated[int, Field(ge=LONGEST_WAIT_DAYS, le=3660)] = 90
    """Days for which the bodies of records are kept; headers and hashes stay for ever. Default: 90, at least 30.

    Less than 30 would take from the agent what it may still wait for or count by.
    """
    erasure_hours: Annotated[int, Field(ge=24, le=72)] = 72
    """Hours after a request by which what it names is erased, at most 72. Default: 72.

    What stands in its way is told to people 12 hours before, and again when the time is over.
    """
    erasure_delay_hours: Annotated[int, Field(ge=0, le=48)] = 24
    """Hours in which a request can be taken back (`byteport erase cancel`). Default: a day; at least 12 less than `erasure_hours`."""

    @model_validator(mode="after")
    def _can_be_warned(self) -> RetentionConfig:
        if self.delay + WARNED_BEFORE > self.within:
            raise ValueError("erasure_delay_hours must be at least 12 less than erasure_hours")
        return self

    @property
    def retention(self) -> timedelta:
        return timedelta(days=self.retention_days)

    @property
    def delay(self) -> timedelta:
        return timedelta(hours=self.erasure_delay_hours)

    @property
    def within(self) -> timedelta:
        return timedelta(hours=self.erasure_hours)


class Times(Frozen):
    """When what becomes of one request for erasure."""

    due: Instant
    """It can be taken back until then, and is done as soon as it may from then on."""
    warned: Instant
    """If something still stands in its way then, people are paged."""
    late: Instant
    """It must be done by then; if it is not, they are paged again."""


def times(requested: datetime, config: RetentionConfig) -> Times:
    """The times of a request that was made at `requested`."""
    late = requested + config.within
    return Times(due=requested + config.delay, warned=late - WARNED_BEFORE, late=late)


def counted_for(limits: Limits) -> timedelta:
    """How long the ledger counts by the names in its own rows: acts in an hour, and a fix that did not hold."""
    return max(_HOUR, timedelta(seconds=limits.not_again_seconds))


class Span(NamedTuple):
    """Sequence numbers from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def spans(numbers: Iterable[int]) -> tuple[Span, ...]:
    """The numbers, each once, as as few spans as there can be, ascending."""
    found: list[Span] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1].last + 1:
            found[-1] = Span(found[-1].first, number)
        else:
            found.append(Span(number, number))
    return tuple(found)


def numbers(of: Iterable[Span]) -> Iterable[int]:
    """Every number of the spans."""
    return (number for span in of for number in range(span.first, span.last + 1))


def size(of: Iterable[Span]) -> int:
    """How many numbers they are."""
    return sum(span.size for span in of)


def removable(candidates: Iterable[int], *, kept: Collection[int], most: int) -> tuple[Span, ...]:
    """The lowest `most` of the candidates that are not to be kept."""
    free = [number for number in sorted(set(candidates)) if number not in kept]
    return spans(free[:most])


def said(of: Sequence[Span], most: int = 20) -> str:
    """`3, 7-9, 12`, for a person; of very many the first `most` spans."""
    shown = ", ".join(str(span.first) if span.size == 1 else f"{span.first}-{span.last}" for span in of[:most])
    return f"{shown}, and {size(of[most:])} more" if len(of) > most else shown

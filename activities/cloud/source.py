"""What every metric source is: points of a window, and what its identity may do. One file per source implements it.

Comes before `aws.py`, `gcp.py`, `azure.py` and `prometheus.py`; `poll.py` makes symptoms of the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from byteport.contracts.cloud import CloudSource, Metric
from byteport.contracts.symptoms import Subject


@dataclass(frozen=True)
class Window:
    """From when to when by the source's clock, both with their zone; `end` is now, as far as its clock is known."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Point:
    """One measured value: percent of what the subject may have, at a time by the source's clock."""

    subject: Subject
    metric: Metric
    percent: float
    """As the source gives it: what is no number or no percentage, `poll.py` leaves out."""
    at: datetime
    """With its zone; the end of what the value stands for."""
    period: timedelta = timedelta(seconds=60)
    """How far the points of this series lie apart when none is missing."""
    part: str = ""
    """Which filesystem or container of the subject, where it has several series of one metric; at most 200 characters."""


@dataclass(frozen=True)
class Measured:
    """What a source said of one window."""

    points: Sequence[Point]
    series: int
    source_now: datetime | None = None
    """The source's own clock, from its answer's `Date`; None where it does not say."""
    truncated: bool = False


class Excess(StrEnum):
    """How a right differs from the exact minimal policy."""

    MISSING = "missing"
    IN_EXCESS = "in_excess"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True)
class RightFinding:
    """One permission that is missing, or there and should not be: `cloudwatch:GetMetricData`, `s3:GetObject`."""

    what: Excess
    permission: str
    says: str
    """One line for a person, with what to do."""
    never_requested: bool = False
    """Whether it is of *what is never requested*: then the source is not read while the identity has it."""


class MetricSource(Protocol):
    """One source with one identity. Errors are ours: `NotPermitted`, `Throttled`, `Unavailable`, `ConfigError`."""

    source: CloudSource

    async def read(self, window: Window) -> Measured:
        """All pages; what cannot be mapped to a `Subject` is left out and not counted."""

    async def check(self) -> tuple[RightFinding, ...]:
        """What this identity may do, against its policy in docs/reference/integrations.md. Empty: exactly that."""

    async def close(self) -> None:
        """Give back connections, as after every poll; the next question opens them again."""

"""One poll of one metric source: the acts behind each Temporal Schedule. Read-only; what it gives are symptoms, never text."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.contracts.acts import Act, Effect, Queue
from byteport.contracts.cloud_looks import LookedAt, RightsFound
from byteport.contracts.symptoms import Fate, OutsideSymptom, Subject
from byteport.contracts.workflows import Installation
from byteport.domain.base import Frozen, Instant

METRIC_POLL = "MetricPollWorkflow"
MOST_OPEN = 1000
"""Stretches that one poll carries on to the next, and symptoms that it gives; with more it says that it was cut short."""
FURTHEST_SKEW = 86400.0
"""Seconds by which a source's clock may differ from ours and still be believed."""

RIGHTS_EVERY_SECONDS = 3600
"""An hour, unless the settings say otherwise."""


def _is_usual(value: object) -> bool:
    return value == RIGHTS_EVERY_SECONDS


def _is_none(value: object) -> bool:
    return value is None


class CloudSource(StrEnum):
    """What is polled; one Schedule, `poll:{cluster uid}:{source}`, for each that the settings name."""

    AWS = "aws"
    GCP = "gcp"
    AZURE = "azure"
    PROMETHEUS = "prometheus"


class Metric(StrEnum):
    """What is asked of every source, in percent of what the node or container may have."""

    CPU = "cpu"
    MEMORY = "memory"
    DISK = "disk"


class Stretch(Frozen):
    """One metric of one subject that stays above its threshold, as one poll tells the next. All times by the source's clock."""

    subject: Subject
    metric: Metric
    part: Annotated[str, Field(max_length=200)] = ""
    """Which filesystem or container of the subject, where there are several."""
    since: Instant
    """The first point above; kept once it was told, so that the same stretch is always the same evidence."""
    last: Instant
    """The newest point above."""
    percent: float
    """What was measured then."""
    digest: str
    """Its evidence digest."""
    fate: Fate | None = None
    """What the cluster's worker made of it; None: not told yet."""
    told_at: Instant | None = None
    """When it was told, by our clock."""


class PollMetrics(Frozen):
    """Ask for what was measured since `since`; None: for as long as the longest rule needs."""

    cluster_uid: str
    source: CloudSource
    since: Instant | None = None
    """By the source's own clock."""
    skew_seconds: Annotated[float, Field(ge=-FURTHEST_SKEW, le=FURTHEST_SKEW)] = 0.0
    """As the poll before saw it."""
    open: Annotated[tuple[Stretch, ...], Field(max_length=MOST_OPEN)] = ()
    """What the poll before saw above its threshold."""


class Polled(Frozen):
    """What one poll found."""

    symptoms: Annotated[tuple[OutsideSymptom, ...], Field(max_length=MOST_OPEN)]
    until: Instant
    """By the source's own clock: where the next poll begins, less what may still come late."""
    open: Annotated[tuple[Stretch, ...], Field(max_length=MOST_OPEN)] = ()
    """What is above its threshold now, told or not."""
    series: int
    """How many were looked at."""
    late: int = 0
    """Points that were older than the window, counted and judged all the same."""
    skew_seconds: float = 0.0
    """How far ahead of ours the source's clock is."""
    truncated: bool = False
    """More series than one poll takes: said, never silent."""
    absurd: int = 0
    """Points that were no number, no percentage, or from the future: they say nothing."""


class CheckRights(Frozen):
    """Look at what the identity of one source may do."""

    cluster_uid: str
    source: CloudSource


class MetricPoll(Frozen):
    """Input of one scheduled poll; the same in every run of its Schedule."""

    installation: Installation
    source: CloudSource
    rights_every_seconds: Annotated[int, Field(ge=300, le=86400, exclude_if=_is_usual)] = RIGHTS_EVERY_SECONDS
    """Seconds between two looks at what its identity may do. Left out where it is the usual one, so that a worker of the version
    before can read what a Schedule was given."""


class PollState(Frozen):
    """What one poll hands to the next one, as its result: where to go on, and since when it fails."""

    until: Instant | None = None
    skew_seconds: float = 0.0
    open: Annotated[tuple[Stretch, ...], Field(max_length=MOST_OPEN)] = ()
    failures: int = 0
    """In a row."""
    failing_since: Instant | None = None
    told: bool = False
    """Whether people were told that it fails."""
    because: Annotated[str, Field(max_length=600)] = ""
    """Why the last one failed, in our own words."""
    series: int = 0
    reported: int = 0
    """Symptoms of the last poll that a run has taken."""
    truncated: bool = False
    put_off_until: Annotated[Instant | None, Field(exclude_if=_is_none)] = None
    """Until when the source has asked not to be asked again, by our clock; a poll that begins before then asks nothing."""
    rights: Annotated[LookedAt | None, Field(exclude_if=_is_none)] = None
    """What the last look at its identity found; None before the first one that was answered."""


POLL_METRICS = Act(
    "cloud.poll_metrics",
    PollMetrics,
    Polled,
    queue=Queue.CLOUD,
    effect=Effect.READ,
    deadline=timedelta(seconds=60),
    schedule_to_close=timedelta(minutes=5),
    summary="Read metrics",
)

CHECK_RIGHTS = Act(
    "cloud.check_rights",
    CheckRights,
    RightsFound,
    queue=Queue.CLOUD,
    effect=Effect.READ,
    deadline=timedelta(seconds=90),
    schedule_to_close=timedelta(minutes=3),
    summary="Look at what the identity may do",
)

"""One poll of one metric source: the act behind each Temporal Schedule. Read-only; what it gives are symptoms, never text."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from byteport.contracts.acts import Act, Effect, Queue
from byteport.contracts.symptoms import OutsideSymptom
from byteport.domain.base import Frozen, Instant

METRIC_POLL = "MetricPollWorkflow"


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


class PollMetrics(Frozen):
    """Ask for what was measured since `since`; None: for as long as the longest rule needs."""

    cluster_uid: str
    source: CloudSource
    since: Instant | None = None


class Polled(Frozen):
    """What one poll found."""

    symptoms: tuple[OutsideSymptom, ...]
    until: Instant
    """By the source's own clock: where the next poll begins, less what may still come late."""
    series: int
    """How many were looked at."""
    late: int = 0
    """Points that were older than the window, counted and judged all the same."""
    skew_seconds: float = 0.0
    """How far ahead of ours the source's clock is."""
    truncated: bool = False
    """More series than one poll takes: said, never silent."""


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

"""An observed symptom, as every source reports it: watch, poll, alert or a person."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.domain.base import Frozen, Instant
from byteport.domain.failures import Failure
from byteport.domain.targets import Target


class SignalType(StrEnum):
    """The symptom's name in the audit's public schema (snake case)."""

    POD_CRASHLOOP = "pod_crashloop"
    POD_WEDGED = "pod_wedged"
    FAILED_DEPLOY = "failed_deploy"
    DISK_PRESSURE = "disk_pressure"
    MEMORY_PRESSURE = "memory_pressure"
    CPU_SPIKE = "cpu_spike"
    ERROR_RATE = "error_rate"
    """Share of a workload's requests that fail, as an alert of somebody's own measures it."""


class Source(StrEnum):
    """Who reported it."""

    WATCH = "watch"
    REOBSERVATION = "reobservation"
    HANDOVER = "handover"
    PERSON = "person"
    ALERTMANAGER = "alertmanager"
    CLOUDWATCH = "cloudwatch"
    """An alarm, by SNS."""
    AWS = "aws"
    GCP = "gcp"
    AZURE = "azure"
    PROMETHEUS = "prometheus"


FAILURE_OF: dict[SignalType, Failure] = {
    SignalType.POD_CRASHLOOP: Failure.CRASHLOOP,
    SignalType.POD_WEDGED: Failure.CRASHLOOP,
    SignalType.FAILED_DEPLOY: Failure.BAD_ROLLOUT,
    SignalType.DISK_PRESSURE: Failure.DISK,
    SignalType.MEMORY_PRESSURE: Failure.MEMORY,
    SignalType.CPU_SPIKE: Failure.CPU,
    SignalType.ERROR_RATE: Failure.BAD_ROLLOUT,
}


def alert_of(evidence_digest: str) -> str:
    """Which alert told of an observation, whose end may have a digest of its own: what stands before `@`, or all of it."""
    return evidence_digest.partition("@")[0]


Sender = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9._:/@+~-]*$", exclude_if=lambda name: not name)]
"""Who sent an alert, by the name that the settings give; empty where nobody outside did, and from before senders were told apart."""
MOST_HANDED_ON = 50


class AlertOf(Frozen):
    """One alert that fires, as an incident knows it: only its own sender's word ends it."""

    alert: str
    """As `alert_of` gives it."""
    sender: Sender = ""
    since: Instant


class Firing(Frozen):
    """The alerts of an incident that fire, for whoever takes it on. Left out where there are none."""

    alerts: Annotated[tuple[AlertOf, ...], Field(max_length=MOST_HANDED_ON, exclude_if=lambda found: not found)] = ()
    more: Annotated[bool, Field(exclude_if=lambda found: not found)] = False
    """There are more than are handed on: they are never all over."""


class Signal(Frozen):
    """One symptom on one target. Two reports with the same `evidence_digest` are the same observation."""

    type: SignalType
    value: float
    """The measured value: restarts, unavailable replicas, percent."""
    threshold: float
    target: Target
    observed_at: Instant
    source: Source
    evidence_digest: str
    reporter: str = ""
    """The person who sent it, when a person did: they cannot approve what comes of it."""
    recurrence_of: str | None = None
    """Incident whose fix did not hold, when a re-observation reports."""
    sender: Sender = ""
    """Of an alert: who sent it."""
    fires: Annotated[Firing | None, Field(exclude_if=lambda found: found is None)] = None
    """Of a handover: which alerts fire. None where the run that hands over does not know whose they are, as before."""

    @property
    def failure(self) -> Failure:
        return FAILURE_OF[self.type]

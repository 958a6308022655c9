"""What is told of an incident once it is closed, and what the policy would have said of it in each mode.

Comes after `policy.py`, whose own `judge` is asked; before `postmortem_text.py`, which writes it, and the run that files it. Facts
alone: numbers, names and words of ours, as the records and the run's state have them.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field

from byteport.domain.base import Frozen, Instant
from byteport.domain.canonical import digest
from byteport.domain.diagnoses import Diagnosis, Fact
from byteport.domain.modes import Mode
from byteport.domain.plans import AnyPlan, Refused
from byteport.domain.policy import PolicyConfig, Standing, VerdictKind, judge
from byteport.domain.reasons import Reason

MOST_FACTS = 50
MOST_STEPS = 200


class Judged(NamedTuple):
    """What the policy was asked about: enough to ask it again, in another mode."""

    mode: Mode
    plan: AnyPlan | Refused
    diagnosis: Diagnosis
    standing: Standing


class InMode(Frozen):
    """What would have become of the incident in one mode."""

    mode: Mode
    verdict: VerdictKind
    reasons: tuple[Reason, ...]
    in_force: bool


class Step(Frozen):
    """One line of what happened."""

    at: Instant
    what: str


class Postmortem(Frozen):
    """One closed incident."""

    tenant: str
    cluster_uid: str
    cluster: str
    incident_id: Annotated[str, Field(pattern=r"^inc-[0-9a-f]{24}$")]
    workflow_id: str
    target: str
    runbook: str
    signal_type: str
    signal_value: float
    threshold: float
    reports: int
    """How many symptoms folded into it."""
    opened_at: Instant
    closed_at: Instant
    cause: str | None
    culprit: str | None
    facts: Annotated[tuple[Fact, ...], Field(max_length=MOST_FACTS)]
    verdict: VerdictKind | None
    """What the policy said; None where it was never asked."""
    reasons: tuple[Reason, ...]
    decision: str
    result: str | None
    mttr_seconds: int | None
    """Seconds from the first symptom to verified; None unless verified."""
    command: str | None
    inverse_command: str | None
    tried: tuple[str, ...]
    approvers: tuple[str, ...]
    taken_over_by: str | None
    modes: tuple[InMode, ...]
    steps: Annotated[tuple[Step, ...], Field(max_length=MOST_STEPS)]

    @property
    def mark(self) -> str:
        """64 hex digits, by which its issue is known again; no other incident of any installation has the same."""
        return digest(["postmortem", self.tenant, self.cluster_uid, self.incident_id])

    @property
    def title(self) -> str:
        return f"Postmortem: {self.signal_type} on {self.target} ({self.incident_id})"


def in_each_mode(judged: Judged, config: PolicyConfig) -> tuple[InMode, ...]:
    """The policy's answer to the same plan, by the same evidence and at the same moment, in each mode there is."""
    answers = ((mode, judge(mode, judged.plan, judged.diagnosis, judged.standing, config)) for mode in Mode)
    return tuple(
        InMode(mode=mode, verdict=verdict.kind, reasons=verdict.reasons, in_force=mode is judged.mode)
        for mode, verdict in answers
    )

"""What a source outside the cluster says: an alert, a cloud's metric, a query. Named there, not yet an object of the cluster.

An alert names a pod, a cloud an instance: whose they are, and whether they are ours to look at, only the cluster worker can
tell. So the doors and polls hand over these few typed words, and `activities/kubernetes/outside.py` finds the controlling
owner and reports it as any symptom of the watch. Nothing of a body's prose is in them.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from byteport.contracts.acts import Act, Effect, Queue
from byteport.contracts.kubernetes import WATCH_CLUSTER
from byteport.domain.base import Frozen, Instant
from byteport.domain.signals import Sender, SignalType, Source

MOST_SYMPTOMS = 200
"""In one call; whoever has more calls again."""
Name = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]


class Subject(Frozen):
    """What an outside source names: an object by kind and name, or a node by its cloud's id for the machine."""

    kind: Annotated[str, Field(max_length=63, pattern=r"^[A-Z][A-Za-z0-9]*$")]
    namespace: Name | None = None
    name: Name | None = None
    provider_id: Annotated[str, Field(max_length=500)] | None = None
    """As a Node's `spec.providerID` ends: `i-0abc…`, `projects/…/instances/…`, `/subscriptions/…`. Only of a Node."""

    @model_validator(mode="after")
    def _one_way_of_naming(self) -> Self:
        if (self.name is None) is (self.provider_id is None):
            raise ValueError("name an object by its name or by its provider's id, one of them")
        if self.provider_id is not None and self.kind != "Node":
            raise ValueError("only a Node has a provider's id")
        return self


class OutsideSymptom(Frozen):
    """One symptom as its source tells it. Two with the same `evidence_digest` are the same observation."""

    type: SignalType
    subject: Subject
    value: float
    threshold: float
    observed_at: Instant
    source: Source
    evidence_digest: Annotated[str, Field(max_length=200)]
    over: bool = False
    """The source says that it is over: the run that it opened looks again at once."""
    sender: Sender = ""
    """Who sent it, where somebody outside did: its end counts from nobody else."""
    ended_at: Annotated[Instant | None, Field(exclude_if=lambda at: at is None)] = None
    """Of what is over, by its source's clock, where that says it."""


class Fate(StrEnum):
    """What became of one outside symptom."""

    REPORTED = "reported"
    TOLD_OVER = "told_over"
    NOT_FOUND = "not_found"
    """No such object now; or, of what is over, no run of it that is open."""
    NOT_OURS = "not_ours"
    """Its namespace or node is not enabled, or may not be looked at: nothing was asked about it."""
    AMBIGUOUS = "ambiguous"
    """It names nothing that a runbook treats: an exporter's own pod, a job, more than one machine."""
    REFUSED = "refused"
    """The door did not take it: another cluster's, or a runbook that is switched off."""


class ReportSymptoms(Frozen):
    cluster_uid: str
    symptoms: Annotated[tuple[OutsideSymptom, ...], Field(max_length=MOST_SYMPTOMS)]


class SymptomsReported(Frozen):
    fates: tuple[Fate, ...]
    """In the order of the call."""


REPORT_SYMPTOMS = Act(
    "kubernetes.report_symptoms",
    ReportSymptoms,
    SymptomsReported,
    queue=Queue.CLUSTER,
    effect=Effect.READ,
    deadline=timedelta(seconds=60),
    schedule_to_close=timedelta(minutes=10),
    heartbeat=timedelta(seconds=20),
    summary="Find whose the outside symptoms are, and report them",
    needs=WATCH_CLUSTER.needs,
)

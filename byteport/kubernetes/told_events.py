"""Kubernetes Events of ours: what `kubectl describe` tells of a remediation, in words that are made here, of typed facts alone.

No name, text or number of anybody's choosing is among the words: a cause, reasons, an act and a revision are words and
numbers of ours. Pure. Comes before `activities/kubernetes/telling.py`, which sends one; the admission policy
(`byteport/boundary/policies/events.py`) and whoever reads the API server's audit log take the same form from here.

Of the two versions in which Events are served it is core `v1`: both show the same objects, `kubectl describe` asks for that
one, and so does our own watch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from byteport.domain.base import Frozen
from byteport.domain.canonical import digest
from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON

REPORTER = "byteport.io/agent"
"""Who reports, in every one of them; what `kubectl describe` shows under *From*."""
LONGEST_NOTE = 1024
"""Characters of a message, as Kubernetes' newer version of Events bounds its note."""
LONGEST_NAME = 253
LONGEST_UID = 64
MOST_REASONS = 8
"""Of an escalation, that are told one by one."""
NAMED = "byteport[.][0-9a-f]{32}"
"""The form of every name, as a regular expression of Python and of CEL."""
PRINTABLE = "[ -~]*"
"""What a message consists of: whatever shows it, on a terminal or on a page, shows letters."""

TREATED: Mapping[str, str] = {
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "Pod": "v1",
}
"""Kinds that a remediation may be about, with their versions. A node is none of them: its events lie in the namespace `default`,
in which nothing of ours is ever written."""

Kind = Literal["Normal", "Warning"]


class EventReason(StrEnum):
    """Which moment of an incident is told: one Event each, at most."""

    PLANNED = "RemediationPlanned"
    ACTED = "RemediationActed"
    VERIFIED = "RemediationVerified"
    UNDONE = "RemediationUndone"
    ESCALATED = "RemediationEscalated"


TYPES: Mapping[EventReason, Kind] = {
    EventReason.PLANNED: "Normal",
    EventReason.ACTED: "Normal",
    EventReason.VERIFIED: "Normal",
    EventReason.UNDONE: "Warning",
    EventReason.ESCALATED: "Warning",
}


class Deed(StrEnum):
    """What is planned, was done, or was undone: `act` of the plans there are, but for the one on nodes."""

    DELETE_POD = "delete_pod"
    ROLLBACK = "rollback"
    RAISE_FLOOR = "raise_hpa_floor"
    RESTORE_FLOOR = "restore_hpa_floor"


class Telling(Frozen):
    """One moment, as facts."""

    reason: EventReason
    target: Target
    incident_id: Annotated[str, Field(pattern=r"^inc-[0-9a-f]{24}$")]
    cause: Cause | None = None
    deed: Deed | None = None
    number: Annotated[int | None, Field(ge=0, le=2**31)] = None
    """The revision of a rollback, or the floor that is set."""
    alone: bool = False
    """Of a plan: it is carried out without a person's yes."""
    seconds: Annotated[int | None, Field(ge=0, le=2**31)] = None
    """Of a verified repair: how long it took."""
    because: Annotated[tuple[Reason, ...], Field(max_length=64)] = ()


def event_of(telling: Telling, *, now: datetime) -> JSON:
    """The whole object. Raises `KeyError` for a target of a kind that is not `TREATED`."""
    target, at = telling.target, f"{now:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": event_name(telling.incident_id, telling.reason), "namespace": target.namespace},
        "involvedObject": {
            "apiVersion": TREATED[target.kind],
            "kind": target.kind,
            "namespace": target.namespace,
            "name": target.name,
            "uid": target.uid,
        },
        "type": TYPES[telling.reason],
        "reason": telling.reason.value,
        "message": note_of(telling),
        "source": {"component": REPORTER},
        "reportingComponent": REPORTER,
        "reportingInstance": REPORTER,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def event_name(incident_id: str, reason: EventReason) -> str:
    """The same moment of the same incident has one name, so that a retry finds it there and tells nothing twice."""
    return "byteport." + digest(["event", incident_id, reason.value])[:32]


def note_of(telling: Telling) -> str:
    """The message: words and numbers of ours, and the incident's id."""
    parts = [*_said(telling)]
    if telling.cause is not None:
        parts.append(f"Cause: {telling.cause.value}.")
    if telling.because:
        parts.append(f"Because of: {', '.join(reason.value for reason in telling.because[:MOST_REASONS])}.")
    parts.append(f"Incident {telling.incident_id}.")
    return " ".join(parts)[:LONGEST_NOTE]


def _said(telling: Telling) -> tuple[str, ...]:
    match telling.reason:
        case EventReason.PLANNED:
            how = "It does so alone." if telling.alone else "It waits for a person's yes."
            return f"BytePort plans to {_words(_PLANS, telling, 'act')}.", how
        case EventReason.ACTED:
            return (f"BytePort {_words(_DEEDS, telling, 'acted')}, and looks whether it helps.",)
        case EventReason.VERIFIED:
            after = f" It took {telling.seconds} seconds from the first symptom." if telling.seconds is not None else ""
            return (f"BytePort {_words(_DEEDS, telling, 'acted')}, and that held for the settle time.{after}",)
        case EventReason.UNDONE:
            return (f"It did not help: BytePort {_words(_DEEDS, telling, 'undid it')}.",)
        case EventReason.ESCALATED:
            return ("BytePort hands over to a person.",)


_PLANS: Mapping[Deed, str] = {
    Deed.DELETE_POD: "delete one pod that is not Ready",
    Deed.ROLLBACK: "roll back to revision {}",
    Deed.RAISE_FLOOR: "raise the autoscaler's minReplicas to {} for a while",
    Deed.RESTORE_FLOOR: "set the autoscaler's minReplicas back to {}",
}
_DEEDS: Mapping[Deed, str] = {
    Deed.DELETE_POD: "deleted one pod that was not Ready",
    Deed.ROLLBACK: "rolled back to revision {}",
    Deed.RAISE_FLOOR: "raised the autoscaler's minReplicas to {} for a while",
    Deed.RESTORE_FLOOR: "set the autoscaler's minReplicas back to {}",
}


def _words(words: Mapping[Deed, str], telling: Telling, otherwise: str) -> str:
    return words[telling.deed].format(telling.number) if telling.deed is not None else otherwise


_INVOLVED = frozenset({"apiVersion", "kind", "namespace", "name", "uid"})
_OWN = frozenset(
    {
        *("apiVersion", "kind", "metadata", "involvedObject", "type", "reason", "message", "source"),
        *("reportingComponent", "reportingInstance", "firstTimestamp", "lastTimestamp", "count", "eventTime"),
    }
)


def is_telling(body: object, namespace: str) -> bool:
    """Whether an Event that was sent there has the form of ours: its words are compared as far as they are fixed."""
    event = fields.mapping(body)
    about, metadata = fields.mapping(event.get("involvedObject")), fields.mapping(event.get("metadata"))
    reason, note, name = event.get("reason"), event.get("message"), metadata.get("name")
    known = {one.value: kind for one, kind in TYPES.items()}
    return (
        event.keys() <= _OWN
        and about.keys() <= _INVOLVED
        and about.get("namespace") == namespace
        and (about.get("kind"), about.get("apiVersion")) in TREATED.items()
        and isinstance(reason, str)
        and known.get(reason) == event.get("type")
        and event.get("reportingComponent") == REPORTER
        and isinstance(note, str)
        and len(note) <= LONGEST_NOTE
        and re.fullmatch(PRINTABLE, note) is not None
        and isinstance(name, str)
        and re.fullmatch(NAMED, name) is not None
    )

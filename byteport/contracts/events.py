"""The act that writes a Kubernetes Event about what was planned, done or handed over. Only where settings say so.

It takes no warrant, since it changes nothing that anybody runs: an Event is a note beside an object, read by people, which the
API server forgets after an hour. No controller of Kubernetes acts upon it, and neither do we: our watch reads what the kubelet and the
controllers report. It is no read either, so that it is an effect of its own, whose rights a test holds to this one. What keeps it a note
is the API server: an admission policy lets nothing of it be anything else (`byteport/boundary/policies/events.py`).
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from byteport.contracts.acts import Act, Effect, Queue
from byteport.domain.base import Frozen
from byteport.domain.failures import Failure
from byteport.domain.scopes import Rights
from byteport.kubernetes.told_events import Telling


class TellEvent(Frozen):
    """Tell one moment of one incident. The cluster worker makes the words; nothing of them is in here."""

    telling: Telling
    failure: Failure
    """Whose runbook it is."""


class EventFate(StrEnum):
    """What became of it."""

    TOLD = "told"
    THERE_ALREADY = "there_already"
    """An earlier attempt has told it."""
    SWITCHED_OFF = "switched_off"
    """By the cluster worker's own settings: Events, or the runbook."""
    NOT_GIVEN = "not_given"
    """The namespace is protected, not enabled, or given and set to be observed only; or it is no object of a namespace."""
    HALTED = "halted"
    TOO_MANY = "too_many"
    """So many were told in the last minute."""


class EventTold(Frozen):
    """Whether the Event stands; where it does not, why."""

    fate: EventFate


TELL_EVENT = Act(
    "kubernetes.tell_event",
    TellEvent,
    EventTold,
    queue=Queue.CLUSTER,
    effect=Effect.TELL,
    deadline=timedelta(seconds=10),
    schedule_to_close=timedelta(seconds=25),
    summary="Write a Kubernetes Event",
    needs=Rights.on("namespaces", "get") + Rights.on("events", "create"),
    max_attempts=3,
)

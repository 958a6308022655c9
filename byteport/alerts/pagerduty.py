"""PagerDuty's webhooks v3 to us: somebody has acknowledged there, so that nobody else is to be paged here.

Comes after `signed.py` and the HTTPS face; what it finds is given to `byteport/temporal/intake.py : acknowledge`. It is never an
approval: where a plan waits for a yes, the ladder stops and the question stays. A webhook of PagerDuty holds no time that is signed
as its own, so one may be sent again by whoever has recorded it: it counts for the incident that it names, and for no later one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from byteport.alerts.signed import LONGEST_HEADER, holds
from byteport.contracts.paging import paged
from byteport.contracts.workflows import Acknowledge
from byteport.domain.redaction import sanitised
from byteport.errors import MalformedInput, NotPermitted

SIGNATURE = "x-pagerduty-signature"
WHERE = "pagerduty webhook"
LARGEST_BODY = 256 << 10
LONGEST_NAME = 80
ACKNOWLEDGED = "incident.acknowledged"
_VERSION = "v1="
_RUNS = ("remediate:", "storm:")
"""Those that hear of an acknowledgement."""


class Nothing(StrEnum):
    """Why nothing follows of a webhook that is PagerDuty's. It is answered 2xx, or it would be sent again for hours."""

    ANOTHER_EVENT = "another_event"
    NOT_OURS = "not_ours"
    """An incident that was not opened by this agent, or by a name that leads back nowhere."""
    BY_NOBODY = "by_nobody"
    """Not by a person of PagerDuty: our own message, or a rule."""


@dataclass(frozen=True)
class TakenOver:
    """A person has it: for whom, and what to tell the run."""

    workflow_id: str
    acknowledgement: Acknowledge


def read(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> TakenOver | Nothing:
    """What a webhook says; `headers` by their lower-case names, `secrets` those of the subscription.

    Raises `NotPermitted` unless one of the secrets has signed exactly this body, and `MalformedInput` for what PagerDuty never sends.
    """
    _check(headers.get(SIGNATURE, ""), body, secrets)
    event = _event(body)
    if event.get("event_type") != ACKNOWLEDGED:
        return Nothing.ANOTHER_EVENT
    incident = event.get("data")
    key = incident.get("incident_key") if isinstance(incident, dict) else None
    named = paged(key) if isinstance(key, str) else None
    if named is None or not named.workflow_id.startswith(_RUNS):
        return Nothing.NOT_OURS
    who = _person(event.get("agent"))
    if who is None:
        return Nothing.BY_NOBODY
    said = Acknowledge(by=who, note="acknowledged in PagerDuty", of_incident=named.incident_id)
    return TakenOver(named.workflow_id, said)


def _check(header: str, body: bytes, secrets: Sequence[str]) -> None:
    if len(body) > LARGEST_BODY:
        raise MalformedInput(WHERE, f"is larger than {LARGEST_BODY} bytes")
    parts = header.split(",") if len(header) <= LONGEST_HEADER else []
    given = [part.strip().removeprefix(_VERSION) for part in parts if part.strip().startswith(_VERSION)]
    if not holds(given, body, secrets):
        raise NotPermitted(f"{WHERE}: no secret of alerts.pagerduty_secrets_file has signed it")


def _event(body: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedInput(WHERE, "is no JSON") from None
    event = plain.get("event") if isinstance(plain, dict) else None
    if not isinstance(event, dict):
        raise MalformedInput(WHERE, "holds no event")
    return event


def _person(agent: object) -> str | None:
    """`pagerduty:PLH1HKV (Ada)`: the id is PagerDuty's, the name what it shows; None for what is no user there."""
    if not isinstance(agent, dict) or agent.get("type") not in ("user_reference", "user"):
        return None
    number, name = agent.get("id"), agent.get("summary")
    if not isinstance(number, str) or not number.isalnum() or len(number) > LONGEST_NAME:
        return None
    shown = sanitised(name, limit=LONGEST_NAME) if isinstance(name, str) else ""
    return f"pagerduty:{number}" + (f" ({shown})" if shown else "")

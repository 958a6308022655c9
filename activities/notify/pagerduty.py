"""PagerDuty's Events API v2: an alert that is triggered by the first page, and ends as its incident does.

Comes after `told.py`. The incident is the `dedup_key`, so that a second page joins the first one's alert, and what was sent twice is
one. The key names the run, by which `byteport/alerts/pagerduty.py` tells it of an acknowledgement there. A plain notice pages nobody.
"""

from __future__ import annotations

from typing import Any

from activities.export.answers import Asked
from activities.notify.channel import Taken
from activities.notify.posting import Posting, as_json
from activities.notify.reading import read_matching
from activities.notify.told import Told
from activities.secrets.port import SecretSource
from byteport.contracts.channels import ChannelKind, PagerDutyConfig
from byteport.contracts.paging import dedup_key
from byteport.contracts.people import Ending

ROUTING_KEY = "escalation.pagerduty.routing_key"
API = "escalation.pagerduty.api"
EVENT = Asked("pagerduty: an event", url=API, credential=ROUTING_KEY)
LONGEST_SUMMARY = 1024
_SEVERITIES = {1: "error"}
_ACTIONS = {Ending.TAKEN_OVER: "acknowledge", Ending.OVER: "resolve"}


class PagerDuty:
    """Sends events to one service."""

    kind = ChannelKind.PAGERDUTY
    first_rung = 1

    def __init__(self, config: PagerDutyConfig, secrets: SecretSource, posting: Posting) -> None:
        self._config = config
        self._secrets = secrets
        self._posting = posting

    async def deliver(self, message: Told, earlier: str) -> Taken:
        del earlier  # the incident's own name is what PagerDuty keeps
        form = "an integration key (32 letters and digits)"
        key = await read_matching(self._secrets, self._config.routing_key, ROUTING_KEY, r"[A-Za-z0-9]{32}", form)
        url = self._config.api.rstrip("/") + "/v2/enqueue"
        await self._posting.call(url, as_json(event(message, key)), EVENT)
        return Taken(said="taken")


def event(message: Told, routing_key: str) -> dict[str, Any]:
    """What the API is sent: all of it for a page, only the names for an end."""
    named = {"routing_key": routing_key, "dedup_key": dedup_key(message.workflow_id, message.incident_id)}
    if message.ending is not None:
        return named | {"event_action": _ACTIONS[message.ending]}
    return named | {
        "event_action": "trigger",
        "client": "BytePort",
        **({"client_url": message.link.url} if message.link is not None else {}),
        "links": [{"href": message.link.url, "text": message.link.words}] if message.link is not None else [],
        "payload": {
            "summary": message.summary[:LONGEST_SUMMARY],
            "source": f"{message.cluster}/{message.target}",
            "severity": _SEVERITIES.get(message.rung, "critical"),
            "timestamp": message.at.isoformat(),
            "component": message.target,
            "group": message.cluster,
            "custom_details": _details(message),
        },
    }


def _details(message: Told) -> dict[str, Any]:
    """The sections by their titles, in order."""
    found: dict[str, Any] = {section.title: [*section.lines, *section.commands] for section in message.sections}
    return found | {"Where it comes from": message.footer}

"""The Events API v2 of PagerDuty, by its reference: required fields, their lengths and words, and 512 KB in all."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from tests.builders.receiving import Shown, need, only

LARGEST = 512 * 1024


def shown(raw: bytes, routing_key: str) -> Shown:
    """What a person sees of an event; nothing where it only acknowledges or resolves."""
    need(len(raw) <= LARGEST, "too large")
    body: dict[str, Any] = json.loads(raw)
    only(body, "routing_key", "dedup_key", "event_action", "client", "client_url", "links", "images", "payload")
    need(body["routing_key"] == routing_key and len(routing_key) == 32, "routing_key")
    need(0 < len(body["dedup_key"]) <= 255, "dedup_key")
    action = body["event_action"]
    need(action in ("trigger", "acknowledge", "resolve"), "event_action")
    if action != "trigger":
        need("payload" not in body, "an end has no payload")
        return Shown()
    payload = body["payload"]
    only(payload, "summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details")
    need(0 < len(payload["summary"]) <= 1024, "summary")
    need(bool(payload["source"]), "source")
    need(payload["severity"] in ("critical", "error", "warning", "info"), "severity")
    datetime.fromisoformat(payload["timestamp"])
    found = Shown(literal=[payload[key] for key in ("summary", "source", "component", "group")])
    for title, lines in payload["custom_details"].items():
        commands = title in ("The plan", "What was planned", "The command that ran", "To undo it", "How to answer")
        texts = [lines] if isinstance(lines, str) else lines
        (found.commands if commands else found.literal).extend(texts)
    for link in body["links"]:
        only(link, "href", "text")
        found.links.append(link["href"])
    return found

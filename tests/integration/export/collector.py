"""A strict HTTP Event Collector: it takes what Splunk documents, and answers with Splunk's documented codes.

What it holds is what was taken; with acknowledgement on, what an indexer would hold is what it has said yes to.
"""

from __future__ import annotations

import gzip
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.integration.export.receivers import Got

TOKEN = "11111111-2222-3333-4444-555555555555"
KNOWN = {"event", "time", "host", "source", "sourcetype", "index", "fields"}


def said(status: int, text: str, code: int, **more: Any) -> web.Response:
    return web.json_response({"text": text, "code": code, **more}, status=status)


@dataclass
class Collector:
    """What it is set to, and what it took."""

    acknowledges: bool = False
    indexes: tuple[str, ...] = ("main", "audit")
    polls_before_yes: int = 0
    poison: str = ""
    """An event that holds this is not taken."""
    events: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    acks: dict[tuple[str, int], int] = field(default_factory=dict)
    answers: list[web.StreamResponse | None] = field(default_factory=list)
    """Instead of what it would say, one after the other; None for what it would say."""

    def __call__(self, got: Got) -> web.StreamResponse:
        forced = self.answers.pop(0) if self.answers else None
        if forced is not None:
            return forced
        refused = self._authorised(got)
        if refused is not None:
            return refused
        if got.path == "/services/collector/event":
            return self._event(got)
        if got.path == "/services/collector/ack":
            return self._ack(got)
        return said(404, "The requested URL was not found on this server.", 404)

    def _authorised(self, got: Got) -> web.Response | None:
        if got.method != "POST":
            return said(405, "Method Not Allowed", 405)
        authorization = got.headers.get("authorization")
        if authorization is None:
            return said(401, "Token is required", 2)
        scheme, _, token = authorization.partition(" ")
        if scheme != "Splunk":
            return said(401, "Invalid authorization", 3)
        if token != TOKEN:
            return said(403, "Invalid token", 4)
        return self._channel(got)

    def _channel(self, got: Got) -> web.Response | None:
        channel = got.headers.get("x-splunk-request-channel")
        if channel is None:
            return said(400, "Data channel is missing", 10) if self.acknowledges else None
        try:
            uuid.UUID(channel)
        except ValueError:
            return said(400, "Invalid data channel", 11)
        return None

    def _event(self, got: Got) -> web.Response:
        body = gzip.decompress(got.body) if got.headers.get("content-encoding") == "gzip" else got.body
        self.bodies.append(body)
        if not body.strip():
            return said(400, "No data", 5)
        new: list[dict[str, Any]] = []
        text, at, decoder = body.decode(), 0, json.JSONDecoder()
        while (at := _skip(text, at)) < len(text):
            try:
                event, at = decoder.raw_decode(text, at)
            except ValueError:
                return said(400, "Invalid data format", 6, **{"invalid-event-number": len(new)})
            if wrong := self._wrong(event, len(new)):
                return wrong
            new.append(event)
        self.events += new
        if not self.acknowledges:
            return said(200, "Success", 0)
        ack = len(self.acks)
        self.acks[got.headers["x-splunk-request-channel"], ack] = 0
        return said(200, "Success", 0, ackId=ack)

    def _wrong(self, event: Any, number: int) -> web.Response | None:
        at = {"invalid-event-number": number}
        if not isinstance(event, dict) or set(event) - KNOWN or not isinstance(event.get("time", 0), int | float):
            return said(400, "Invalid data format", 6, **at)
        if "event" not in event:
            return said(400, "Event field is required", 12, **at)
        if event["event"] in ("", None):
            return said(400, "Event field cannot be blank", 13, **at)
        if event.get("index", "main") not in self.indexes:
            return said(400, "Incorrect index", 7, **at)
        if self.poison and self.poison in json.dumps(event):
            return said(400, "Invalid data format", 6, **at)
        return None

    def _ack(self, got: Got) -> web.Response:
        if not self.acknowledges:
            return said(400, "ACK is disabled", 14)
        channel, answer = got.headers["x-splunk-request-channel"], {}
        for number in json.loads(got.body)["acks"]:
            polls = self.acks.get((channel, number))
            answer[str(number)] = polls is not None and polls >= self.polls_before_yes
            if polls is not None:
                self.acks[channel, number] = polls + 1
        return web.json_response({"acks": answer})


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at

"""How long it took until the API server's switch was off and in force, by the API server's own audit log.

What the promise is about, and nothing of what a test does besides: on a busy machine its own requests take longer than
five seconds. Used by the tests of `halt`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from byteport.boundary.names import MAY_ACT
from byteport.sandbox.controlplane import AGENT_USER, WRITES, ControlPlane

JSON = dict[str, Any]

HALT_SECONDS = 5.0
"""Within which a halt is in force, as claimed."""


def in_force_after(plane: ControlPlane, since: int) -> float:
    """Seconds from the first request of whoever turned it off until it was off and no write of the agent was let through
    any more, later than `since`. What the agent only asks about its rights is no write; a dry run is one."""
    events = plane.audit_events(since=since)
    (deleted,) = [event for event in _done(events, {"delete"}) if _about(event) == ("clusterrolebindings", MAY_ACT)]
    theirs = [event for event in events if event["user"]["username"] == deleted["user"]["username"]]
    asked = min(_at(event) for event in theirs if event["verb"] != "watch")  # one may have begun long ago, and end now
    let_through = [
        _at(event)
        for event in _done(events, WRITES)
        if event["user"]["username"] == AGENT_USER and not _about(event)[0].endswith("reviews")
    ]
    return (max([*let_through, _at(deleted, "stageTimestamp")]) - asked).total_seconds()


def _done(events: list[JSON], verbs: set[str] | frozenset[str]) -> list[JSON]:
    return [event for event in events if event["verb"] in verbs and event["responseStatus"]["code"] < 300]


def _about(event: JSON) -> tuple[str, str]:
    about = event.get("objectRef") or {}
    return str(about.get("resource", "")), str(about.get("name", ""))


def _at(event: JSON, stamp: str = "requestReceivedTimestamp") -> datetime:
    return datetime.fromisoformat(event[stamp])

"""What an API server's audit log would say of a simulated cluster: its own list of writes and commands, as events.

The simulation keeps who made each write with which words, so that the third verdict can be asked of it as of a real API
server. It has no user but the agent, and refused requests are not in its list. Comes before `simulated.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from byteport.boundary.names import AGENT
from byteport.kubernetes.port import Attribution
from byteport.sandbox.simulated import SimulatedCluster

BEAT = timedelta(minutes=5)
"""How often somebody else reads, so that the log speaks for all of the time."""

JSON = dict[str, Any]


def audit_lines(cluster: SimulatedCluster, *, since: datetime, until: datetime) -> list[bytes]:
    """The events of that time, one a line."""
    events = [*_writes(cluster), *_commands(cluster), *_beats(since, until)]
    events.sort(key=lambda event: str(event["stageTimestamp"]))
    return [json.dumps(event).encode() + b"\n" for event in events]


def _writes(cluster: SimulatedCluster) -> Iterator[JSON]:
    for one in (*cluster.mutations(), *cluster.dry_runs()):
        query = f"?fieldManager={one.by.field_manager}" if one.verb == "patch" else "?"
        uri = f"/{one.resource.plural}/{one.name}{query}" + ("&dryRun=All" if one.dry_run else "")
        about = {"apiGroup": one.resource.group, "resource": one.resource.plural}
        yield _event(
            one.at, one.verb, uri, {**about, "namespace": one.namespace, "name": one.name, "uid": one.uid}, one.by
        )


def _commands(cluster: SimulatedCluster) -> Iterator[JSON]:
    for one in cluster.commands():
        words = "".join(f"&command={word.replace('/', '%2F')}" for word in one.argv)
        about = {"resource": "pods", "subresource": "exec", "namespace": one.namespace, "name": one.pod}
        yield _event(one.at, "get", f"/exec?container={one.container}{words}", about, one.by, code=101)


def _beats(since: datetime, until: datetime) -> Iterator[JSON]:
    at = since
    while at < until:
        yield _event(at, "list", "/pods", {"resource": "pods"}, None)
        at += BEAT
    yield _event(until, "list", "/pods", {"resource": "pods"}, None)


def _event(at: datetime, verb: str, uri: str, about: JSON, by: Attribution | None, *, code: int = 200) -> JSON:
    acts = by is not None and by.action_id
    stamp = at.isoformat(timespec="microseconds")
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": by.audit_id if by is not None else f"none-{stamp}",
        "stage": "ResponseComplete",
        "requestURI": uri,
        "verb": verb,
        "user": {"username": AGENT},
        "userAgent": f"byteport/0 ({by.action_id[:12]})" if by is not None and acts else "byteport/0",
        "objectRef": about,
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": stamp,
        "stageTimestamp": stamp,
    }

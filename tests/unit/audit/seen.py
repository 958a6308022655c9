"""Acts as records, and the API server's audit log of them, event by event: what the tests of matching change."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from byteport.audit.acts import acts_of
from byteport.audit.apiserver import read
from byteport.audit.chain import GENESIS
from byteport.audit.matched import Matching
from byteport.audit.matching import match
from byteport.audit.outcomes import end_key, intent_key
from byteport.audit.records import Entry, seal, timestamp
from byteport.audit.requests import Requests
from byteport.audit.words import Decision, Event, Result
from byteport.boundary.by_design import rules
from byteport.boundary.names import AGENT
from byteport.domain.canonical import digest
from byteport.domain.ids import audit_id
from tests.unit.audit.chains import chance, header, payload

JSON = dict[str, Any]

BEGAN = datetime.fromisoformat("2026-03-10T09:00:00+00:00")
LOG = "audit.log"

DELETE = "kubectl delete pod web-1 -n shop"
ROLL_BACK = "kubectl rollout undo deployment/web -n shop --to-revision=3"
RAISE = 'kubectl patch hpa web -n shop --type merge -p \'{"spec":{"minReplicas":4}}\''
PRUNE = "kubectl exec -n byteport-node helper-1 -c helper -- crictl rmi --prune"
COMMANDS = (DELETE, ROLL_BACK, RAISE, PRUNE)


def action(number: int) -> str:
    return digest(f"action {number}")


def moment(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


class Told:
    """A chain that grows."""

    def __init__(self, first_seq: int = 1) -> None:
        self.entries: list[Entry] = []
        self._first = first_seq

    def act(
        self, number: int, command: str, at: float, *, outcome: str | None = "done", uid: str | None = "uid-1"
    ) -> str:
        """An intent at so many seconds and, ten seconds later, its end."""
        self.append(Event.STARTED, intent_key(action(number)), number, at, command=command, uid=uid)
        if outcome is not None:
            self.end(number, at + 10, outcome, command)
        return action(number)

    def end(self, number: int, at: float, outcome: str, command: str = DELETE) -> None:
        result = Result.FAILURE if outcome == "not_done" else None
        key = end_key(action(number), outcome, verified=None)
        self.append(Event.FINISHED, key, number, at, command=command, result=result)

    def beside(self, at: float) -> None:
        """A record of no act."""
        seq = self._next()
        self.append(Event.SKIPPED, f"beside {seq}", None, at, command=None)

    def append(
        self,
        event: Event,
        key: str,
        number: int | None,
        at: float,
        *,
        command: str | None,
        uid: str | None = None,
        result: Result | None = None,
        decision: Decision = Decision.ACTED,
    ) -> None:
        """Any record at all."""
        seq = self._next()
        head = header(seq, self.entries[-1].hash if self.entries else GENESIS).model_copy(
            update={
                "event": event,
                "decision": decision,
                "key": digest(key),
                "action_id": None if number is None else action(number),
                "timestamp": timestamp(moment(at)),
            }
        )
        body = payload(seq).model_copy(update={"command": command, "object_uid": uid, "result": result})
        self.entries.append(seal(head, body, chance(32, "salt", seq)))

    def _next(self) -> int:
        return self._first + len(self.entries)


PATCHED = "/x?fieldManager=byteport-agent"

_PLACES: dict[str, JSON] = {
    DELETE: {"verb": "delete", "objectRef": {"resource": "pods", "name": "web-1"}},
    ROLL_BACK: {
        "verb": "patch",
        "objectRef": {"apiGroup": "apps", "resource": "deployments", "name": "web"},
        "requestURI": PATCHED,
    },
    RAISE: {
        "verb": "patch",
        "objectRef": {"apiGroup": "autoscaling", "resource": "horizontalpodautoscalers", "name": "web"},
        "requestURI": PATCHED,
    },
    PRUNE: {
        "verb": "get",
        "objectRef": {"resource": "pods", "subresource": "exec", "name": "helper-1"},
        "requestURI": "/x/exec?container=helper&stdout=true&stderr=true&command=crictl&command=rmi&command=--prune",
    },
}


def event(at: float, **changes: Any) -> JSON:
    """One request of our account as its last stage tells it: a harmless read, unless `changes` say otherwise."""
    plain = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"0000-{at}",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/pods",
        "verb": "list",
        "user": {"username": AGENT, "groups": ["system:serviceaccounts"]},
        "userAgent": "byteport/1.0.0",
        "objectRef": {"resource": "pods", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": stamp(at),
        "stageTimestamp": stamp(at + 0.01),
    }
    return {**plain, **changes}


def stamp(at: float) -> str:
    return moment(at).isoformat(timespec="microseconds").replace("+00:00", "Z")


def write(number: int, command: str, at: float, *, code: int = 200, **changes: Any) -> JSON:
    """The request that carries out an act, as it is sent."""
    place = _PLACES[command]
    home = "byteport-node" if command == PRUNE else "shop"
    plain: JSON = {
        **place,
        "auditID": audit_id(action(number)),
        "userAgent": f"byteport/1.0.0 ({action(number)[:12]})",
        "objectRef": {"namespace": home, "apiVersion": "v1", **place["objectRef"]},
        "responseStatus": {"metadata": {}, "code": 101 if command == PRUNE and code == 200 else code},
    }
    return event(at, **{**plain, **changes})


def quiet(until: float = 600) -> list[JSON]:
    """Somebody else's reads, one a minute, so that the log speaks for all of the time."""
    others = {"user": {"username": "admin"}, "userAgent": "kubectl/v1"}
    return [event(float(at), **others) for at in range(-60, int(until) + 60, 60)]


def lines(*events: JSON | Iterable[JSON]) -> list[bytes]:
    """A file of them, in the order of their times."""
    flat = [one for group in events for one in ([group] if isinstance(group, dict) else group)]
    flat.sort(key=lambda one: one["stageTimestamp"])
    return [json.dumps(one).encode() + b"\n" for one in flat]


def matched(told: Told, *files: list[bytes], account: str = AGENT) -> Matching:
    """The verdict, as the command line asks for it."""
    acts = acts_of(told.entries)
    requests = Requests(account, {act.audit_id for act in acts.in_order()}, rules(account).idle)
    for number, file in enumerate(files):
        requests.take(read(file, LOG if not number else f"{LOG}.{number}"))
    return match(acts, requests, rules(account))


def causes(found: Matching) -> list[str]:
    return sorted(finding.cause.value for finding in found.findings)


def all_kinds() -> tuple[Told, list[JSON]]:
    """One act of each kind with its write, 60 s apart, and reads around them."""
    told, events = Told(), []
    for number, command in enumerate(COMMANDS, start=1):
        told.act(number, command, number * 60)
        events.append(write(number, command, number * 60 + 2))
    told.beside(400)
    return told, [*events, *quiet(), event(30)]

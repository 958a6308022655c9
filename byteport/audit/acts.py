"""The acts that a chain tells of: what each was to do, when it was permitted, and what became of it.

Read from the stored records alone. Headers give id, time and outcome even where a payload has been pruned; the payload's
command gives the call. Comes after `records` and `outcomes`; `matching` holds it against the API server's own log. Whether
the records themselves are what was appended is `verify`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from byteport.audit.outcomes import Outcome, is_intent, outcome_of
from byteport.audit.records import Entry, Header, Payload, read_header, read_payload
from byteport.domain.ids import audit_id
from byteport.domain.plans import HELPER_CONTAINER
from byteport.errors import MalformedInput

_NAME = r"(?P<name>[a-z0-9][-a-z0-9.]*)"
_NAMESPACE = r"(?P<namespace>[a-z0-9][-a-z0-9]*)"


class Call(NamedTuple):
    """The one request that carries out an act."""

    verbs: frozenset[str]
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    argv: tuple[str, ...] = ()
    """The command that is run in `HELPER_CONTAINER`, where it is one."""

    def __str__(self) -> str:
        what = "/".join(filter(None, (self.resource, self.subresource)))
        return f"{min(self.verbs)} {what} {self.namespace}/{self.name}"


_CALLS = (
    (re.compile(rf"kubectl delete pod {_NAME} -n {_NAMESPACE}"), ("", "pods", "", "delete")),
    (
        re.compile(rf"kubectl rollout undo deployment/{_NAME} -n {_NAMESPACE} --to-revision=[0-9]+"),
        ("apps", "deployments", "", "patch"),
    ),
    (
        re.compile(rf"kubectl patch hpa {_NAME} -n {_NAMESPACE} --type merge -p '[^']*'"),
        ("autoscaling", "horizontalpodautoscalers", "", "patch"),
    ),
)
"""The command of each kind of plan (`domain/plans`), and the request that carries it out."""
_EXEC = re.compile(rf"kubectl exec -n {_NAMESPACE} {_NAME} -c {HELPER_CONTAINER} -- (?P<argv>.+)")
_EXECS = frozenset({"get", "create"})
"""A command is asked for by either, as the client speaks websockets or not."""


def call_of(command: str) -> Call | None:
    """The request behind a record's command; None for one of another form."""
    for pattern, (group, resource, subresource, verb) in _CALLS:
        found = pattern.fullmatch(command)
        if found is not None:
            return Call(frozenset({verb}), group, resource, subresource, found["namespace"], found["name"])
    found = _EXEC.fullmatch(command)
    if found is None:
        return None
    return Call(_EXECS, "", "pods", "exec", found["namespace"], found["name"], tuple(found["argv"].split(" ")))


@dataclass
class Act:
    """One intent, and what its records say of it."""

    seq: int
    id: str
    action_id: str
    at: datetime
    """When the intent was recorded: nothing of it may have been done before."""
    call: Call | None
    """None where the payload has been destroyed or is of no known form."""
    uid: str | None
    """Of the object that the call is sent to, where the record says it."""
    outcome: Outcome | None = None
    """What its last record says became of it; None while it is open."""
    ended: datetime | None = None
    """When the first record of its end was written."""

    @property
    def audit_id(self) -> str:
        return audit_id(self.action_id)


class Stray(NamedTuple):
    """A record that stands for no act of its own."""

    seq: int
    id: str
    action_id: str


@dataclass
class Acts:
    """Everything that a chain, or a part of one, tells of acts."""

    by_action: dict[str, Act] = field(default_factory=dict)
    repeated: list[Stray] = field(default_factory=list)
    """Intents of an action that has one already."""
    ends_only: list[Stray] = field(default_factory=list)
    """Ends of an action whose intent is not there."""
    first_seq: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    """Of the first and the last record that could be read."""

    def in_order(self) -> list[Act]:
        return sorted(self.by_action.values(), key=lambda act: act.seq)


def acts_of(entries: Iterable[Entry]) -> Acts:
    """Go through a chain once, in its order. Records that cannot be read are passed over: `verify` names them."""
    acts = Acts()
    for entry in entries:
        try:
            header = read_header(entry.header)
        except MalformedInput:
            continue
        acts.first_seq = acts.first_seq or header.seq
        at = datetime.fromisoformat(header.timestamp)
        acts.first_at = acts.first_at or at
        acts.last_at = at
        if header.action_id is not None:
            _take(acts, entry, header, header.action_id, at)
    return acts


def _take(acts: Acts, entry: Entry, header: Header, action_id: str, at: datetime) -> None:
    stray, known = Stray(header.seq, header.id, action_id), acts.by_action.get(action_id)
    if is_intent(header):
        if known is not None:
            acts.repeated.append(stray)
            return
        payload = _payload(entry)
        call = call_of(payload.command or "") if payload is not None else None
        uid = payload.object_uid if payload is not None else None
        acts.by_action[action_id] = Act(header.seq, header.id, action_id, at, call, uid)
        return
    outcome = outcome_of(header)
    if outcome is None:
        return
    if known is None:
        acts.ends_only.append(stray)
        return
    known.outcome = outcome
    known.ended = known.ended or at


def _payload(entry: Entry) -> Payload | None:
    try:
        return None if entry.payload is None else read_payload(entry.payload)
    except MalformedInput:
        return None

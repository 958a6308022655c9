"""The acts that a chain tells of: what each was to do, when it was permitted, and what became of it.

Read from the stored records alone. Headers give id, time and outcome even where a payload has been pruned; the payload's
command gives the call. Only a body that is not there leaves the call untold: one that is there and says no command of ours
is a finding, and so is a record whose words are not those of its key. Comes after `records` and `outcomes`; `matching`
holds it against the API server's own log. Whether the records themselves are what was appended is `verify`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from byteport.audit.moments import is_moment, nearest
from byteport.audit.outcomes import Outcome, is_intent, odd, outcome_of
from byteport.audit.records import Entry, Header, Payload, read_header, read_payload
from byteport.domain.ids import audit_id
from byteport.domain.plans import HELPER_CONTAINER, PRUNE_ARGV
from byteport.domain.redaction import REDACTED, sanitised
from byteport.errors import MalformedInput

_MASKED = re.escape(REDACTED)
_NAME = rf"(?P<name>(?:[a-z0-9.-]|{_MASKED})+)"
_NAMESPACE = rf"(?P<namespace>(?:[a-z0-9-]|{_MASKED})+)"
"""Names as records have them: what looks like a secret is masked, also where it is a name."""


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
    floor: int | None = None
    """What `minReplicas` is set to, where it is."""

    def is_of(self, namespace: str, name: str) -> bool:
        """Whether it is sent to that object; a name that the record masks is compared as it would be masked."""
        return all(
            said == (sanitised(meant) if REDACTED in said else meant)
            for said, meant in ((self.namespace, namespace), (self.name, name))
        )

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
        re.compile(
            rf"kubectl patch hpa {_NAME} -n {_NAMESPACE} --type merge "
            r"""-p '\{"spec":\{"minReplicas":(?P<floor>[0-9]{1,9})\}\}'"""
        ),
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
            where = (found["namespace"], found["name"])
            floor = found.groupdict().get("floor")
            return Call(frozenset({verb}), group, resource, subresource, *where, floor=int(floor) if floor else None)
    found = _EXEC.fullmatch(command)
    if found is None:
        return None
    return Call(_EXECS, "", "pods", "exec", found["namespace"], found["name"], tuple(found["argv"].split(" ")))


def is_some_call(verb: str, about: tuple[str, str, str], argv: tuple[str, ...]) -> bool:
    """Whether any act at all is carried out so: what can still be asked where the record's body is gone."""
    if about == ("", "pods", "exec"):
        return verb in _EXECS and argv in PRUNE_ARGV.values()
    return (*about, verb) in {
        (group, resource, subresource, known) for _, (group, resource, subresource, known) in _CALLS
    }


class Body(StrEnum):
    """What can be told of an intent's command."""

    READ = "read"
    GONE = "gone"
    """The payload has been destroyed, or its key is not at hand."""
    STRANGE = "strange"
    """The payload is there, and says no command of ours."""


@dataclass
class Act:
    """One intent, and what its records say of it."""

    seq: int
    id: str
    action_id: str
    at: datetime
    """When the intent was recorded: nothing of it may have been done before."""
    call: Call | None
    """None unless `body` is READ."""
    body: Body
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
    """A record that stands for no act of its own, or whose words are odd."""

    seq: int
    id: str
    action_id: str | None
    says: str = ""


@dataclass
class Acts:
    """Everything that a chain, or a part of one, tells of acts."""

    by_action: dict[str, Act] = field(default_factory=dict)
    repeated: list[Stray] = field(default_factory=list)
    """Intents of an action that has one already."""
    ends_only: list[Stray] = field(default_factory=list)
    """Ends of an action before which there is no intent."""
    contradicting: list[Stray] = field(default_factory=list)
    """Ends that say another outcome than the one before, where that was known."""
    odd: list[Stray] = field(default_factory=list)
    """Records whose words are not those of their key, or whose time is none."""
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
        if not is_moment(at):
            acts.odd.append(Stray(header.seq, header.id, header.action_id, "says a year that no log is of"))
            at = nearest(at)
        acts.first_at = acts.first_at or at
        acts.last_at = at
        _take(acts, entry, header, at)
    return acts


def _take(acts: Acts, entry: Entry, header: Header, at: datetime) -> None:
    body, payload = _payload(entry)
    says = odd(header, payload)
    if says is not None:
        acts.odd.append(Stray(header.seq, header.id, header.action_id, says))
    if header.action_id is None:
        return
    stray, known = Stray(header.seq, header.id, header.action_id), acts.by_action.get(header.action_id)
    if is_intent(header):
        if known is not None:
            acts.repeated.append(stray)
            return
        call = call_of(payload.command or "") if payload is not None else None
        uid = payload.object_uid if payload is not None else None
        body = Body.STRANGE if body is Body.READ and call is None else body
        acts.by_action[header.action_id] = Act(header.seq, header.id, header.action_id, at, call, body, uid)
        return
    outcome = outcome_of(header)
    if outcome is None:
        return
    if known is None:
        acts.ends_only.append(stray)
        return
    if known.outcome not in (None, Outcome.UNKNOWN, outcome):
        says = f"calls {outcome.value} what was called {known.outcome.value if known.outcome else ''} before"
        acts.contradicting.append(stray._replace(says=says))
    known.outcome = outcome
    known.ended = known.ended or at


def _payload(entry: Entry) -> tuple[Body, Payload | None]:
    if entry.payload is None:
        return Body.GONE, None
    try:
        return Body.READ, read_payload(entry.payload)
    except MalformedInput:
        return Body.STRANGE, None

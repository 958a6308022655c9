"""What an administrator's command would change, one change at a time: what it says to a person, and what it takes to do it.

`enrol.py` and `disenrol.py` plan them, the command line shows them, asks, and gives them to the administrator's hands. Each
carries what it was planned on, so that what somebody has written meanwhile is refused, not overwritten: of an object that is
ours its resourceVersion; of one that others write to all the time, all of its labels, or the one key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from byteport.boundary import whole
from byteport.boundary.installed import RESOURCES, Problem
from byteport.boundary.needs import READ_VERBS
from byteport.domain.base import Frozen
from byteport.kubernetes import fields
from byteport.kubernetes.patches import Operation, pointer
from byteport.kubernetes.port import AUTOSCALERS, DEPLOYMENTS, JSON, Resource

PLACES: Mapping[str, Resource] = {
    **RESOURCES,
    "Deployment": DEPLOYMENTS,
    "HorizontalPodAutoscaler": AUTOSCALERS,
}
"""Where the kinds that are changed lie."""


class _Change(Frozen):
    """`lines` say what comes (`+ …`) and what goes (`- …`), a line for each right."""

    kind: str
    name: str
    namespace: str = ""
    why: str
    lines: tuple[str, ...] = ()

    @property
    def resource(self) -> Resource:
        return PLACES[self.kind]

    @property
    def ref(self) -> str:
        """`RoleBinding shop/byteport-agent-act`."""
        return f"{self.kind} {'/'.join(filter(None, (self.namespace, self.name)))}"


class Create(_Change):
    """Make an object that is not there."""

    verb: Literal["create"] = "create"
    body: Annotated[JSON, Field(exclude=True)]
    gives: Annotated[tuple[JSON, ...], Field(exclude=True)] = ()
    """Rules that it grants, for the question whether the caller may give them away."""


class Replace(_Change):
    """Make an object that is there say exactly this; everything else on it stays."""

    verb: Literal["replace"] = "replace"
    body: Annotated[JSON, Field(exclude=True)]
    """With the uid and resourceVersion that it was planned on."""
    gives: Annotated[tuple[JSON, ...], Field(exclude=True)] = ()


class Delete(_Change):
    """Take an object away, exactly the one that was seen."""

    verb: Literal["delete"] = "delete"
    uid: str
    resource_version: str


class Label(_Change):
    """Set one label, or take it off (None), while all labels are those that were seen: each is somebody's word."""

    verb: Literal["label"] = "label"
    uid: str
    key: str
    value: str | None
    seen: Annotated[JSON, Field(exclude=True)]

    @property
    def operations(self) -> list[Operation]:
        """As a JSON Patch; of other labels meanwhile, or another object of that name, nothing is written."""
        return [_same(self.uid), *_keyed(_LABELS, self.key, self.value, self.seen, (_LABELS, self.seen))]


class Entry(_Change):
    """Set one key of a ConfigMap, or take it out (None), while it says what was seen; other keys are for others to write."""

    verb: Literal["entry"] = "entry"
    uid: str
    key: str
    value: str | None
    seen: Annotated[JSON, Field(exclude=True)]
    """Its data."""

    @property
    def operations(self) -> list[Operation]:
        """As a JSON Patch; of another value meanwhile, or another object of that name, nothing is written."""
        key = (*_DATA, self.key)
        return [_same(self.uid), *_keyed(_DATA, self.key, self.value, self.seen, (key, self.seen.get(self.key)))]


class Restore(_Change):
    """Put a floor back that the agent raised, by a JSON Patch that tests what it was made for."""

    verb: Literal["restore"] = "restore"
    operations: Annotated[tuple[dict[str, Any], ...], Field(exclude=True)]


def _same(uid: str) -> Operation:
    return {"op": "test", "path": "/metadata/uid", "value": uid}


_LABELS, _DATA = ("metadata", "labels"), ("data",)


def _keyed(
    where: tuple[str, ...], key: str, value: str | None, seen: JSON, tested: tuple[tuple[str, ...], object]
) -> list[Operation]:
    """One key of a map, which may not be there yet; null is what the API server's own test finds where nothing is."""
    every, path = pointer(*where), pointer(*where, key)
    if not seen:
        return [{"op": "test", "path": every, "value": None}, {"op": "add", "path": every, "value": {key: value}}]
    test = {"op": "test", "path": pointer(*tested[0]), "value": tested[1]}
    return [test, {"op": "remove", "path": path} if value is None else {"op": "add", "path": path, "value": value}]


AnyChange = Create | Replace | Delete | Label | Entry | Restore


class Plan(Frozen):
    """Everything that one command would do, in the order in which it is done; with a problem nothing is."""

    changes: tuple[AnyChange, ...] = ()
    problems: tuple[Problem, ...] = ()
    left: tuple[Problem, ...] = ()
    """What is a person's to do, whether or not there are changes: it keeps none of them from being made."""
    notes: tuple[str, ...] = ()
    """What a person must know, and what stands in nobody's way."""


class Ask(NamedTuple):
    """One right that the caller needs, as a SelfSubjectAccessReview asks it."""

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def text(self) -> str:
        """`patch configmaps/byteport-enabled in byteport-agent`."""
        plural = "/".join(filter(None, (self.resource.plural, self.subresource)))
        right = whole.written(self.resource.group, plural, self.verb, self.name)
        return f"{right} in {self.namespace}" if self.namespace and self.resource.plural != "namespaces" else right


def asks(change: AnyChange) -> Ask:
    """The right to make that change."""
    where = change.name if change.kind == "Namespace" else change.namespace
    match change:
        case Create():
            return Ask("create", change.resource, where)
        case Delete():
            return Ask("delete", change.resource, where, change.name)
        case _:
            return Ask("patch", change.resource, where, change.name)


class Gift(NamedTuple):
    """What the API server demands of whoever gives rights away: `leave` to give that role, or the rights themselves."""

    leave: Ask
    rights: tuple[Ask, ...]


def gift(change: AnyChange) -> Gift | None:
    """For a role or a binding that is made or changed; None when nothing is given."""
    if not isinstance(change, Create | Replace) or not change.gives:
        return None
    if change.kind == "Role":
        leave = Ask("escalate", change.resource, change.namespace, change.name)
    else:
        ref = fields.mapping(change.body.get("roleRef"))
        held = RESOURCES[str(ref["kind"])]
        leave = Ask("bind", held, change.namespace, str(ref["name"]))
    return Gift(leave, tuple(_rights(change.gives, change.namespace)))


def _rights(its_rules: Iterable[JSON], namespace: str) -> Iterator[Ask]:
    for group, plural, verb, name in sorted(whole.granted({"resourceRules": list(its_rules)})[0]):
        resource, _, subresource = plural.partition("/")
        yield Ask(verb, Resource(group, _VERSIONS.get(group, "v1"), resource), namespace, name, subresource)


_VERSIONS = {"autoscaling": "v2", "metrics.k8s.io": "v1beta1"}


def meanings(its_rules: Sequence[JSON]) -> tuple[str, ...]:
    """What rules permit, a line each, in a person's words; those that nobody of ours renders in RBAC's own."""
    reads: dict[tuple[str, str, str], list[str]] = {}
    writes = []
    for group, plural, verb, name in sorted(whole.granted({"resourceRules": list(its_rules)})[0]):
        if verb in READ_VERBS:
            reads.setdefault((group, plural, name), []).append(verb)
        else:
            writes.append(_write(group, plural, verb, name))
    return (*writes, *(_read(*key, verbs) for key, verbs in reads.items()))


def _write(group: str, plural: str, verb: str, name: str) -> str:
    match (group, plural, verb):
        case ("", "pods", "delete"):
            return "may delete pods that are not Ready and that a ReplicaSet makes again"
        case ("", "pods/eviction", "create"):
            return "may ask the disruption budgets by a dry run of an eviction; nothing is evicted"
        case ("", "events", "create"):
            return "may write Events about workloads, which say what it planned and did"
        case ("apps", "deployments", "patch"):
            which = f"Deployment {name}" if name else "any Deployment that is labelled for it"
            return f"may roll {which} back to a revision of its own that serves"
        case ("autoscaling", "horizontalpodautoscalers", "patch"):
            which = f"HorizontalPodAutoscaler {name}" if name else "any HorizontalPodAutoscaler"
            return f"may raise the floor of {which} for a while, within its bounds, and put it back"
        case _:
            return f"may {whole.written(group, plural, verb, name)}"


def _read(group: str, plural: str, name: str, verbs: Sequence[str]) -> str:
    if (group, plural) == ("", "pods/log"):
        return "may read what containers print"
    what = f"{plural}.{group}" if group else plural
    return f"may read {what}{f'/{name}' if name else ''}: {', '.join(verbs)}"

"""Events: one new note about a workload, in the form that `byteport/kubernetes/told_events.py` gives it, and nothing else.

There only where Events were chosen: else no right wants it, and the policy over everything refuses every write of that kind. An
Event is read by people and by programs, so that who reports, which moments there are, how long the words are and what they consist of
are all fixed. What the words *say* no policy can know. Core `v1` alone: Events of `events.k8s.io` are the same objects, and
`matchPolicy: Equivalent` shows them here as core ones.
"""

from __future__ import annotations

from byteport.boundary.choices import Choices
from byteport.boundary.names import AGENT_MANAGER
from byteport.boundary.policies.shape import ENABLED, Rule, cel_list, not_protected, resources, validating
from byteport.kubernetes.port import JSON
from byteport.kubernetes.told_events import (
    LONGEST_NAME,
    LONGEST_NOTE,
    LONGEST_UID,
    NAMED,
    PRINTABLE,
    REPORTER,
    TREATED,
    TYPES,
)

NAME = "byteport-events"
APART_MINUTES = 5
"""How far the agent's clock may be from the API server's: an Event is of now."""

CHECKED = frozenset(
    {
        *("metadata", "involvedObject", "type", "reason", "message"),
        *("source", "reportingComponent", "reportingInstance", "firstTimestamp", "lastTimestamp", "count"),
    }
)
"""Fields that an Event of ours has; each has a rule."""
ABSENT = ("series", "related", "action", "eventTime")
"""Fields that it has not: all others that there are, by a test over the server's OpenAPI."""
INVOLVED = ("apiVersion", "kind", "namespace", "name", "uid")
NOT_INVOLVED = ("fieldPath", "resourceVersion")
FREE_METADATA = frozenset(
    {"name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion", "managedFields"}
)
"""Of its metadata: what has a rule, and what the API server writes itself whatever is sent."""
NO_METADATA = (
    *("generateName", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"),
    *("labels", "annotations", "ownerReferences", "finalizers"),
)

_ONLY_NEW = Rule("request.operation == 'CREATE' && !has(request.subResource)", "an Event is only ever a new one")
_REPORTED = Rule(
    f"variables.event.?reportingComponent.orValue('') == '{REPORTER}' && variables.event.?reportingInstance.orValue('') == '{REPORTER}'"
    f" && variables.event.?source.component.orValue('') == '{REPORTER}' && variables.event.?source.host.orValue('') == ''",
    "an Event says who reports it",
)
_TREATED = "[" + ", ".join(cel_list((kind, version)) for kind, version in TREATED.items()) + "]"
_ABOUT = Rule(
    "variables.event.involvedObject.?namespace.orValue('') == request.namespace"
    f" && [variables.event.involvedObject.?kind.orValue(''), variables.event.involvedObject.?apiVersion.orValue('')] in {_TREATED}"
    f" && variables.event.involvedObject.?name.orValue('').matches('^[a-z0-9][-a-z0-9.]{{0,{LONGEST_NAME - 1}}}$')"
    f" && variables.event.involvedObject.?uid.orValue('').matches('^[-A-Za-z0-9]{{1,{LONGEST_UID}}}$') && "
    + " && ".join(f"variables.event.involvedObject.?{field}.orValue('') == ''" for field in NOT_INVOLVED),
    "an Event is about a workload in its own namespace",
)
_BY_TYPE = {kind: cel_list(sorted(one.value for one in TYPES if TYPES[one] == kind)) for kind in TYPES.values()}
_MOMENT = Rule(
    " || ".join(
        f"(variables.event.?type.orValue('') == '{kind}' && variables.event.?reason.orValue('') in {reasons})"
        for kind, reasons in sorted(_BY_TYPE.items())
    ),
    "an Event has one of our reasons, and its type",
)
_NOTE = Rule(
    f"size(variables.event.?message.orValue('')) <= {LONGEST_NOTE} && variables.event.?message.orValue('').matches('^{PRINTABLE}$')",
    f"an Event's message has at most {LONGEST_NOTE} printable characters",
)
_WRITTEN = "timestamp(object.metadata.creationTimestamp)"
_NOW = Rule(
    "has(variables.event.lastTimestamp) && has(variables.event.firstTimestamp) && variables.event.lastTimestamp == variables.event.firstTimestamp"
    f" && {_WRITTEN} - timestamp(variables.event.lastTimestamp) <= duration('{APART_MINUTES}m')"
    f" && timestamp(variables.event.lastTimestamp) - {_WRITTEN} <= duration('{APART_MINUTES}m')"
    " && variables.event.?count.orValue(0) == 1",
    "an Event is of now, and once",
)
_NOTHING_MORE = Rule(
    " && ".join(f"variables.event.?{field}.orValue('') in variables.nothing" for field in ABSENT),
    "an Event has no series, no related object and no action",
)
_BARE = Rule(
    f"object.metadata.name.matches('^{NAMED}$') && "
    + " && ".join(f"!has(object.metadata.{field})" for field in NO_METADATA),
    "an Event is named by us, and has no labels, annotations, owners or finalizers",
)
_FIELDS = cel_list(sorted(f"f:{one}" for one in CHECKED - {"metadata"}))
_INSIDE = cel_list(sorted({*(f"f:{one}" for one in INVOLVED), "f:component"}))
_DEEP = cel_list(("f:involvedObject", "f:source"))
_OURS = Rule(
    f"has(request.options.fieldManager) && request.options.fieldManager == '{AGENT_MANAGER}'"
    " && size(variables.mf) <= 1 && variables.mf.all(m,"
    f" m.?manager == optional.of('{AGENT_MANAGER}') && m.?operation == optional.of('Update') && !has(m.subresource)"
    f" && m.?fieldsV1.orValue({{}}).all(k, k in {_FIELDS} && (k in {_DEEP}"
    f" ? m.fieldsV1[k].all(j, (j == '.' || j in {_INSIDE}) && m.fieldsV1[k][j] == {{}}) : m.fieldsV1[k] == {{}})))",
    f"an Event is written under the field manager {AGENT_MANAGER} alone",
)
_VARIABLES = {
    "mf": "dyn(object.metadata.?managedFields.orValue([]))",
    "event": "dyn(object)",
    "nothing": "[dyn(null), dyn('')]",
}
"""As of no type (`dyn`): the type check takes the group of core for any, and then knows only the fields that both kinds of Event have;
and it knows none of `fieldsV1`."""


def tellings(choices: Choices) -> list[JSON]:
    """The validating policy of Events, and its binding; none where Events were not chosen."""
    if not choices.events:
        return []
    rules = [_ONLY_NEW, ENABLED, not_protected(choices), _REPORTED, _ABOUT, _MOMENT, _NOTE, _NOW, _NOTHING_MORE]
    rules += [_BARE, _OURS]
    matched = resources("", "v1", ["CREATE", "UPDATE", "DELETE"], "events", "events/*")
    return validating(NAME, choices, matched, rules, _VARIABLES)

"""Label and field selectors, as kubectl takes them: for lists, and for the selectors inside objects.

Comes before `store.py`. A form or a field that the API server would take and this does not is `NotModelled`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from byteport.kubernetes import port
from byteport.kubernetes.port import Resource
from byteport.sandbox.simulated.refusals import NotModelled

JSON = dict[str, Any]

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUALITY = re.compile(r"^(?P<key>[^\s=!]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s=!]*)$")
_EXISTS = re.compile(r"^(?P<absent>!?)\s*(?P<key>[\w./-]+)$")

_FIELDS = {
    port.PODS: {"spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"},
    port.EVENTS: {
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "type",
    },
    port.NAMESPACES: {"status.phase"},
    port.NODES: {"spec.unschedulable"},
}
_EVERY_KIND = {"metadata.name", "metadata.namespace"}


def labels_match(selector: str, labels: dict[str, str]) -> bool:
    """Whether `labels` satisfy every requirement of `selector`; an empty selector takes everything."""
    return all(_requirement(part, labels) for part in _split(selector))


def object_selector_matches(selector: JSON, labels: dict[str, str]) -> bool:
    """A selector as it stands in an object: `matchLabels` and `matchExpressions`. An empty one takes everything."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(item, labels) for item in selector.get("matchExpressions") or [])


def fields_match(resource: Resource, selector: str, item: JSON) -> bool:
    """Whether the fields of `item` are as `selector` says (`=`, `==`, `!=`, joined by commas)."""
    for part in _split(selector):
        matched = _EQUALITY.match(part)
        if not matched or matched["key"] not in _EVERY_KIND | _FIELDS.get(resource, set()):
            raise NotModelled(f"the field selector {part!r} on {resource.plural}")
        if (_field(item, matched["key"]) == matched["value"]) is (matched["operator"] == "!="):
            return False
    return True


@lru_cache(maxsize=256)
def _split(selector: str) -> tuple[str, ...]:
    """At commas outside parentheses. Kept, since one selector is asked of thousands of objects."""
    return tuple(part.strip() for part in re.split(r",(?![^(]*\))", selector) if part.strip())


def _field(item: JSON, path: str) -> str:
    value: Any = item
    for name in path.split("."):
        value = (value or {}).get(name)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _requirement(part: str, labels: dict[str, str]) -> bool:
    if matched := _SET.match(part):
        values = {value.strip() for value in matched["values"].split(",")}
        return (labels.get(matched["key"]) in values) is (matched["operator"] == "in")
    if matched := _EQUALITY.match(part):
        return (labels.get(matched["key"]) == matched["value"]) is (matched["operator"] != "!=")
    if matched := _EXISTS.match(part):
        return (matched["key"] in labels) is not bool(matched["absent"])
    raise NotModelled(f"the label selector {part!r}")


def _expression(item: JSON, labels: dict[str, str]) -> bool:
    key, values = item.get("key", ""), item.get("values") or []
    match item.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise NotModelled(f"the selector operator {other!r}")

"""One plausible change of one field of one object: what a race, a stale cache or another hand makes of a cluster."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

JSON = dict[str, Any]

LATER = "2031-01-01T00:00:00Z"
LONG_AGO = "1999-01-01T00:00:00Z"


class Flip(NamedTuple):
    """`name` says which field of which object is changed, and to what."""

    name: str
    at: int
    change: Callable[[JSON], None]

    def of(self, bundle: JSON) -> JSON:
        """`bundle` with that one field changed; the other objects are shared with it."""
        flipped = copy.deepcopy(bundle["objects"][self.at])
        self.change(flipped)
        objects = [*bundle["objects"]]
        objects[self.at] = flipped
        return {**bundle, "objects": objects}


def flips(bundle: JSON) -> Iterator[Flip]:
    """Every flip of every workload, autoscaler and node of `bundle`, one at a time."""
    for index, item in enumerate(bundle["objects"]):
        for what, change in _changes(item):
            yield Flip(f"{item['kind']}/{item['metadata'].get('name')}: {what}", index, change)


Change = tuple[str, Callable[[JSON], None]]


def _changes(item: JSON) -> Iterator[Change]:
    if item["kind"] not in ("Pod", "ReplicaSet", "Deployment", "HorizontalPodAutoscaler", "Node"):
        return
    yield from _of_metadata(item)
    yield from _of_conditions(item)
    yield from _of_numbers(item, "spec", ("replicas", "minReplicas", "maxReplicas", "revisionHistoryLimit"))
    counts = [name for name, value in (item.get("status") or {}).items() if isinstance(value, int)]
    yield from _of_numbers(item, "status", (*counts, "observedGeneration", "replicas", "availableReplicas"))
    if item["kind"] in ("ReplicaSet", "Deployment"):
        yield from _of_workload(item)
    if item["kind"] == "Pod":
        yield from _of_pod(item)
    if item["kind"] == "HorizontalPodAutoscaler":
        yield from _of_autoscaler(item)
    if item["kind"] == "Node":
        yield "cordoned", _put(("spec", "unschedulable"), True)


def _of_metadata(item: JSON) -> Iterator[Change]:
    yield "another uid", _put(("metadata", "uid"), "99999999-9999-4999-8999-999999999999")
    yield "no uid", _drop(("metadata", "uid"))
    yield "being deleted", _put(("metadata", "deletionTimestamp"), LATER)
    yield "another namespace", _put(("metadata", "namespace"), "elsewhere")
    yield "generation 99", _put(("metadata", "generation"), 99)
    yield "no labels", _put(("metadata", "labels"), {})
    for revision in ("99", "0", "x", ""):
        yield f"revision {revision!r}", _put(("metadata", "annotations", "deployment.kubernetes.io/revision"), revision)
    yield "no annotations", _drop(("metadata", "annotations"))
    yield "no owner", _drop(("metadata", "ownerReferences"))
    foreign = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "x", "uid": "u", "controller": True}
    yield "another owner", _put(("metadata", "ownerReferences"), [foreign])
    for number, reference in enumerate(item["metadata"].get("ownerReferences") or []):
        for field, value in (("uid", "u"), ("name", "other"), ("kind", "StatefulSet"), ("controller", False)):
            changed = [*item["metadata"]["ownerReferences"]]
            changed[number] = reference | {field: value}
            yield f"owner's {field} {value}", _put(("metadata", "ownerReferences"), changed)


def _of_conditions(item: JSON) -> Iterator[Change]:
    conditions = (item.get("status") or {}).get("conditions") or []
    yield "no conditions", _drop(("status", "conditions"))
    yield "no status", _drop(("status",))
    for number, condition in enumerate(conditions):
        kind = condition.get("type")
        for status in ("True", "False", "Unknown", "Perhaps"):
            yield f"{kind} is {status}", _in_list(("status", "conditions"), number, {"status": status})
        for when in (LATER, LONG_AGO, None):
            yield f"{kind} since {when}", _in_list(("status", "conditions"), number, {"lastTransitionTime": when})
        yield f"{kind} for an unheard-of reason", _in_list(("status", "conditions"), number, {"reason": "Unheard"})


def _of_numbers(item: JSON, section: str, names: tuple[str, ...]) -> Iterator[Change]:
    for name in dict.fromkeys(names):
        before = (item.get(section) or {}).get(name)
        for value in (0, 1, -1, 2**31, (before or 0) + 3 if isinstance(before, int) else 7):
            yield f"{section}.{name} {value}", _put((section, name), value)
        yield f"no {section}.{name}", _drop((section, name))


def _of_workload(item: JSON) -> Iterator[Change]:
    yield "another selector", _put(("spec", "selector"), {"matchLabels": {"app": "somebody-else"}})
    yield "no selector", _drop(("spec", "selector"))
    yield "paused", _put(("spec", "paused"), True)
    yield "another strategy", _put(("spec", "strategy"), {"type": "Recreate"})
    yield "no template", _drop(("spec", "template"))
    template = (item.get("spec") or {}).get("template") or {}
    for number, _ in enumerate((template.get("spec") or {}).get("containers") or []):
        where = ("spec", "template", "spec", "containers")
        yield "another image in the template", _in_list(where, number, {"image": "example.test/other:9"})


def _of_pod(item: JSON) -> Iterator[Change]:
    for phase in ("Running", "Pending", "Succeeded", "Failed", "Unknown"):
        yield f"phase {phase}", _put(("status", "phase"), phase)
    yield "another node", _put(("spec", "nodeName"), "node-zz")
    yield "on no node", _drop(("spec", "nodeName"))
    for number, _ in enumerate((item.get("status") or {}).get("containerStatuses") or []):
        where = ("status", "containerStatuses")
        for change in ({"restartCount": 0}, {"restartCount": 99}, {"ready": True}, {"ready": False}):
            yield f"container {number}: {change}", _in_list(where, number, change)
        for state in ({"running": {"startedAt": LONG_AGO}}, {"waiting": {"reason": "ContainerCreating"}}, {}):
            yield f"container {number} is {next(iter(state), 'nothing')}", _in_list(where, number, {"state": state})


def _of_autoscaler(item: JSON) -> Iterator[Change]:
    reference = (item.get("spec") or {}).get("scaleTargetRef") or {}
    for field, value in (("name", "other"), ("kind", "StatefulSet"), ("apiVersion", "argoproj.io/v1alpha1")):
        yield f"scales {field} {value}", _put(("spec", "scaleTargetRef"), reference | {field: value})
    yield "scales nothing", _drop(("spec", "scaleTargetRef"))
    yield "no metrics asked for", _put(("spec", "metrics"), [])
    yield "no metrics seen", _put(("status", "currentMetrics"), None)


def _put(path: tuple[str, ...], value: Any) -> Callable[[JSON], None]:
    def change(item: JSON) -> None:
        holder = item
        for key in path[:-1]:
            inner = holder.get(key)
            holder[key] = holder = inner if isinstance(inner, dict) else {}
        holder[path[-1]] = copy.deepcopy(value)

    return change


def _drop(path: tuple[str, ...]) -> Callable[[JSON], None]:
    def change(item: JSON) -> None:
        holder: Any = item
        for key in path[:-1]:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(path[-1], None)

    return change


def _in_list(path: tuple[str, ...], number: int, values: Mapping[str, Any]) -> Callable[[JSON], None]:
    def change(item: JSON) -> None:
        holder: Any = item
        for key in path:
            holder = holder[key]
        holder[number] = {**holder[number], **values}

    return change

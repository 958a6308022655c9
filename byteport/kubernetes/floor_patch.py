"""The two changes of an autoscaler's floor, as JSON Patches, and the plans read back from their bytes.

The sibling of `patches.py`. `activities/kubernetes` builds a patch from the autoscaler that it has just read, and asks
`patch_arguments` what a plan would have to say for exactly these bytes; that is what the grant is compared with. The
API server's own policy checks it once more: only `minReplicas` and our annotations may differ, and a floor that is not
what our mark says we raised it to is its owner's.

`test` is on the uid and on the whole `/spec` as read: an autoscaler has no generation before Kubernetes 1.37, and its
resourceVersion moves with every status that its controller writes. A restore also tests our own marks: whose floor it
is that stands, and what its owner had set. So the only way down is exactly to the owner's floor.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from byteport.domain.plans import RaiseFloorPlan, RestoreFloorPlan
from byteport.kubernetes import fields
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL, floor_of, rest_digest
from byteport.kubernetes.patches import ACTION_ID, NO_ANNOTATIONS, Operation, first_annotations, pointer
from byteport.kubernetes.templates import annotations_of
from byteport.kubernetes.world import JSON

FLOOR_RESTORED = "byteport.io/floor-restored"
"""The action id of the raise that was last taken back: by it a late repetition of that raise is known as done."""


def raise_patch(autoscaler: JSON, plan: RaiseFloorPlan, action_id: str, *, now: datetime) -> list[Operation]:
    """Operations that raise the floor of `autoscaler`, if it is still what was read, and say on it until when.

    Everything else stays: bounds, metrics, behaviour, labels, and all annotations that are not ours.
    """
    until = now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=plan.box_seconds)
    wanted = {
        FLOOR_BEFORE: str(plan.floor_before),
        FLOOR_RAISED: str(plan.floor_to),
        FLOOR_UNTIL: _written(until),
        ACTION_ID: action_id,
    }
    operations = [*_as_read(autoscaler), _set_floor(autoscaler, plan.floor_to)]
    if not annotations_of(autoscaler):
        return [*operations, *first_annotations(wanted)]
    operations += [{"op": "add", "path": _annotation(key), "value": value} for key, value in wanted.items()]
    return operations


def restore_patch(autoscaler: JSON, plan: RestoreFloorPlan, action_id: str) -> list[Operation]:
    """Operations that put the owner's floor back, if the autoscaler is exactly what we left, and take our marks off."""
    raised = annotations_of(autoscaler).get(ACTION_ID)
    until = [FLOOR_UNTIL] if FLOOR_UNTIL in annotations_of(autoscaler) else []
    return [
        *_as_read(autoscaler),
        {"op": "test", "path": _annotation(FLOOR_BEFORE), "value": str(plan.floor_to)},
        {"op": "test", "path": _annotation(FLOOR_RAISED), "value": str(plan.floor_from)},
        {"op": "test", "path": _annotation(ACTION_ID), "value": raised},
        _set_floor(autoscaler, plan.floor_to),
        *({"op": "remove", "path": _annotation(key)} for key in (FLOOR_BEFORE, FLOOR_RAISED, *until)),
        {"op": "add", "path": _annotation(FLOOR_RESTORED), "value": raised},
        {"op": "add", "path": _annotation(ACTION_ID), "value": action_id},
    ]


def raise_arguments(
    operations: Sequence[Mapping[str, Any]],
    *,
    cluster_uid: str,
    namespace: str,
    name: str,
    action_id: str,
    now: datetime,
) -> dict[str, Any] | None:
    """What a `RaiseFloorPlan` would have to say for exactly these operations, sent to that object at `now`, to be its own.

    None when they are no raise of ours under `action_id`: an operation too many, in another order, on another path,
    annotations that are not ours, a floor that does not rise, or a time that is none.
    """
    values = _values(operations, _RAISE, _RAISE_MAY)
    if values is None:
        return None
    tested, written = values["test", _SPEC], _floor_written(values)
    ours = _annotations_of_raise(values)
    before, until = _digits(ours.get(FLOOR_BEFORE)), _read(ours.get(FLOOR_UNTIL))
    common = _common(values, cluster_uid=cluster_uid, namespace=namespace, name=name)
    if common is None or before is None or until is None or ours.get(ACTION_ID) != action_id or not _is_id(action_id):
        return None
    if not 1 <= before <= common["test_floor"] < (written or 0) or ours.get(FLOOR_RAISED) != str(written):
        return None
    box = until - now.astimezone(UTC).replace(microsecond=0)
    if box <= timedelta(0) or len(set(ours)) != len(_RAISE_WRITES) or not isinstance(tested, Mapping):
        return None
    return {
        "act": "raise_hpa_floor",
        **common,
        "set_floor": written,
        "floor_before": before,
        "box_seconds": int(box.total_seconds()),
    }


def restore_arguments(
    operations: Sequence[Mapping[str, Any]], *, cluster_uid: str, namespace: str, name: str, action_id: str
) -> dict[str, Any] | None:
    """The same of a `RestoreFloorPlan`: the floor goes down, and to nothing but what the object says its owner had set."""
    values = _values(operations, _RESTORE, _RESTORE_MAY)
    if values is None:
        return None
    written = _floor_written(values)
    marked, raised = values["test", _annotation(FLOOR_BEFORE)], values["test", _annotation(ACTION_ID)]
    common = _common(values, cluster_uid=cluster_uid, namespace=namespace, name=name)
    if common is None or written is None or _digits(marked) != written:
        return None
    if not 1 <= written < common["test_floor"]:
        return None
    if values["test", _annotation(FLOOR_RAISED)] != str(common["test_floor"]):
        return None
    stamped, undone = values.get(("add", _annotation(ACTION_ID))), values.get(("add", _annotation(FLOOR_RESTORED)))
    if stamped != action_id or not _is_id(action_id) or not _is_id(raised) or undone != raised or raised == action_id:
        return None
    return {"act": "restore_hpa_floor", **common, "set_floor": written}


_Path = tuple[str, str]
_ANNOTATIONS = "/metadata/annotations"
_SPEC = "/spec"
_FLOOR = "/spec/minReplicas"
_ID = re.compile(r"[0-9a-f]{64}")
_DIGITS = re.compile(r"[1-9][0-9]{0,8}")
_UNTIL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def _annotation(key: str) -> str:
    return pointer("metadata", "annotations", key)


_AS_READ: tuple[_Path, ...] = (("test", "/metadata/uid"), ("test", _SPEC))
_RAISE = _AS_READ
_MARKS = (FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL, ACTION_ID)
_RAISE_WRITES = {("add", _annotation(key)): key for key in _MARKS}
_WHOLE: _Path = ("add", _ANNOTATIONS)
_FLOORS: frozenset[_Path] = frozenset({("replace", _FLOOR), ("add", _FLOOR)})
_RAISE_MAY = frozenset({*_AS_READ, *_FLOORS, *_RAISE_WRITES, _WHOLE, NO_ANNOTATIONS})
_RESTORE: tuple[_Path, ...] = (
    *_AS_READ,
    *(("test", _annotation(key)) for key in (FLOOR_BEFORE, FLOOR_RAISED, ACTION_ID)),
)
_TAKEN_OFF: frozenset[_Path] = frozenset(("remove", _annotation(key)) for key in (FLOOR_BEFORE, FLOOR_RAISED))
_RESTORE_MAY = frozenset(
    {
        *_RESTORE,
        *_FLOORS,
        *_TAKEN_OFF,
        ("remove", _annotation(FLOOR_UNTIL)),
        ("add", _annotation(FLOOR_RESTORED)),
        ("add", _annotation(ACTION_ID)),
    }
)


def _as_read(autoscaler: JSON) -> list[Operation]:
    return [
        {"op": "test", "path": "/metadata/uid", "value": fields.metadata(autoscaler).get("uid")},
        {"op": "test", "path": _SPEC, "value": copy.deepcopy(autoscaler.get("spec"))},
    ]


def _set_floor(autoscaler: JSON, floor: int) -> Operation:
    present = "minReplicas" in fields.mapping(autoscaler.get("spec"))
    return {"op": "replace" if present else "add", "path": _FLOOR, "value": floor}


def _values(
    operations: Sequence[Mapping[str, Any]], first: tuple[_Path, ...], allowed: frozenset[_Path]
) -> dict[_Path, Any] | None:
    """Values by operation and path: the tests first and in their order, then one new floor, nothing twice or besides."""
    paths = [(str(operation.get("op")), str(operation.get("path"))) for operation in operations]
    if tuple(paths[: len(first)]) != first or len(set(paths)) != len(paths) or not set(paths) <= allowed:
        return None
    if len(paths) <= len(first) or paths[len(first)] not in _FLOORS or len(_FLOORS & set(paths)) != 1:
        return None
    if allowed is _RESTORE_MAY and not set(paths) >= _TAKEN_OFF:
        return None
    return {path: operation.get("value") for path, operation in zip(paths, operations, strict=True)}


def _common(values: Mapping[_Path, Any], *, cluster_uid: str, namespace: str, name: str) -> dict[str, Any] | None:
    uid, spec = values["test", "/metadata/uid"], values["test", _SPEC]
    if not isinstance(uid, str) or not uid or not isinstance(spec, Mapping):
        return None
    tested = {"spec": dict(spec)}
    try:
        rest = rest_digest(tested)
    except (ValueError, TypeError, RecursionError):
        return None
    return {
        "cluster_uid": cluster_uid,
        "namespace": namespace,
        "name": name,
        "uid": uid,
        "test_rest": rest,
        "test_floor": floor_of(tested),
    }


def _floor_written(values: Mapping[_Path, Any]) -> int | None:
    value = next((values[path] for path in _FLOORS if path in values), None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _annotations_of_raise(values: Mapping[_Path, Any]) -> dict[str, Any]:
    """What a raise writes into annotations; nothing when it writes any that are not ours, or a whole map unguarded."""
    single = {key: values[path] for path, key in _RAISE_WRITES.items() if path in values}
    if _WHOLE not in values:
        return {} if NO_ANNOTATIONS in values else single
    whole, guarded = values[_WHOLE], values.get(NO_ANNOTATIONS, _WHOLE) is None
    mine = isinstance(whole, Mapping) and set(whole) == set(_RAISE_WRITES.values())
    return dict(whole) if guarded and mine and not single else {}


def _digits(value: object) -> int | None:
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else None


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(value: object) -> datetime | None:
    return fields.instant(value) if isinstance(value, str) and _UNTIL.fullmatch(value) else None

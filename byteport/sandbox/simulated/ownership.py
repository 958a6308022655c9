"""Who set which field (`metadata.managedFields`), as the API server keeps book of it.

Comes before `patching.py` and `administration.py`. A server-side apply that names a manager writes `operation: Apply`
and takes over every field it names; every other write takes over what it changed. Lists of containers are kept by
name; every other list is one field.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from byteport.sandbox.simulated.clocks import stamp

JSON = dict[str, Any]
Path = tuple[str, ...]

_BY_NAME = {"containers", "initContainers", "env"}
_META = ("labels", "annotations", "finalizers")


def note(
    before: JSON | None, after: JSON, *, manager: str, operation: Literal["Apply", "Update"], now: datetime
) -> None:
    """Write into `after` who owns what, after `manager` made it of `before`. Without a manager nobody is noted."""
    if not manager:
        return
    was, is_ = set(_leaves(before or {})), set(_leaves(after))
    mine = is_ if operation == "Apply" else is_ - was
    if not mine:
        return
    entries = []
    for entry in (before or {}).get("metadata", {}).get("managedFields") or []:
        kept = set(_paths(entry["fieldsV1"])) & {path for path, _ in is_}
        own = (entry["manager"], entry["operation"]) == (manager, operation)
        paths = {path for path, _ in mine}
        if own and operation == "Update":
            mine |= {(path, value) for path, value in is_ if path in kept}
        elif not own and (left := kept - paths):
            entries.append({**entry, "fieldsV1": _nested(left)})
    after["metadata"]["managedFields"] = [
        *entries,
        {
            "manager": manager,
            "operation": operation,
            "apiVersion": after["apiVersion"],
            "time": stamp(now),
            "fieldsType": "FieldsV1",
            "fieldsV1": _nested({path for path, _ in mine}),
        },
    ]


def _leaves(item: JSON) -> Iterator[tuple[Path, str]]:
    """Every field that a person sets, with its value as text."""
    metadata = item.get("metadata") or {}
    yield from _below({"metadata": {key: metadata[key] for key in _META if key in metadata}}, ())
    yield from _below({"spec": item.get("spec") or {}}, ())


def _below(value: JSON, path: Path) -> Iterator[tuple[Path, str]]:
    for key, inner in value.items():
        here = (*path, f"f:{key}")
        if isinstance(inner, dict) and inner:
            yield from _below(inner, here)
        elif key in _BY_NAME and isinstance(inner, list):
            for element in inner:
                name = json.dumps({"name": element["name"]}, separators=(",", ":"))
                yield from _below(element, (*here, f"k:{name}"))
        else:
            yield here, json.dumps(inner, sort_keys=True)


def _nested(paths: set[Path]) -> JSON:
    root: JSON = {}
    for path in sorted(paths):
        inner = root
        for part in path:
            inner = inner.setdefault(part, {})
    return root


def _paths(fields: JSON, path: Path = ()) -> Iterator[Path]:
    for part, inner in fields.items():
        if inner:
            yield from _paths(inner, (*path, part))
        else:
            yield (*path, part)

"""What of an autoscaler a raised floor is about: its `minReplicas`, the rest of its spec, and the marks that we leave.

Read by `scaling_reading.py` for the diagnosis, and by `activities/kubernetes` just before a floor is raised or put
back, so that both speak of the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from byteport.domain.canonical import digest
from byteport.kubernetes import fields
from byteport.kubernetes.world import JSON

FLOOR_BEFORE = "byteport.io/floor-before"
"""What the owner had set, in decimal digits; there only while a floor of ours stands."""
FLOOR_RAISED = "byteport.io/floor-raised"
"""What we raised it to, in decimal digits, beside the owner's: a floor that says another number has been set by somebody
since, and is theirs."""
FLOOR_UNTIL = "byteport.io/floor-until"
"""When it is to be put back, as RFC 3339 in UTC."""
DEFAULT_FLOOR = 1
"""What the API server takes for a `minReplicas` that is not there."""


def floor_of(autoscaler: JSON) -> int:
    """`minReplicas`, never negative."""
    floor = fields.mapping(autoscaler.get("spec")).get("minReplicas")
    return DEFAULT_FLOOR if floor is None else fields.count(floor)


def rest_digest(autoscaler: JSON) -> str:
    """Digest of `/spec` without `minReplicas`. Raises `ValueError` when the spec has no canonical form."""
    spec = {key: value for key, value in fields.mapping(autoscaler.get("spec")).items() if key != "minReplicas"}
    return digest(spec)


class FloorSetter(NamedTuple):
    """Who last set `minReplicas`, or the rest of the spec, by the API server's own book-keeping; empty where it kept none."""

    manager: str = ""
    at: datetime | None = None


def floor_setter(autoscaler: JSON) -> FloorSetter:
    """The field manager that last took `minReplicas` over. Several may hold it: who applied the same number, too."""
    return _last(autoscaler, lambda held: _FLOOR in held)


def rest_setter(autoscaler: JSON) -> FloorSetter:
    """The field manager that last set anything but `minReplicas` in the spec. One that only took something away held none."""
    return _last(autoscaler, lambda held: bool(set(held) - {_FLOOR}))


def _last(autoscaler: JSON, holds: Callable[[Mapping[str, Any]], bool]) -> FloorSetter:
    found = [
        FloorSetter(_manager(entry.get("manager")), fields.instant(entry.get("time")))
        for entry in fields.entries(fields.metadata(autoscaler).get("managedFields"))
        if not entry.get("subresource") and holds(fields.mapping(fields.at(entry.get("fieldsV1"), "f:spec")))
    ]
    return max(
        found, key=lambda one: (one.at is not None, one.at.timestamp() if one.at else 0.0), default=FloorSetter()
    )


_FLOOR = "f:minReplicas"
_MANAGER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}\Z")


def _manager(value: object) -> str:
    """A manager's name in the characters that one may have, else a digest of it."""
    return value if isinstance(value, str) and _MANAGER.match(value) else f"manager-{fields.mark(value)}"

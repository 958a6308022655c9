"""Conditions of a status: one per type, whose transition time is kept for as long as its status stays.

Comes before every controller. An empty reason or message is left out, as the API leaves out what is empty.
"""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]


def condition(status: JSON, type_: str) -> JSON:
    """The condition of that type; empty when there is none."""
    found: list[JSON] = [item for item in status.get("conditions") or [] if item["type"] == type_]
    return found[0] if found else {}


def is_true(status: JSON, type_: str) -> bool:
    return condition(status, type_).get("status") == "True"


def set_condition(
    status: JSON,
    type_: str,
    value: str,
    now: str,
    *,
    reason: str = "",
    message: str = "",
    updated: bool = False,
    probed: bool = False,
) -> None:
    """Set a condition. With `updated` it carries `lastUpdateTime`, as a Deployment's do; with `probed` a pod's null."""
    before = condition(status, type_)
    same = before.get("status") == value
    fresh = {
        "type": type_,
        "status": value,
        "lastTransitionTime": before["lastTransitionTime"] if same else now,
        **({"lastUpdateTime": now} if updated else {}),
        **({"lastProbeTime": None} if probed else {}),
        **({"reason": reason} if reason else {}),
        **({"message": message} if message else {}),
    }
    others = [item for item in status.get("conditions") or [] if item["type"] != type_]
    status["conditions"] = [*others, fresh]


def drop_condition(status: JSON, type_: str) -> None:
    if "conditions" in status:
        status["conditions"] = [item for item in status["conditions"] if item["type"] != type_]

"""Copies of JSON values: what is kept is never shared with who reads or changes it.

Comes before `store.py`. `copy.deepcopy` takes five times as long, for cases that JSON does not have.
"""

from __future__ import annotations

from typing import Any, TypeVar

Value = TypeVar("Value")


def copied(value: Value) -> Value:
    """A value equal to `value` that shares no dict and no list with it."""
    made: Value = _copied(value)
    return made


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    return value

"""Damage to JSON: a value somewhere in a document is taken away or replaced by something that does not belong there."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    2**40,
    1e308,
    0.5,
    "",
    "True",
    "Running",
    "\x00\x1b[31m\u202e",
    "A" * 100_000,
    "2999-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "-1Mi",
    [],
    {},
    [None],
    [[]],
    [{"name": None}],
    {"name": {"name": []}},
    {"": ""},
]


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, the root left out."""
    found: list[tuple[Any, ...]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found.append((*path, key))
        found += paths_of(inner, (*path, key))
    return found


@st.composite
def mutilated(draw: st.DrawFn, documents: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A document as it was, and with one to six of its places damaged."""
    whole = draw(st.sampled_from(documents))
    broken = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 6))):
        paths = paths_of(broken)
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        holder = broken
        for key in path[:-1]:
            holder = holder[key]
        if draw(st.booleans()):
            del holder[path[-1]]
        else:
            holder[path[-1]] = copy.deepcopy(draw(st.sampled_from(JUNK)))
    return whole, broken

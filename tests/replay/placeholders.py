"""What must differ from one recording to the next, replaced by its kind and the order in which it was first seen.

Ids, digests, signatures and times differ; which of them is which may not. `uid#1` stays `uid#1` wherever it stands, so
that another pod, another grant or another incident in its place is another placeholder. Numbers and names of ours stay.
"""

from __future__ import annotations

import re
from typing import Any

KINDS: dict[str, str] = {
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)",
    "signature": r"-----BEGIN SSH SIGNATURE-----[^-]+-----END SSH SIGNATURE-----\n?|\b[0-9a-f]{128}\b",
    "digest": r"\b[0-9a-f]{64}\b",
    "uid": r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    "incident": r"\binc-[0-9a-f]{24}\b",
    "random": r"\b[0-9a-f]{32}\b",
    "hash": r"\b(?<=web-)[bcdfghjklmnpqrstvwxz2456789]{8,10}(?:-[bcdfghjklmnpqrstvwxz2456789]{5})?\b",
}
ONE = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in KINDS.items()))

COUNTED_BY_THE_CLUSTER = {"resource_version", "resourceVersion"}
BOOKMARKS = "bookmarks"
MEASURED = {"unready_seconds", "over_seconds", "restarts", "attempts"}
"""Facts whose number depends on the moment at which somebody looked."""


class Placeholders:
    """For one history: the same text gets the same placeholder throughout."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def put(self, value: Any) -> Any:
        """`value`, as JSON has it, with placeholders."""
        if isinstance(value, dict):
            return {self._text(key): self._field(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.put(item) for item in _without_order(value)]
        return self._text(value) if isinstance(value, str) else value

    def _field(self, key: str, item: Any) -> Any:
        if key in COUNTED_BY_THE_CLUSTER:
            return "version"
        if key == BOOKMARKS:
            return dict.fromkeys(item, "version")
        return self.put(item)

    def _text(self, text: str) -> str:
        measured = re.sub(rf"({'|'.join(MEASURED)}|event:[a-z_]+) = \d+", r"\1 = some", text)
        return ONE.sub(self._named, measured)

    def _named(self, match: re.Match[str]) -> str:
        found, kind = match.group(), str(match.lastgroup)
        if kind == "time":
            return "time"
        if found not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[found] = f"{kind}#{self._counts[kind]}"
        return self._names[found]


def _without_order(items: list[Any]) -> list[Any]:
    """A set has no order; what is a set cannot be seen in JSON, so lists of words are sorted."""
    return sorted(items) if all(isinstance(item, str) for item in items) else items

"""What was read of a cluster at one moment, raw: the input of every reading, and the only place raw text stays.

Filled by the evidence activity from the cluster port, and by `byteport explain` from saved files. It never leaves
the function that made it: `read_situation` turns it into typed facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

JSON = dict[str, Any]
Read = TypeVar("Read")


class LogKey(NamedTuple):
    """Whose log it is."""

    namespace: str
    pod: str
    container: str


@dataclass(frozen=True)
class World:
    """Objects by kind, log tails, and the clock that every age is relative to."""

    now: datetime
    objects: tuple[JSON, ...]
    logs: Mapping[LogKey, str] = field(default_factory=dict)
    node_output: str = ""
    """Lines of `df -h`, `du -sh`, `free -m` or the runtime, where the failure is a node's."""
    helper_namespace: str = "byteport-node"
    """Where the node helper's pods are; a pod elsewhere with the helper's label is anybody's."""
    log_tail: str = ""
    """Log lines of a saved bundle that does not say which container they are from."""
    denied: frozenset[str] = frozenset()
    """Plural names of optional reads that were refused: what hangs on them is `cannot_tell`."""
    budget_refusals: Mapping[str, str] = field(default_factory=dict)
    """Pod name → the disruption budget that refuses its deletion, as the eviction dry run said."""
    complete: bool = True
    """False for a saved bundle: an object that is not in it may exist all the same."""

    def of(self, kind: str, namespace: str | None = None) -> list[JSON]:
        """Objects of `kind`, of one namespace if given, in the order they were read."""
        found = self._by_kind.get(kind, [])
        return [item for item in found if namespace is None or _place(item)[0] == namespace]

    def named(self, kind: str, namespace: str, name: str) -> JSON | None:
        return self._by_name.get((kind, namespace, name))

    def once(self, reading: Callable[[World], Read]) -> Read:
        """What `reading` makes of this world, made once however many ask for it. `reading` is a module's own function."""
        if reading not in self._readings:
            self._readings[reading] = reading(self)
        made: Read = self._readings[reading]
        return made

    @cached_property
    def _readings(self) -> dict[Callable[[World], Any], Any]:
        return {}

    @cached_property
    def _by_kind(self) -> dict[str, list[JSON]]:
        found: dict[str, list[JSON]] = {}
        for item in self.objects:
            kind = item.get("kind")
            if isinstance(kind, str):
                found.setdefault(kind, []).append(item)
        return found

    @cached_property
    def _by_name(self) -> dict[tuple[str, str, str], JSON]:
        """The first of each name: a pod is looked up by its owner, thousands of times for one reading."""
        found: dict[tuple[str, str, str], JSON] = {}
        for kind, items in self._by_kind.items():
            for item in items:
                found.setdefault((kind, *_place(item)), item)
        return found


def _place(item: JSON) -> tuple[str, str]:
    metadata = item.get("metadata")
    if not isinstance(metadata, Mapping):
        return "", ""
    namespace, name = metadata.get("namespace"), metadata.get("name")
    return namespace if isinstance(namespace, str) else "", name if isinstance(name, str) else ""


def world_of(now: datetime, objects: Iterable[JSON]) -> World:
    return World(now=now, objects=tuple(objects))

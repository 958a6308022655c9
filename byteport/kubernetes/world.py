"""What was read of a cluster at one moment, raw: the input of every reading, and the only place raw text stays.

Filled by the evidence activity from the cluster port, and by `byteport explain` from saved files. It never leaves
the function that made it: `read_situation` turns it into typed facts. In a storm hundreds of targets of one namespace are
looked at together: what their worlds share is one world under all of theirs, and whatever is made of it alone is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

JSON = dict[str, Any]
Read = TypeVar("Read")
Key = TypeVar("Key", bound=Hashable)
Index = Mapping[Key, Sequence[Read]]


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

    shared: World | None = None
    """What this world has in common with others, and before its own objects. It is read by all of them: nobody may change it."""

    def of(self, kind: str, namespace: str | None = None) -> list[JSON]:
        """Objects of `kind`, of one namespace if given, in the order they were read."""
        return self.found(_by_kind, kind) if namespace is None else self.found(_by_place, (kind, namespace))

    def named(self, kind: str, namespace: str, name: str) -> JSON | None:
        """The first of that name: a pod is looked up by its owner, thousands of times for one reading."""
        before = self.shared.named(kind, namespace, name) if self.shared is not None else None
        return before if before is not None else self.own.once(_by_name).get((kind, namespace, name))

    @property
    def own(self) -> World:
        """This world without what it shares. It keeps no reference to itself: thousands of objects go as soon as nobody reads them."""
        return self if self.shared is None else self._own

    @cached_property
    def _own(self) -> World:
        return replace(self, shared=None)

    def once(self, reading: Callable[[World], Read]) -> Read:
        """What `reading` makes of this world, made once however many ask for it. `reading` is a module's own function."""
        if reading not in self._readings:
            self._readings[reading] = reading(self)
        made: Read = self._readings[reading]
        return made

    def each(self, reading: Callable[[World], tuple[Read, ...]]) -> tuple[Read, ...]:
        """The same of a reading that takes each object by itself: of what is shared it is made once for all who share it."""
        before = self.shared.each(reading) if self.shared is not None else ()
        return before + self.own.once(reading)

    def found(self, index: Callable[[World], Index[Key, Read]], key: Key) -> list[Read]:
        """What `index` has under `key`. It takes each object by itself, too, and is made as often."""
        before = self.shared.found(index, key) if self.shared is not None else []
        return [*before, *self.own.once(index).get(key, ())]

    @cached_property
    def _readings(self) -> dict[Callable[[World], Any], Any]:
        return {}


def place_of(item: JSON) -> tuple[str, str]:
    """Namespace and name, each empty when there is none."""
    metadata = item.get("metadata")
    if not isinstance(metadata, Mapping):
        return "", ""
    namespace, name = metadata.get("namespace"), metadata.get("name")
    return namespace if isinstance(namespace, str) else "", name if isinstance(name, str) else ""


def world_of(now: datetime, objects: Iterable[JSON]) -> World:
    return World(now=now, objects=tuple(objects))


def _by_kind(world: World) -> dict[str, list[JSON]]:
    found: dict[str, list[JSON]] = {}
    for item in world.objects:
        kind = item.get("kind")
        if isinstance(kind, str):
            found.setdefault(kind, []).append(item)
    return found


def _by_place(world: World) -> dict[tuple[str, str], list[JSON]]:
    found: dict[tuple[str, str], list[JSON]] = {}
    for kind, items in world.once(_by_kind).items():
        for item in items:
            found.setdefault((kind, place_of(item)[0]), []).append(item)
    return found


def _by_name(world: World) -> dict[tuple[str, str, str], JSON]:
    found: dict[tuple[str, str, str], JSON] = {}
    for kind, items in world.once(_by_kind).items():
        for item in items:
            found.setdefault((kind, *place_of(item)), item)
    return found

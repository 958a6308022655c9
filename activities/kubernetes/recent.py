"""A mapping that keeps the entries used last, and forgets the rest: what the watch remembers, bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, ItemsView
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `most` entries; reading one makes it the newest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def items(self) -> ItemsView[K, V]:
        """Every entry, the one that was used last at the end."""
        return self._kept.items()

    def forget(self, key: K) -> None:
        self._kept.pop(key, None)

    def forget_where(self, holds: Callable[[V], bool]) -> None:
        """Every entry of which that is true."""
        for key in [key for key, value in self._kept.items() if holds(value)]:
            del self._kept[key]

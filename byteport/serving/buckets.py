"""A token bucket: what one caller may have in a minute, of requests, bytes or anything that is counted.

Kept in memory by each face: with several processes behind one address each counts for itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Seconds = Callable[[], float]
"""A clock that only goes forward, in seconds."""


class Bucket:
    """Fills evenly to what a minute allows, and is taken from; starts full."""

    def __init__(self, per_minute: int, now: float) -> None:
        self._most = float(per_minute)
        self._rate = per_minute / 60
        self._level = self._most
        self._at = now

    def take(self, count: int, now: float) -> int:
        """0 when `count` were there and are taken, else the whole seconds until they will be; nothing is taken then."""
        self._level = min(self._most, self._level + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
        if count <= self._level:
            self._level -= count
            return 0
        return max(1, math.ceil((min(count, self._most) - self._level) / self._rate))

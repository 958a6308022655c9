"""Which version of each secret this process has seen: an older one after it comes from a replica that lags, and is none.

It remembers numbers and moments, never a value. Somebody who takes a new version back on purpose is believed once the newer one
was not seen for a while: no replica lags as long. Comes before `reading.py`, which asks at each read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from activities.secrets.backend import Order

MEANT = timedelta(minutes=5)
"""So long after the newer version was last seen, an older one is what somebody has chosen."""


class Seen(NamedTuple):
    order: Order
    at: datetime


class Freshness:
    """Of one backend; lives as long as the process."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def is_stale(self, name: str, order: Order, now: datetime) -> bool:
        """Whether this version is older than one that was seen lately; else it is remembered."""
        seen = self._seen.get(name)
        if seen is not None and order < seen.order and now - seen.at < MEANT:
            return True
        self._seen[name] = Seen(order, now)
        return False

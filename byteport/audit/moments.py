"""Between which moments a time of a log is taken for one: so that no sum of times that was made of it can overflow.

A record and an API server's event may each say any year that a text can hold. What lies outside is named where it stands
(`acts`, `apiserver`) and reckoned with as the nearest moment that is one.
"""

from __future__ import annotations

from datetime import UTC, datetime

EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)


def is_moment(at: datetime) -> bool:
    """Whether an aware time is one that a log may say."""
    return EARLIEST <= at <= LATEST


def nearest(at: datetime) -> datetime:
    """`at`, or the nearest moment that a log may say."""
    return min(max(at, EARLIEST), LATEST)

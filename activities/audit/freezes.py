"""Whether a freeze window is open: spans, and those that come again by a crontab line on the clocks of a time zone.

`standing` asks inside the transaction that grants; `byteport/settings` has seen to it that every line can be read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from byteport.domain.limits import FreezeWindow, Limits, RecurringFreeze, concerns

CLOCK_CHANGE = timedelta(hours=3)
"""More than any zone's clocks are put forward or back at once."""


def frozen(limits: Limits, namespace: str, now: datetime) -> bool:
    """Whether nothing may be done alone in `namespace` now. A line that cannot be read freezes: nobody knows its end."""
    return any(covers(window, namespace, now) for window in limits.freezes)


def covers(window: FreezeWindow | RecurringFreeze, namespace: str, now: datetime) -> bool:
    """Whether `window` is open for `namespace` at `now`."""
    if isinstance(window, FreezeWindow):
        return window.covers(namespace, now)
    if not concerns(window.namespaces, namespace):
        return False
    try:
        return _open(window, now.astimezone(UTC))
    except (CronSimError, KeyError, ValueError, OSError):
        return True


def _open(window: RecurringFreeze, now: datetime) -> bool:
    """Whether one of the latest beginnings has not ended yet: from before the earliest that could still last, on to now."""
    zone, lasts = ZoneInfo(window.timezone), timedelta(hours=window.hours)
    for begins in CronSim(window.cron, (now - lasts - CLOCK_CHANGE).astimezone(zone)):
        if begins.astimezone(UTC) > now:
            return False
        if now < _end(begins, lasts):
            return True
    return False


def _end(begins: datetime, lasts: timedelta) -> datetime:
    """The later of two ends: after so much real time, and when the wall clock shows so much more."""
    wall = begins + lasts  # arithmetic within one zone is the wall clock's
    return max(begins.astimezone(UTC) + lasts, *(wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1)))

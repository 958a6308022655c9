"""Freeze windows that come again, looked at when the settings are read: a line that nobody can read must not wait for
the evening on which it was to begin."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from byteport.domain.limits import Limits, RecurringFreeze
from byteport.errors import ConfigError

_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_FIELDS = 5


def check_freezes(limits: Limits) -> None:
    """Raise `ConfigError` naming the first key at fault: no zone of that name, no crontab line, or one that never comes."""
    for number, window in enumerate(limits.freezes):
        if isinstance(window, RecurringFreeze):
            _check(window, f"limits.freezes.{number}")


def _check(window: RecurringFreeze, key: str) -> None:
    try:
        zone = ZoneInfo(window.timezone)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"{key}.timezone", "is no IANA time zone; write one as in Europe/Berlin") from None
    if len(window.cron.split()) != _FIELDS:
        raise ConfigError(f"{key}.cron", "needs five fields: minute, hour, day of month, month, day of week")
    try:
        if next(CronSim(window.cron, _SOME_DAY.astimezone(zone)), None) is None:
            raise ConfigError(f"{key}.cron", "never comes")
    except CronSimError as error:
        raise ConfigError(f"{key}.cron", f"cannot be read: {str(error)[:1].lower()}{str(error)[1:]}") from None

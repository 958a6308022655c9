"""Time in the simulated cluster: a clock that the owner turns by hand, and the forms in which the API writes instants.

Comes before `simulation.py`, which asks a clock how far to go on. In a demo that clock is the machine's own.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def machine_clock() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


class ManualClock:
    """Stands still until it is told to go on; never goes back.

    For tests with skipped time: `cluster.advance(seconds)` turns it, or whoever knows the other clock calls `set`.
    """

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def __call__(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """Go on by `seconds`, which is not negative."""
        self.set(self._now + timedelta(seconds=seconds))

    def set(self, instant: datetime) -> None:
        """Go on to `instant`; an earlier one is ignored, as a cluster's clock does not go back."""
        self._now = max(self._now, instant)


def stamp(instant: datetime) -> str:
    """RFC 3339 in whole seconds, as the API writes times."""
    return instant.astimezone(UTC).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")


def microstamp(instant: datetime) -> str:
    """RFC 3339 in microseconds, as `eventTime` is written."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant(text: str) -> datetime:
    """The inverse of `stamp`."""
    return datetime.fromisoformat(text)

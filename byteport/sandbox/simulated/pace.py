"""When the simulated autoscalers are looked at: once in a period, and less where looking would tell nothing new.

The real controller looks every 15 seconds for ever. Here days are caught up in one step, so it rests while nothing that it
reads has changed for longer than every window there is; and looks seldom while only that moves which moves by itself (a
leak, a metric that is missing and said to be so). Any change wakes it for the next period. Comes before `autoscalers.py`.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

PERIOD = timedelta(seconds=15)
"""The controller's own default."""
SELDOM = 8
"""Periods between two looks while only that moves which moves by itself."""

Inputs = tuple[int, int]


class Pace:
    """The times of the looks. `inputs` is what counts the changes of everything that is read."""

    def __init__(self) -> None:
        self.period = PERIOD
        self._looked: datetime | None = None
        self._seen: Inputs | None = None
        self._idle_since: datetime | None = None
        self._resting = False
        self._periods = 1

    def look_every(self, period: timedelta, now: datetime) -> None:
        """Look once in `period` from now on."""
        self.period = period
        self._wake(now)

    def skip(self, now: datetime) -> None:
        """There is nothing to look at."""
        self._wake(now)

    def next_after(self, now: datetime, inputs: Inputs) -> datetime | None:
        """When the next look is; None while nothing changes."""
        self._notice(now, inputs)
        if self._resting:
            return None
        start = self._start(now)
        seldom = self._looked or start
        return max(start + self.period, seldom + self._periods * self.period)

    def begins(self, now: datetime, inputs: Inputs) -> bool:
        """Whether it is time to look; then that look has begun."""
        self._notice(now, inputs)
        start = self._start(now)
        if self._resting or (self._looked is not None and start < self._looked + self._periods * self.period):
            return False
        self._looked = start
        if inputs != self._seen or self._idle_since is None:
            self._idle_since = now
        return True

    def ended(self, now: datetime, inputs: Inputs, *, moves: bool, longest: timedelta) -> None:
        """After a look: `moves` is whether anything moves by itself, `longest` the longest window of all."""
        self._seen = inputs
        if self._idle_since is not None and now - self._idle_since > longest:
            self._resting, self._periods = not moves, SELDOM if moves else 1

    def _notice(self, now: datetime, inputs: Inputs) -> None:
        if (self._resting or self._periods > 1) and inputs != self._seen:
            self._wake(now)

    def _wake(self, now: datetime) -> None:
        """Look when the next period begins, as would have been anyway."""
        self._resting, self._periods, self._idle_since = False, 1, None
        self._looked = self._start(now)

    def _start(self, now: datetime) -> datetime:
        """When the period began that `now` is in."""
        seconds = self.period.total_seconds()
        return datetime.fromtimestamp(math.floor(now.timestamp() / seconds + 1e-6) * seconds, UTC)

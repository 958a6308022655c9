"""When a log speaks and when it is silent, told by how dense the log itself is.

Of every event, of anybody, the second in which it was logged is kept, a bit each, so that a year costs some megabytes.
In each ten minutes the longest pause is looked at; three quarters of those are the usual ones. A pause of more than
`MANY` times the longest usual one is a silence: a rotated file that was left out, or a server that stood still. What is
less than a minute never is one, and what is more than ten minutes always. `requests` fills it; `matching` asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from byteport.domain.base import Frozen, Instant

LONGEST = timedelta(minutes=10)
"""So long an API server of a living cluster is never without a request that its log has."""
SHORTEST = timedelta(minutes=1)
"""A shorter pause is none: an API server that starts anew takes as long."""
MANY = 5
"""How many times the usual longest pause a silence lasts."""
_WINDOW = 600


class Span(Frozen):
    """A stretch of time."""

    first: Instant
    last: Instant


class Heard:
    """The seconds in which a log has something."""

    def __init__(self) -> None:
        self._windows: dict[int, int] = {}
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, at: datetime) -> None:
        """One event, of whatever file and in whatever order."""
        window, second = divmod(int(at.timestamp()), _WINDOW)
        self._windows[window] = self._windows.get(window, 0) | 1 << second
        if self._first is None or at < self._first:
            self._first = at
        if self._last is None or at > self._last:
            self._last = at

    def silence(self) -> timedelta:
        """How long a pause must be to be a silence."""
        longest = dict.fromkeys(sorted(self._windows)[:-1], 1)
        for first, last in self._pauses():
            window = first // _WINDOW
            longest[window] = max(longest.get(window, 0), last - first)
        if not longest:
            return LONGEST
        usual = sorted(longest.values())[(len(longest) - 1) * 3 // 4]
        return min(LONGEST, max(SHORTEST, timedelta(seconds=MANY * min(usual, _WINDOW))))

    def spans(self) -> list[Span]:
        """What the log speaks for, in order and to the second; between two of them it is silent."""
        if self._first is None or self._last is None:
            return []
        bound = self.silence().total_seconds()
        silences = [(_moment(first), _moment(last)) for first, last in self._pauses() if last - first > bound]
        begins = [self._first, *(last for _, last in silences)]
        ends = [*(first for first, _ in silences), self._last]
        return [Span(first=first, last=max(first, last)) for first, last in zip(begins, ends, strict=True)]

    def _pauses(self) -> Iterator[tuple[int, int]]:
        """Between which two seconds that have something is one that has nothing, in order."""
        before: int | None = None
        for window in sorted(self._windows):
            bits, at = self._windows[window], window * _WINDOW
            while bits:
                skipped = (bits & -bits).bit_length() - 1
                bits >>= skipped
                at += skipped
                if before is not None and at - before > 1:
                    yield before, at
                run = (~bits & (bits + 1)).bit_length() - 1
                bits >>= run
                at += run
                before = at - 1


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)

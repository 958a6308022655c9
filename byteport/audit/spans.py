"""Sets of record numbers as ranges: of a million bodies that are gone, a handful of ranges is kept. Comes before `walk`."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Spans:
    """Numbers, added in any order; added upwards, one more costs nothing."""

    def __init__(self, ranges: Iterable[range] = ()) -> None:
        self._starts = array("q")
        self._stops = array("q")
        for each in ranges:
            self.add(each)

    def add(self, more: range) -> None:
        """Every number of a range whose step is 1."""
        if not more:
            return
        if not self._stops or more.start > self._stops[-1]:
            self._starts.append(more.start)
            self._stops.append(more.stop)
            return
        low = bisect_left(self._stops, more.start)
        high = bisect_right(self._starts, more.stop)
        start = min(more.start, self._starts[low]) if low < high else more.start
        stop = max(more.stop, self._stops[high - 1]) if low < high else more.stop
        self._starts[low:high] = array("q", [start])
        self._stops[low:high] = array("q", [stop])

    def __iter__(self) -> Iterator[range]:
        """Upwards, none touching the next."""
        return map(range, self._starts, self._stops)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number < self._stops[at]

    def __len__(self) -> int:
        """How many numbers."""
        return sum(self._stops) - sum(self._starts)

    @property
    def ranges(self) -> int:
        """How many ranges."""
        return len(self._starts)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def within(self, others: Spans) -> Spans:
        """The numbers that are among `others` too."""
        return self.without(self.without(others))

    def without(self, others: Spans) -> Spans:
        """The numbers that are not among `others`."""
        left = Spans()
        for each in self:
            start = each.start
            for at in range(bisect_right(others._stops, start), len(others._starts)):
                if others._starts[at] >= each.stop:
                    break
                left.add(range(start, others._starts[at]))
                start = others._stops[at]
            left.add(range(start, each.stop))
        return left

"""Whether bodies were destroyed as this log's own records say that they may be: notices, which break nothing and are told.

Whoever writes the log can record any removal, and it verifies. So each is held against what the log itself has on record: the
request of an erasure, the age that a pruning names, the holds that stood. Of when a record was made the hour is kept, so
that memory grows with the years and not with the records; nothing is said that an hour could turn round. Comes after
`records`, before `walk`.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from byteport.audit.records import Header, Payload, Removed
from byteport.audit.words import REMOVALS, Event
from byteport.domain.base import Frozen

_RETENTION = re.compile(r"\b([1-9][0-9]{0,4}) days are kept\b", re.ASCII)
_SET = re.compile(r"byteport hold set (\S+) (.+)", re.ASCII | re.DOTALL)
_END = re.compile(r"byteport hold end (\S+)", re.ASCII)
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
_WINDOW = re.compile(rf"--all|(?:--since ({_TIME}))? ?(?:--until ({_TIME}))?")
_ALWAYS, _NEVER = "", "~"
"""Before and after every time."""


class Remark(StrEnum):
    """What is no fault of the log, and should be asked about."""

    ERASED_WITHOUT_REQUEST = "erased_without_request"
    """Bodies were erased, and no request for that stands before it, or it was taken back."""
    PRUNED_EARLY = "pruned_early"
    """Bodies were pruned that are younger than the record of it says that they are kept, or it does not say."""
    UNDER_HOLD = "under_hold"
    """Bodies were destroyed that a legal hold was about."""
    WHILE_HELD = "while_held"
    """Bodies were destroyed while a legal hold on words stood: whether it was about them cannot be told any more."""


SAYS = {
    Remark.ERASED_WITHOUT_REQUEST: "erased bodies without a request before it that stands",
    Remark.PRUNED_EARLY: "pruned bodies that are younger than it says that they are kept, or does not say",
    Remark.UNDER_HOLD: "destroyed bodies that a legal hold was about",
    Remark.WHILE_HELD: "destroyed bodies while a legal hold stood; whether it was about them cannot be told",
}


class RemovalNotice(Frozen):
    """How many records, and the first of them."""

    remark: Remark
    count: int
    seq: int
    says: str


class Told(NamedTuple):
    """A record by which removals are judged, as far as it is needed for that; of one without a body the event alone."""

    seq: int
    at: str
    event: Event
    removed: tuple[Removed, ...] = ()
    workflow_id: str | None = None
    words: str = ""
    """Its note, where it tells of a pruning; else its command."""


def told_by(header: Header, payload: Payload | None) -> Told:
    if payload is None:
        return Told(header.seq, header.timestamp, header.event)
    words = payload.note if header.event is Event.PRUNED else payload.command
    removed = payload.removed if header.event in REMOVALS else ()
    return Told(header.seq, header.timestamp, header.event, removed, payload.workflow_id, words or "")


class Hours:
    """When records were made, to the hour: for each hour its first record. Times that go back are passed over."""

    def __init__(self) -> None:
        self._hours: list[str] = []
        self._firsts: list[int] = []

    @property
    def last(self) -> str:
        return self._hours[-1] if self._hours else ""

    def add(self, at: str, seq: int) -> None:
        if at[:13] > self.last:
            self._hours.append(at[:13])
            self._firsts.append(seq)

    def join(self, later: Hours) -> None:
        for hour, first in zip(later._hours, later._firsts, strict=True):
            self.add(hour, first)

    def of(self, seq: int) -> str | None:
        """The hour of a record; None for one before the first."""
        at = bisect_right(self._firsts, seq) - 1
        return self._hours[at] if at >= 0 else None

    def has_within(self, ranges: Sequence[tuple[int, int]], since: str, until: str) -> bool:
        """Whether a record of these surely was made from `since` on and before `until`."""
        low = bisect_left(self._hours, since, key=lambda hour: f"{hour}:00:00.000Z")
        high = bisect_left(self._hours, until, key=lambda hour: f"{hour}:59:59.999Z")
        if low >= high:
            return False
        start = self._firsts[low]
        stop = self._firsts[high] if high < len(self._firsts) else sys.maxsize
        return any(max(first, start) < min(last + 1, stop) for first, last in ranges)


class Removals:
    """Every removal of a chain, judged by what stands before it."""

    def __init__(self) -> None:
        self.hours = Hours()
        self._requests: set[str] = set()
        self._lost_request = False
        """A request has no body any more, so that nobody can say which one it is."""
        self._holds: dict[str, tuple[str, str] | None] = {}
        """By name: from when to when; None for one on words."""
        self._lost_holds = 0
        self._found: dict[Remark, tuple[int, int]] = {}

    def take(self, told: Told) -> None:
        """The next of these records."""
        match told.event:
            case Event.ERASURE_REQUESTED if told.workflow_id is None:
                self._lost_request = True
            case Event.ERASURE_REQUESTED:
                self._requests.add(told.workflow_id or "")
            case Event.ERASURE_CANCELLED:
                self._requests.discard(told.workflow_id or "")
            case Event.HOLD_SET:
                self._set(told.words)
            case Event.HOLD_ENDED:
                self._end(told.words)
            case _:
                for remark in {*self._judged(told)}:
                    count, first = self._found.get(remark, (0, told.seq))
                    self._found[remark] = (count + 1, first)

    def notices(self) -> tuple[RemovalNotice, ...]:
        return tuple(
            RemovalNotice(remark=remark, count=self._found[remark][0], seq=self._found[remark][1], says=SAYS[remark])
            for remark in Remark
            if remark in self._found
        )

    def _set(self, command: str) -> None:
        found = _SET.fullmatch(command)
        if found is None:
            self._lost_holds += 1
            return
        window = _WINDOW.fullmatch(found[2])
        self._holds[found[1]] = (window[1] or _ALWAYS, window[2] or _NEVER) if window is not None else None

    def _end(self, command: str) -> None:
        found = _END.fullmatch(command)
        if found is not None:
            self._holds.pop(found[1], None)
        else:
            self._lost_holds = max(0, self._lost_holds - 1)

    def _judged(self, told: Told) -> Iterator[Remark]:
        ranges = [(each.first, min(each.last, told.seq - 1)) for each in told.removed if each.first < told.seq]
        if not ranges:
            return
        if told.event is Event.ERASED and told.workflow_id not in self._requests and not self._lost_request:
            yield Remark.ERASED_WITHOUT_REQUEST
        if told.event is Event.PRUNED and self._is_early(told, max(last for _, last in ranges)):
            yield Remark.PRUNED_EARLY
        if self._lost_holds:
            yield Remark.WHILE_HELD
        for window in self._holds.values():
            if window is None:
                yield Remark.WHILE_HELD
            elif self.hours.has_within(ranges, *window):
                yield Remark.UNDER_HOLD

    def _is_early(self, told: Told, youngest: int) -> bool:
        named, hour = _RETENTION.search(told.words), self.hours.of(youngest)
        if named is None or hour is None:
            return named is None
        return datetime.fromisoformat(told.at) - datetime.fromisoformat(f"{hour}:00:00.000Z") < timedelta(
            days=int(named[1])
        )

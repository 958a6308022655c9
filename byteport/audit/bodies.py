"""Which bodies of a chain are gone, and whether a record says so: a body that is missing is right exactly if a later record
tells of its destruction. Comes before `walk`, which sees the records one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from byteport.audit.records import Removed
from byteport.audit.spans import Spans


class Counts(NamedTuple):
    """Bodies that nothing is verified of, by why."""

    removed: int
    not_opened: int
    still_there: int


class Bodies:
    """What was seen of the bodies from number `first` on."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._gone = Spans()
        self._told = Spans()
        """Numbers of which a later record says that the body was destroyed."""
        self._unread = 0
        """The last record that tells of destroyed bodies and whose own body could not be opened."""
        self._not_opened = 0

    def is_gone(self, seq: int) -> None:
        self._gone.add(range(seq, seq + 1))

    def is_told(self, removed: Iterable[Removed], *, by: int) -> None:
        """Record `by` says that these were destroyed. What it says of itself, or of later ones, says nothing."""
        for each in removed:
            self._told.add(range(each.first, min(each.last, by - 1) + 1))

    def is_unopened(self, seq: int, *, tells: bool) -> None:
        """The body is there, and nobody can look into it; `tells` where it tells of destroyed bodies."""
        self._not_opened += 1
        if tells:
            self._unread = max(self._unread, seq)

    def join(self, later: Bodies) -> None:
        for mine, its in ((self._gone, later._gone), (self._told, later._told)):
            for each in its:
                mine.add(each)
        self._unread = max(self._unread, later._unread)
        self._not_opened += later._not_opened

    def unexplained(self) -> Spans:
        """Those that are gone without a word. What a record that could not be opened may explain is not among them."""
        return self._gone.without(self._told).without(Spans([range(self._first, self._unread)]))

    def counts(self, missing: Spans) -> Counts:
        """At the end. `missing` are the records that are not there themselves."""
        unsaid = self._gone.without(self._told)
        return Counts(
            removed=len(self._gone) - len(unsaid),
            not_opened=self._not_opened + len(unsaid) - len(self.unexplained()),
            still_there=len(self._told.without(self._gone).without(missing)),
        )

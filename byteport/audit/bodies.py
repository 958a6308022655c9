"""Which bodies of a chain are gone, and whether a record says so: a body that is missing is right exactly if a later record
tells of its destruction. Comes before `walk`, which sees the records one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from byteport.audit.records import Removed
from byteport.audit.spans import Spans
from byteport.audit.words import Removal


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
        self._told = {cause: Spans() for cause in Removal}
        """Numbers of which a later record says that the body was destroyed."""
        self._labelled: dict[Removal | None, Spans] = {label: Spans() for label in (*Removal, None)}
        """Those that are gone, by what stands beside them in an export."""
        self._unread = 0
        """The last record that tells of destroyed bodies and whose own body could not be opened."""
        self._not_opened = 0

    def is_gone(self, seq: int, label: Removal | None) -> None:
        self._gone.add(range(seq, seq + 1))
        self._labelled[label].add(range(seq, seq + 1))

    def is_told(self, removed: Iterable[Removed], *, by: int) -> None:
        """Record `by` says that these were destroyed. What it says of itself, or of later ones, says nothing."""
        for each in removed:
            self._told[each.cause].add(range(each.first, min(each.last, by - 1) + 1))

    def is_unopened(self, seq: int, *, tells: bool) -> None:
        """The body is there, and nobody can look into it; `tells` where it tells of destroyed bodies."""
        self._not_opened += 1
        if tells:
            self._unread = max(self._unread, seq)

    def join(self, later: Bodies) -> None:
        pairs = [(self._gone, later._gone)]
        pairs += [(self._told[cause], later._told[cause]) for cause in Removal]
        pairs += [(self._labelled[label], later._labelled[label]) for label in self._labelled]
        for mine, its in pairs:
            for each in its:
                mine.add(each)
        self._unread = max(self._unread, later._unread)
        self._not_opened += later._not_opened

    def unexplained(self) -> Spans:
        """Those that are gone without a word. What a record that could not be opened may explain is not among them."""
        return self._gone.without(self._all_told()).without(Spans([range(self._first, self._unread)]))

    def mislabelled(self) -> Spans:
        """Those that an export calls destroyed otherwise than a record of the chain does, or does not call so."""
        told = self._all_told()
        wrong = self._labelled[None].within(told)
        for cause in Removal:
            for each in self._labelled[cause].within(told).without(self._told[cause]):
                wrong.add(each)
        return wrong

    def destroyed(self) -> Iterator[Removed]:
        """Those that are gone as a record says, by its word for why; one of which two records tell stands under both."""
        for cause in Removal:
            for each in self._gone.within(self._told[cause]):
                yield Removed(first=each.start, last=each.stop - 1, cause=cause)

    def ranges(self) -> int:
        """How many of these there are."""
        return sum(self._gone.within(told).ranges for told in self._told.values())

    def counts(self, missing: Spans) -> Counts:
        """At the end. `missing` are the records that are not there themselves."""
        told = self._all_told()
        unsaid = self._gone.without(told)
        return Counts(
            removed=len(self._gone) - len(unsaid),
            not_opened=self._not_opened + len(unsaid) - len(self.unexplained()),
            still_there=len(told.without(self._gone).without(missing)),
        )

    def _all_told(self) -> Spans:
        return Spans(each for spans in self._told.values() for each in spans)

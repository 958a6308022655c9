"""Along a chain, once: what is not intact is found, and the leaves of its tree are gathered on the way.

Whole batches are held against their shape, their hashes and their links at once (`shapes`); where anything at all differs
the batch is halved, and what is left, one record, is looked at by the exact and slow way, which names the fault. A chain may
be walked in parts, each from its own first record on, by several processes; `join` makes one walk of two. Comes after
`findings`, before `verify`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from byteport.audit.batches import Passed, passed
from byteport.audit.bodies import Bodies, Counts
from byteport.audit.chain import GENESIS, record_hash
from byteport.audit.faults import (
    backdated,
    bare_of_word,
    body_fault,
    header_fault,
    id_in,
    mislabelled,
    missing,
    unlinked,
)
from byteport.audit.findings import MOST_FINDINGS, Fault, Finding
from byteport.audit.heads import Chain, Head
from byteport.audit.merkle import Frontier
from byteport.audit.records import Entry, Header, Payload
from byteport.audit.removals import Removals, Told, told_by
from byteport.audit.spans import Spans
from byteport.audit.words import REMOVALS, TELLING

BATCH = 128
MOST_PLACES = 10 * MOST_FINDINGS
"""Of gaps, that are kept: some of them are filled later, and not listed."""
PART = 1 << 15
"""A part of a chain begins at a multiple of this many records, plus one; then its tree joins that of those before it."""


class Place(NamedTuple):
    """Where a record stands in a file."""

    file: str
    line: int


class Opening(NamedTuple):
    """Of the first record that stood in its place: its time."""

    at: str
    seq: int
    id: str | None


class Walk:
    """One pass over the records from number `first` on, in the order in which they are kept.

    `sizes` are those at which the root of the tree will be asked for, `moments` the numbers of records whose times will be.
    Memory does not grow with the log, nor with what is wrong in it, but for some bytes for each gap and each size.
    """

    def __init__(
        self,
        chain: Chain,
        *,
        first: int = 1,
        sizes: Iterable[int] = (),
        moments: Iterable[int] = (),
        labelled: bool = False,
    ) -> None:
        """`labelled` where a word of why stands beside each body that is gone, as in an export."""
        self.chain = chain
        self.first = first
        self.records = 0
        self.last: tuple[int, str] | None = None
        """Number and hash of the last record that stood in its place, as its own bytes say."""
        self.findings: list[Finding] = []
        self.codes: Counter[Fault] = Counter()
        """Of every finding, those that are not listed included."""
        self.frontier = Frontier()
        """Of the records from the first on, up to the first gap."""
        self.frontiers: dict[int, Frontier] = {}
        """Of a part: at those of the sizes that were reached."""
        self.roots: dict[int, bytes] = {}
        """Of a chain from its beginning: the same."""
        self.times: dict[int, str] = {}
        """Of those that were asked for."""
        self.bodies = Bodies(first)
        self.removals = Removals()
        self._telling: list[Told] = []
        """Of a part: what can be judged only by what stands before it."""
        self._moments = frozenset(moments)
        self._labelled = labelled
        self._sizes = sorted({size for size in sizes if size >= first}, reverse=True)
        self._expected = first
        self._before = frozenset({GENESIS}) if first == 1 else frozenset[str]()
        """Hashes that the next record may name: empty when nothing is known of the one before it."""
        self._opening: str | None = None
        """What the first record names as the one before it, where that is not known yet."""
        self._header = b""
        self._time = ""
        """That of the last record that stood in its place."""
        self._opening_time: Opening | None = None
        self._gaps = Spans()
        self._gap_places: list[tuple[int, Place]] = []
        self._strayed: set[int] = set()
        self._place: Place | None = None

    def feed(self, entries: Iterable[Entry], places: Iterable[Place] = ()) -> None:
        """The next records. `places` are where they stand, one for each, or none."""
        stream, found = iter(entries), iter(places)
        while batch := list(islice(stream, BATCH)):
            self._check(batch, list(islice(found, len(batch))))

    def join(self, right: Walk) -> None:
        """With the walk of the records after these. It must begin at a multiple of `PART` records, plus one."""
        adjacent, unbroken = self._expected == right.first, self.is_unbroken
        if right._stood:
            self.until(right.first - 1)
        if right._opening is not None and adjacent and self._before and right._opening not in self._before:
            self.find(unlinked(right.first, self._header))
        opening = right._opening_time
        if opening is not None and opening.at < self._time:
            self.find(backdated(opening.seq, opening.id))
        self._opening_time = self._opening_time or opening
        if unbroken and adjacent:
            for size, part in right.frontiers.items():
                self._reached(size, self.frontier.join(part))
            self.frontier = self.frontier.join(right.frontier)
        for finding in right.findings:
            self.find(finding)
        self.codes += right.codes - Counter(finding.fault for finding in right.findings)
        if right.first == 1:
            self.removals, self.roots = right.removals, right.roots
        else:
            self.removals.hours.join(right.removals.hours)
        for told in right._telling:
            self._tells(told)
        for each in right._gaps:
            self._gaps.add(each)
        self.bodies.join(right.bodies)
        self.records += right.records
        self._gap_places += right._gap_places
        self._strayed |= right._strayed
        if right._stood:
            self._expected = max(self._expected, right._expected)
        if right.last is not None:
            self._before, self._header, self.last = right._before, right._header, right.last
            self._time = right._time or self._time
        self.times |= right.times

    @property
    def latest(self) -> str:
        """The time of the last record that stood in its place."""
        return self._time

    @property
    def is_unbroken(self) -> bool:
        """Whether every record so far stood in its place."""
        return self.frontier.size == self._expected - self.first

    @property
    def _stood(self) -> bool:
        """Whether any record stood in its place here. One that only strayed here says nothing of what is before it."""
        return self._expected > self.first

    def root_at(self, size: int) -> bytes | None:
        """Root of the tree of the first `size` records; None where they are not all there, or it was not asked for."""
        return self.roots.get(size) if size else Frontier().root()

    def against(self, head: Head) -> None:
        """Compare with the head that the store remembers."""
        seq, _ = self.last or (None, "")
        if seq is not None and head.seq == seq and head.hash not in self._before:
            says = "is not the last record that was appended"
            self.find(Finding(fault=Fault.UNLINKED, seq=seq, id=id_in(self._header), says=says))
        if seq is not None and head.seq < seq:
            says = "stands after the last record that was appended"
            self.find(Finding(fault=Fault.EXTRA, seq=head.seq + 1, count=seq - head.seq, says=says))
        self.until(head.seq)

    def until(self, seq: int) -> None:
        """Whatever has not been seen up to `seq` is a gap."""
        if seq >= self._expected:
            self._gaps.add(range(self._expected, seq + 1))
            if self._place is not None and len(self._gap_places) < MOST_PLACES:
                self._gap_places.append((self._expected, self._place))
            self._expected = seq + 1

    def ending(self) -> tuple[list[Finding], Counter[Fault]]:
        """What can be said at the end alone, as much of it as is listed, and how often each code: the gaps, without the
        records that stand somewhere else and have been named there; bodies gone without a word; and those of which an
        export says another word than the log."""
        there = Spans(range(seq, seq + 1) for seq in sorted(self._strayed))
        gaps, bare = self._gaps.without(there), self.bodies.unexplained()
        others = self.bodies.mislabelled() if self._labelled else Spans()
        found = [missing(gap, *(self._place_of(gap) or (None, None))) for gap in islice(gaps, MOST_FINDINGS)]
        found += [bare_of_word(gap) for gap in islice(bare, MOST_FINDINGS)]
        found += [mislabelled(gap) for gap in islice(others, MOST_FINDINGS)]
        counted = {Fault.MISSING: gaps.ranges, Fault.PAYLOAD_MISSING: bare.ranges, Fault.EDITED: others.ranges}
        return found, Counter({fault: count for fault, count in counted.items() if count})

    def _place_of(self, gap: range) -> Place | None:
        """That of the record after which it was seen, where it is still known."""
        at = bisect_right(self._gap_places, gap.start, key=itemgetter(0)) - 1
        return self._gap_places[at][1] if 0 <= at < MOST_PLACES - 1 else None

    def counts(self) -> Counts:
        """Bodies that nothing is verified of; to be asked at the end."""
        return self.bodies.counts(self._gaps)

    # -- many at once ---------------------------------------------------------------------------------------------------

    def _check(self, batch: Sequence[Entry], places: Sequence[Place]) -> None:
        found = passed(batch, self.chain, self._expected, self._before)
        if found is not None and found.times[0].decode() >= self._time:
            self._count(batch, found)
            return
        if len(batch) == 1:
            self._place = places[0] if places else None
            self._look(batch[0])
            return
        cut = len(batch) // 2
        self._check(batch[:cut], places[:cut])
        self._check(batch[cut:], places[cut:])

    def _count(self, batch: Sequence[Entry], found: Passed) -> None:
        if not self._before:
            self._opening = found.opening
        if self.is_unbroken:
            self._grow(found.leaves)
        for seq, label in found.bodiless:
            self.bodies.is_gone(seq, label)
        if self._opening_time is None:
            self._opening_time = Opening(found.times[0].decode(), self._expected, id_in(batch[0].header))
        self._time = found.times[-1].decode()
        if self._time[:13] != self.removals.hours.last:
            for seq, at in enumerate(found.times, self._expected):
                self.removals.hours.add(at.decode(), seq)
        for seq in self._moments:
            if 0 <= seq - self._expected < len(batch):
                self.times[seq] = found.times[seq - self._expected].decode()
        self.records += len(batch)
        self._expected += len(batch)
        self._stands(batch[-1], found.last, found.last)

    def _stands(self, entry: Entry, hashed: str, stored: str) -> None:
        # Of an edited record either the header or the stored hash is what the next one was appended to; it is named once.
        self._before = frozenset({hashed, stored})
        self._header, self.last = entry.header, (entry.seq, hashed)

    # -- one at a time --------------------------------------------------------------------------------------------------

    def _look(self, entry: Entry) -> None:
        """What is wrong with `entry`, at most one fault of its own, and with the record before it."""
        self.records += 1
        hashed = record_hash(entry.header)
        header, fault = header_fault(entry, hashed, self.chain)
        if fault is not None and fault.fault in (Fault.FOREIGN_TENANT, Fault.FOREIGN_CLUSTER):
            self.find(fault)
            return
        if header is not None and header.seq != entry.seq:
            self._strayed.add(header.seq)
            self._name(Fault.REORDERED, entry, f"stands at {entry.seq} but was appended as {header.seq}")
            return
        if entry.seq < self._expected:
            if fault is not None:
                self.find(fault)
            else:
                self._behind(entry)
            return
        adjacent = entry.seq == self._expected
        was_unbroken = self.is_unbroken
        self.until(entry.seq - 1)
        if header is not None and adjacent:
            if not self._before and entry.seq == self.first:
                self._opening = header.prev_hash
            elif self._before and header.prev_hash not in self._before:
                self.find(unlinked(entry.seq, self._header))
        if header is not None:
            self._at(header)
        if fault is not None:
            self.find(fault)
        elif header is not None:
            self._body(entry, header)
        if was_unbroken and adjacent:
            self._grow([bytes.fromhex(hashed.removeprefix("sha256:"))])
        self._expected = entry.seq + 1
        self._stands(entry, hashed, entry.hash)

    def _behind(self, entry: Entry) -> None:
        if entry.seq in self._gaps and entry.seq not in self._strayed:
            self._strayed.add(entry.seq)
            self._name(Fault.REORDERED, entry, "stands after a later record")
        else:
            says = "stands there twice, or another one of its number stands before it"
            if self._labelled:
                says += "; --at-least-once passes over what is the same to the byte"
            self._name(Fault.DUPLICATE, entry, says)

    def _at(self, header: Header) -> None:
        """Its time, which must not be before that of the record before it."""
        at = header.timestamp
        if at < self._time:
            self.find(backdated(header.seq, header.id))
        self._opening_time = self._opening_time or Opening(at, header.seq, header.id)
        self._time = at
        self.removals.hours.add(at, header.seq)
        if header.seq in self._moments:
            self.times[header.seq] = at

    def _body(self, entry: Entry, header: Header) -> None:
        payload: Payload | None = None
        if entry.unopened:
            self.bodies.is_unopened(entry.seq, tells=header.event in REMOVALS)
        elif entry.payload is None and entry.salt is None and header.event not in REMOVALS:
            self.bodies.is_gone(entry.seq, entry.label)
        else:
            payload, fault = body_fault(entry, header)
            if fault is not None:
                self.find(fault)
            if payload is not None and header.event in REMOVALS:
                self.bodies.is_told(payload.removed, by=entry.seq)
        if header.event in TELLING:
            self._tells(told_by(header, payload))

    def _tells(self, told: Told) -> None:
        """What a part tells is judged with what stands before it."""
        if self.first == 1:
            self.removals.take(told)
        else:
            self._telling.append(told)

    def _grow(self, leaves: Sequence[bytes]) -> None:
        before = self.first - 1
        while self._sizes and self._sizes[-1] - before <= self.frontier.size + len(leaves):
            size = self._sizes.pop()
            taken = size - before - self.frontier.size
            self.frontier, leaves = self.frontier.extend(leaves[:taken]), leaves[taken:]
            self._reached(size, self.frontier)
        self.frontier = self.frontier.extend(leaves)

    def _reached(self, size: int, frontier: Frontier) -> None:
        if self.first == 1:
            self.roots[size] = frontier.root()
        else:
            self.frontiers[size] = frontier

    def _name(self, fault: Fault, entry: Entry, says: str) -> None:
        self.find(Finding(fault=fault, seq=entry.seq, id=id_in(entry.header), says=says))

    def find(self, finding: Finding) -> None:
        """One more fault, where the last record that was looked at stands, if it does not say where."""
        self.codes[finding.fault] += 1
        if len(self.findings) >= MOST_FINDINGS:
            return
        if self._place is not None and finding.file is None:
            finding = finding.model_copy(update={"file": self._place.file, "line": self._place.line})
        self.findings.append(finding)

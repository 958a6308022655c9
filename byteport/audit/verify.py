"""Whether a chain is what was appended: each fault by its cause, naming the record.

Pure over stored entries; imports no storage and no writer. What it can say is *intact*. Whether the log is *complete*
(its tail included) needs a head that was kept elsewhere, and whether it is *matched* needs the API server's own audit
log: neither is claimed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from byteport.audit.chain import GENESIS, commitment, record_hash
from byteport.audit.heads import Chain as Chain
from byteport.audit.heads import Head as Head
from byteport.audit.records import Entry, Header, read_header, read_payload
from byteport.domain.base import Frozen
from byteport.errors import MalformedInput


class Fault(StrEnum):
    """What is wrong, in one word."""

    EMPTY = "empty"
    """There is nothing to verify; that is never a valid log."""
    EDITED = "edited"
    """The record's own hash does not fit its header."""
    PAYLOAD_MISMATCH = "payload_mismatch"
    """The payload or its salt is not what the header commits to."""
    PAYLOAD_MISSING = "payload_missing"
    """The payload is not there. The chain holds without it, but nobody recorded an erasure."""
    BAD_JSON = "bad_json"
    """Hashes fit, but the bytes are not a record in canonical form."""
    MISSING = "missing"
    """Records that must have been there are not."""
    REORDERED = "reordered"
    """The record does not stand where it says that it was appended."""
    UNLINKED = "unlinked"
    """Not the record that the next one was appended to: replaced after the fact, its hash included."""
    EXTRA = "extra"
    """Records after the last one that the store says it appended."""
    FOREIGN_TENANT = "foreign_tenant"
    FOREIGN_CLUSTER = "foreign_cluster"


class Finding(Frozen):
    """One fault. `seq` is where the store has the record; `count` is more than one only for runs of records, from `seq` on."""

    fault: Fault
    seq: int
    id: str | None = None
    count: int = 1
    says: str


class Verdict(StrEnum):
    INTACT = "intact"
    BROKEN = "broken"
    EMPTY = "empty"


class NotChecked(Frozen):
    """A verdict that is not given, and what it would need."""

    needs: str


COMPLETE = NotChecked(needs="a head that was kept outside this store (a signed checkpoint)")
MATCHED = NotChecked(needs="the API server's own audit log")


class Report(Frozen):
    """What was found in one chain."""

    chain: Chain
    intact: Verdict
    complete: NotChecked = COMPLETE
    matched: NotChecked = MATCHED
    records: int
    """How many were read."""
    head: Head | None
    """The last one read, as its own bytes say; keep it elsewhere to notice a cut tail."""
    findings: tuple[Finding, ...]


def verify_chain(entries: Iterable[Entry], chain: Chain, *, head: Head | None = None) -> Report:
    """A whole chain, from its first record, in the store's order.

    `head` is what the store remembers of the end. Whoever can cut the log can change that too, so that it proves
    nothing against them; it only notices a cut by somebody who forgot it.
    """
    walk = _Walk(chain, expected=1, before=frozenset({GENESIS}))
    findings = [finding for entry in entries for finding in walk.look(entry)]
    if head is not None:
        findings += walk.against(head)
    findings = [*findings, *walk.missing()]
    return _report(walk, findings)


def verify_part(entries: Iterable[Entry], chain: Chain, *, first: int, last: int) -> Report:
    """The records from `first` to `last`, both included: all but the link of the first to the one before it."""
    before = frozenset({GENESIS}) if first == 1 else frozenset[str]()
    walk = _Walk(chain, expected=first, before=before)
    findings = [finding for entry in entries for finding in walk.look(entry)]
    walk.until(last)
    return _report(walk, [*findings, *walk.missing()])


def _report(walk: _Walk, findings: list[Finding]) -> Report:
    if walk.records == 0:
        findings = [Finding(fault=Fault.EMPTY, seq=0, says="there are no records"), *findings]
    ordered = tuple(sorted(findings, key=lambda finding: finding.seq))
    verdict = Verdict.EMPTY if walk.records == 0 else Verdict.BROKEN if ordered else Verdict.INTACT
    return Report(chain=walk.chain, intact=verdict, records=walk.records, head=walk.last, findings=ordered)


class _Walk:
    """Goes along a chain once, remembering only its last record and the gaps."""

    def __init__(self, chain: Chain, *, expected: int, before: frozenset[str]) -> None:
        self.chain = chain
        self.records = 0
        self.last: Head | None = None
        self._expected = expected
        self._before = before
        """Hashes that the next record may name: empty when nothing is known of the one before it."""
        self._prev_id: str | None = None
        self._gaps: list[range] = []
        self._strayed: set[int] = set()

    def look(self, entry: Entry) -> Iterator[Finding]:
        """What is wrong with `entry`, at most one fault of its own, and with the record before it."""
        self.records += 1
        hashed = record_hash(entry.header)
        header, fault = self._header(entry, hashed)
        if header is not None and header.seq != entry.seq:
            self._strayed.add(header.seq)
            yield Finding(
                fault=Fault.REORDERED,
                seq=entry.seq,
                id=header.id,
                says=f"stands at {entry.seq} but was appended as {header.seq}",
            )
            return
        if entry.seq < self._expected:
            yield _finding(Fault.REORDERED, entry, header, "stands after a later record, or twice")
            return
        adjacent = entry.seq == self._expected
        self.until(entry.seq - 1)
        if header is not None and adjacent and self._before and header.prev_hash not in self._before:
            yield self._unlinked(entry)
        fault = fault or (self._payload(entry, header) if header is not None else None)
        if fault is not None:
            yield fault
        self._expected = entry.seq + 1
        # Of an edited record either the header or the stored hash is what the next one was appended to; it is named once.
        self._before = frozenset({hashed, entry.hash})
        self._prev_id = header.id if header is not None else None
        self.last = Head(seq=entry.seq, hash=hashed)

    def against(self, head: Head) -> Iterator[Finding]:
        """Compare with the head that the store remembers."""
        if self.last is not None and head.seq == self.last.seq and head.hash not in self._before:
            yield Finding(
                fault=Fault.UNLINKED, seq=head.seq, id=self._prev_id, says="is not the last record that was appended"
            )
        if self.last is not None and head.seq < self.last.seq:
            yield Finding(
                fault=Fault.EXTRA,
                seq=head.seq + 1,
                count=self.last.seq - head.seq,
                says="stands after the last record that was appended",
            )
        self.until(head.seq)

    def until(self, seq: int) -> None:
        """Whatever has not been seen up to `seq` is a gap."""
        if seq >= self._expected:
            self._gaps.append(range(self._expected, seq + 1))
            self._expected = seq + 1

    def missing(self) -> Iterator[Finding]:
        """The gaps, without the records that stand somewhere else and have been named there."""
        for gap in self._gaps:
            start = gap.start
            for stray in [*sorted(seq for seq in self._strayed if seq in gap), gap.stop]:
                if stray > start:
                    yield Finding(
                        fault=Fault.MISSING,
                        seq=start,
                        count=stray - start,
                        says="is missing" if stray - start == 1 else f"to {stray - 1} are missing",
                    )
                start = stray + 1

    def _header(self, entry: Entry, hashed: str) -> tuple[Header | None, Finding | None]:
        """The header, or None and the fault that makes it unreadable; a foreign one is readable and a fault."""
        if hashed != entry.hash:
            return None, _finding(Fault.EDITED, entry, _claimed(entry), "was changed after it was appended")
        try:
            header = read_header(entry.header)
        except MalformedInput:
            return None, _finding(Fault.BAD_JSON, entry, None, "has a header that is no record's")
        if header.tenant != self.chain.tenant:
            return header, _finding(Fault.FOREIGN_TENANT, entry, header, "belongs to another tenant")
        if header.cluster_uid != self.chain.cluster_uid:
            return header, _finding(Fault.FOREIGN_CLUSTER, entry, header, "belongs to another cluster")
        return header, None

    def _payload(self, entry: Entry, header: Header) -> Finding | None:
        if entry.payload is None or entry.salt is None:
            return _finding(Fault.PAYLOAD_MISSING, entry, header, "has no payload, and nothing says that it was erased")
        if commitment(entry.salt, entry.payload) != header.payload:
            return _finding(
                Fault.PAYLOAD_MISMATCH, entry, header, "has a payload that was changed after it was appended"
            )
        try:
            read_payload(entry.payload)
        except MalformedInput:
            return _finding(Fault.BAD_JSON, entry, header, "has a payload that is no record's")
        return None

    def _unlinked(self, entry: Entry) -> Finding:
        if entry.seq == 1:
            return _finding(Fault.UNLINKED, entry, None, "is the first record but names one before it")
        return Finding(
            fault=Fault.UNLINKED,
            seq=entry.seq - 1,
            id=self._prev_id,
            says=f"is not the record that {entry.seq} was appended to: one of the two was replaced",
        )


def _claimed(entry: Entry) -> Header | None:
    """What an edited record says that it is, if it can still be read: only to name it."""
    try:
        return read_header(entry.header)
    except MalformedInput:
        return None


def _finding(fault: Fault, entry: Entry, header: Header | None, says: str) -> Finding:
    return Finding(fault=fault, seq=entry.seq, id=header.id if header is not None else None, says=says)

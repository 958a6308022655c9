"""Whether a log is what was appended, and all of it: what a checker asks for, over stored records or over the lines of a file.

Pure; imports no storage and no writer. *Intact* is found by `walk`, *complete* by `completeness` against what was signed;
*matched* is `matching`'s, against the API server's own log. Whatever was not given what it needs is not checked, and the
report says what that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from byteport.audit.completeness import NOBODY, Checkpoints, Given, Trust, Young
from byteport.audit.findings import COMPLETE, Finding
from byteport.audit.findings import MOST_FINDINGS as MOST_FINDINGS
from byteport.audit.findings import Completeness as Completeness
from byteport.audit.findings import Coverage as Coverage
from byteport.audit.findings import Fault as Fault
from byteport.audit.findings import NotChecked as NotChecked
from byteport.audit.findings import Report as Report
from byteport.audit.findings import Verdict as Verdict
from byteport.audit.heads import Chain as Chain
from byteport.audit.heads import Head as Head
from byteport.audit.records import Entry, Removed
from byteport.audit.walk import Walk


def verify_chain(
    entries: Iterable[Entry],
    chain: Chain,
    *,
    head: Head | None = None,
    checkpoints: Sequence[Given] = (),
    trust: Trust = NOBODY,
    young: Young | None = None,
) -> Report:
    """A whole chain, from its first record, in the store's order.

    `head` is what the store remembers of the end. Whoever can cut the log can change that too, so that it proves
    nothing against them; it only notices a cut by somebody who forgot it. What `checkpoints` prove rests on `trust` alone;
    records that are `young` need not be covered by one yet.
    """
    signed = Checkpoints(chain, trust, checkpoints)
    walk = Walk(chain, sizes=signed.sizes, moments=signed.moments)
    walk.feed(entries)
    return report_of(walk, signed, head=head, young=young)


def verify_part(
    entries: Iterable[Entry], chain: Chain, *, first: int, last: int, removals: Iterable[tuple[int, Removed]] = ()
) -> Report:
    """The records from `first` to `last`, both included: all but the link of the first to the one before it.

    `removals` is what records, each by its number, say of bodies that were destroyed before them.
    """
    walk = Walk(chain, first=first)
    for seq, removed in removals:
        walk.bodies.is_told((removed,), by=seq)
    walk.feed(entries)
    walk.until(last)
    return report_of(walk)


def report_of(
    walk: Walk,
    checkpoints: Checkpoints | None = None,
    *,
    head: Head | None = None,
    young: Young | None = None,
    repeated: int = 0,
) -> Report:
    """The report of a chain that was walked to its end, in one part or in several that were joined.

    The walk must have been asked for what the checkpoints need.
    """
    complete = checkpoints.against(walk, young) if checkpoints is not None else COMPLETE
    if head is not None:
        walk.against(head)
    ending, counted = walk.ending()
    findings, codes = [*walk.findings, *ending], walk.codes + counted
    if walk.records == 0:
        findings.append(Finding(fault=Fault.EMPTY, seq=0, says="there are no records"))
        codes[Fault.EMPTY] += 1
    ordered = sorted(findings, key=lambda finding: finding.seq)
    verdict = Verdict.EMPTY if walk.records == 0 else Verdict.BROKEN if ordered else Verdict.INTACT
    bodies, gone = walk.counts(), list(islice(walk.bodies.destroyed(), MOST_FINDINGS))
    last = Head(seq=walk.last[0], hash=walk.last[1]) if walk.last else None
    return Report(
        chain=walk.chain,
        intact=verdict,
        complete=complete,
        records=walk.records,
        removed=bodies.removed,
        gone=tuple(gone),
        gone_not_listed=walk.bodies.ranges() - len(gone),
        notices=walk.removals.notices(),
        repeated=repeated,
        not_opened=bodies.not_opened,
        still_there=bodies.still_there,
        head=last,
        findings=tuple(ordered[:MOST_FINDINGS]),
        not_listed=codes.total() - len(ordered[:MOST_FINDINGS]),
        codes=dict(codes),
    )

"""The third verdict, as a part of the invariants: what the API server saw, against what the log says of it.

Of a real control plane it is the API server's own audit log, of a simulated cluster the list of writes that it keeps.
Whatever contradicts is a violation of the invariant that it breaks; what cannot be told, because others are still at work
or the audit log begins later than the records, is none. `invariants.py` calls this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from byteport.audit.acts import acts_of
from byteport.audit.apiserver import read
from byteport.audit.matched import CONTRADICTS, Cause, Matching
from byteport.audit.matching import match
from byteport.audit.records import Entry
from byteport.audit.requests import Requests
from byteport.boundary.by_design import rules
from byteport.boundary.names import AGENT

_INVARIANT = {
    Cause.UNRECORDED_WRITE: "I1",
    Cause.AFTER_THE_RECORDS: "I1",
    Cause.BEFORE_INTENT: "I1",
    Cause.OUTSIDE_LEASE: "I2",
    Cause.AFTER_END: "I2",
    Cause.OTHER_OBJECT: "I2",
    Cause.OTHER_CLIENT: "I2",
    Cause.FOREIGN_USER: "I2",
    Cause.REPEATED_ID: "I3",
    Cause.NO_END: "I5",
}
"""Which one each cause breaks; every other, that the log says what is so (I4)."""


def matching(entries: Iterable[Entry], lines: Sequence[bytes]) -> Matching:
    """The verdict of one chain."""
    acts = acts_of(entries)
    requests = Requests(AGENT, {act.audit_id for act in acts.in_order()}, rules().idle)
    requests.take(read(lines, "the API server's audit log"))
    return match(acts, requests, rules())


def not_matched(entries: Iterable[Entry], lines: Sequence[bytes]) -> Iterator[str]:
    """Each violation in one line that begins with its invariant."""
    for finding in matching(entries, lines).findings:
        if finding.cause in CONTRADICTS:
            where = f"record {finding.seq}" if finding.seq else f"line {finding.at.line}" if finding.at else "all"
            yield f"{_INVARIANT.get(finding.cause, 'I4')}: not matched ({finding.cause.value}): {where} {finding.says}"

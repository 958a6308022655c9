"""From which record to which one a bundle goes, so that what it holds can be checked by it alone. Comes before `bundling`.

A body is right to be gone only by the word of a later record. So a bundle that ends at some record must go on to those that
say why bodies before it are gone, and it ends where something was signed. Times never go back along a log.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from byteport.audit.heads import Chain
from byteport.audit.records import Entry, Removed, read_header
from byteport.audit.spans import Spans
from byteport.errors import MalformedInput
from byteport.ledger import checkpoints
from byteport.ledger.log import AuditLog

Removals = Sequence[tuple[int, Removed]]


class Times(NamedTuple):
    """Which records somebody wants; `until` is exclusive."""

    since: datetime | None = None
    until: datetime | None = None
    uncovered: bool = False
    """Those that no checkpoint covers too."""


class Extent(NamedTuple):
    """The first and the last record, and the last one of the time that was asked for."""

    first: int
    last: int
    asked: int


def extent_of(log: AuditLog, chain: Chain, head: int, times: Times, removals: Removals) -> Extent | None:
    """None where no record lies in that time. Where nothing was signed that could be the end, it goes as far as it must."""
    first, asked = 1, head
    if times.since is not None or times.until is not None:
        wanted = [entry.seq for entry in log.headers(chain, 1, head) if _is_wanted(entry, times)]
        if not wanted:
            return None
        first, asked = wanted[0], wanted[-1]
    open_ends = _open_ends(removals)
    needed = _next_closed(asked, open_ends)
    if times.uncovered:
        return Extent(first, needed, asked)
    with log.store.snapshot() as sql:
        sizes = [size for size in checkpoints.sizes(sql, chain, head) if size >= first]
    newest = max((size for size in sizes if size <= asked), default=None)
    if newest is not None and newest not in open_ends:
        return Extent(first, newest, asked)
    if newest is None and needed == asked:
        return Extent(first, asked, asked)
    later = (size for size in sizes if size >= needed and size not in open_ends)
    return Extent(first, next(later, needed), asked)


def _open_ends(removals: Removals) -> Spans:
    """The records with which a bundle cannot end: it would lack the word for a body that is gone."""
    return Spans(range(removed.first, by) for by, removed in removals)


def _next_closed(last: int, open_ends: Spans) -> int:
    return next((each.stop for each in open_ends if last in each), last)


def _is_wanted(entry: Entry, times: Times) -> bool:
    """A record whose time cannot be read any more is left in: it is what an auditor looks for."""
    at = timestamp_of(entry)
    if at is None:
        return True
    made = datetime.fromisoformat(at)
    return (times.since is None or made >= times.since) and (times.until is None or made < times.until)


def timestamp_of(entry: Entry) -> str | None:
    """When a record was made, by its own word; None where that cannot be read."""
    try:
        return read_header(entry.header).timestamp
    except MalformedInput:
        return None

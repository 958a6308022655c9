"""What is shipped next of a chain: so many records, or so many bytes, or what lies in one closed hour.

Reads the ledger and decides nothing about receivers. Before it comes `byteport/audit/bundle.py`, which writes a record's
line; after it `ship.py`. What it cuts depends on the log and the cursor alone, so that the same cursor gives the same
batch, but for records that have come since, and bodies that were destroyed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from activities.export.target import moment
from byteport.audit import bundle
from byteport.audit.heads import Chain
from byteport.audit.records import Entry, Removed
from byteport.audit.words import Removal
from byteport.contracts.export import LATE
from byteport.ledger.log import AuditLog

MOST_RECORDS = 2000
MOST_BYTES = 4 << 20
"""Of one batch, but for a record that is larger by itself; more is never in memory."""
HOUR = timedelta(hours=1)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The hour of records of which no one can say when they were made."""


@dataclass(frozen=True)
class Portion:
    """Records `first` to `last`, as lines without their newlines; none where nothing is to be shipped now."""

    head: int
    """The log's last record."""
    first: int
    lines: tuple[bytes, ...] = ()
    hour: datetime | None = None
    oldest: datetime | None = None
    """When the first record after the cursor was made, if it says so."""
    due: datetime | None = None
    """When the hour of that record is closed at the latest; only where it is still open."""

    @property
    def last(self) -> int:
        return self.first + len(self.lines) - 1


def next_portion(log: AuditLog, chain: Chain, after: int, *, now: datetime, hourly: bool) -> Portion:
    """What comes after record `after`. A record that was taken out of the log is passed over: the next ones still leave,
    and whoever checks them sees that it is missing."""
    end = log.head(chain)
    head = 0 if end is None else end.seq
    if head <= after:
        return Portion(head, after + 1)
    entries = log.entries(chain, after + 1, head)
    try:
        taken = _taken(entries, hourly=hourly)
    finally:
        close = getattr(entries, "close", None)
        if close is not None:
            close()
    if not taken.found:
        return Portion(head, after + 1)
    first, oldest = taken.found[0].seq, made_at(taken.found[0].header)
    if hourly and not taken.full and (due := _open_until(log, chain, taken.hour, head, now)) is not None:
        return Portion(head, first, oldest=oldest, due=due)
    return Portion(head, first, _lines(log, chain, taken.found), taken.hour if hourly else None, oldest)


def made_at(header: bytes) -> datetime | None:
    """The time that a header says, or None where it was damaged."""
    try:
        return moment(json.loads(header)["timestamp"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


class _Taken(NamedTuple):
    found: list[Entry]
    hour: datetime
    full: bool
    """Whether a portion has no room for the next; what comes later of its hour is another object in any case."""


def _taken(entries: Iterable[Entry], *, hourly: bool) -> _Taken:
    """The first records that go together, without a gap; of one hour where that matters."""
    found: list[Entry] = []
    hour, size = _NEVER, 0
    for entry in entries:
        at = made_at(entry.header)
        if hourly and at is not None:
            its_hour = at.replace(minute=0, second=0, microsecond=0)
            if hour == _NEVER:
                hour = its_hour
            elif its_hour != hour:
                break
        size += len(entry.header) + len(entry.payload or b"")
        if found and (len(found) >= MOST_RECORDS or size > MOST_BYTES):
            return _Taken(found, hour, full=True)
        if found and entry.seq != found[-1].seq + 1:
            break
        found.append(entry)
    return _Taken(found, hour, full=False)


def _open_until(log: AuditLog, chain: Chain, hour: datetime, head: int, now: datetime) -> datetime | None:
    """When the hour is closed at the latest; None where it is: its time is over, or the log has gone on to another.

    One that has not begun is none to wait for: a clock was ahead when its records were made, and the log's time does not go
    back, so that all that came since lies in it too.
    """
    due = hour + HOUR + LATE
    if now >= due or hour > now:
        return None
    for entry in log.headers(chain, head, head):
        at = made_at(entry.header)
        if at is not None and at.replace(minute=0, second=0, microsecond=0) != hour:
            return None
    return due


def _lines(log: AuditLog, chain: Chain, found: list[Entry]) -> tuple[bytes, ...]:
    gone = log.removed(chain) if any(entry.payload is None for entry in found) else ()
    return tuple(bundle.line_of(entry, _cause(gone, entry)).removesuffix(b"\n") for entry in found)


def _cause(gone: Iterable[Removed], entry: Entry) -> Removal | None:
    if entry.payload is not None:
        return None
    return next(_causes(gone, entry.seq), None)


def _causes(gone: Iterable[Removed], seq: int) -> Iterator[Removal]:
    return (one.cause for one in gone if one.first <= seq <= one.last)

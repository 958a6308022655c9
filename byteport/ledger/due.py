"""In a copy of another ledger: when records were taken in, which bodies they say are gone, and whose turn it is to look.

A copy writes no record of its own. What a `pruned` or `erased` record of a chain names is kept here as rows, in the
transaction that takes the record in; the bodies follow when the copy's own time for them has come. Statements alone:
`byteport/api/retention.py` decides. The database lets no body go that no row names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from byteport.audit.heads import Chain
from byteport.audit.records import timestamp
from byteport.audit.words import REMOVALS, Event, Removal
from byteport.ledger.append import milliseconds
from byteport.ledger.store import Sql, Transaction

Window = tuple[datetime | None, datetime | None]
"""From one time on, and before another; None is without an end."""
_PLACE = "tenant = ? AND cluster_uid = ?"
_OF_RECORD = (
    "(SELECT {} FROM agent_actions AS record WHERE record.tenant = body.tenant"
    " AND record.cluster_uid = body.cluster_uid AND record.seq = body.seq)"
)
"""Asked row by row, by its whole key: of a chain that has grown fast PostgreSQL takes a join for one of a few rows."""
_TELL = tuple(sorted(event.value for event in REMOVALS))


class Due(NamedTuple):
    """Bodies that one record of a chain says are gone, from `first` to `last`, not all of which are yet."""

    seq: int
    first: int
    last: int
    cause: Removal
    named_ms: int
    """When the copy took the record in."""
    request_seq: int | None
    """The record of the request that an erasure followed, where it can be told."""


def name(
    tx: Transaction, chain: Chain, seq: int, ranges: Iterable[tuple[int, int]], *, request_seq: int | None = None
) -> None:
    """Keep what record `seq`, the last of the chain and just appended, says is gone."""
    now = milliseconds(tx.now)
    tx.sql.executemany(
        "INSERT INTO due_removals (tenant, cluster_uid, seq, first_seq, last_seq, named_ms, request_seq)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(chain.tenant, chain.cluster_uid, seq, first, last, now, request_seq) for first, last in merged(ranges)],
    )


def open_rows(sql: Sql, chain: Chain, *, after: tuple[int, int], most: int) -> list[Due]:
    """Rows that are not done, after the one of that record and first number, in their order."""
    rows = sql.execute(
        f"SELECT seq, first_seq, last_seq, {_OF_RECORD.format('event')}, named_ms, request_seq"  # noqa: S608
        f" FROM due_removals AS body WHERE {_PLACE} AND done_ms IS NULL"
        " AND (seq > ? OR (seq = ? AND first_seq > ?)) ORDER BY seq, first_seq LIMIT ?",
        (chain.tenant, chain.cluster_uid, after[0], *after, most),
    )
    return [Due(row[0], row[1], row[2], Removal(row[3]), row[4], row[5]) for row in rows]


def bodies(sql: Sql, chain: Chain, first: int, last: int, *, held: Sequence[Window] = (), most: int) -> list[int]:
    """The lowest `most` records from `first` to `last` with a body that may go: none that tells of a removal, and none
    whose time is in a window that is held."""
    parts, values = list[str](), list[object]()
    for since, until in held:
        ends = [("timestamp >= ?", since), ("timestamp < ?", until)]
        given = [(part, timestamp(at)) for part, at in ends if at is not None]
        parts.append(f" AND NOT ({' AND '.join(_OF_RECORD.format(part) for part, _ in given) or '1 = 1'})")
        values += [value for _, value in given]
    rows = sql.execute(
        f"SELECT seq FROM agent_action_bodies AS body WHERE {_PLACE} AND seq BETWEEN ? AND ?"  # noqa: S608
        f" AND {_OF_RECORD.format('event NOT IN (?, ?)')}{''.join(parts)} ORDER BY seq LIMIT ?",
        (chain.tenant, chain.cluster_uid, first, last, *_TELL, *values, most),
    )
    return [row[0] for row in rows]


def end(tx: Transaction, chain: Chain, due: Due) -> None:
    """Every body that the row names and that may go is gone."""
    tx.sql.execute(
        f"UPDATE due_removals SET done_ms = ? WHERE {_PLACE} AND seq = ? AND first_seq = ?",  # noqa: S608
        (milliseconds(tx.now), chain.tenant, chain.cluster_uid, due.seq, due.first),
    )


def erased_since(sql: Sql, chain: Chain, since_ms: int) -> int:
    """How many numbers were named as erased by records that were taken in since then."""
    return _sum(sql, chain, f"named_ms >= ? AND {_OF_RECORD.format('event')} = '{Event.ERASED.value}'", since_ms)


def erased_by_request(sql: Sql, chain: Chain, request_seq: int) -> int:
    """How many numbers were named as erased for one request."""
    return _sum(sql, chain, "request_seq = ?", request_seq)


def take_note(tx: Transaction, chain: Chain, *, every_ms: int) -> None:
    """Note that everything up to the head is here now, unless nothing came or a note was taken less than `every_ms` ago."""
    head = tx.chains.head(chain)
    last = tx.sql.execute(
        f"SELECT seq, at_ms FROM intakes WHERE {_PLACE} ORDER BY seq DESC LIMIT 1",  # noqa: S608
        (chain.tenant, chain.cluster_uid),
    ).fetchone()
    now = milliseconds(tx.now)
    if head.seq < 1 or (last is not None and (head.seq <= last[0] or now < last[1] + every_ms)):
        return
    tx.sql.execute(
        "INSERT INTO intakes (tenant, cluster_uid, seq, at_ms) VALUES (?, ?, ?, ?)",
        (chain.tenant, chain.cluster_uid, head.seq, now),
    )


def here_by(sql: Sql, chain: Chain, at_ms: int) -> int:
    """The last record that is known to have been here at that time; 0 when none is."""
    row = sql.execute(
        f"SELECT seq FROM intakes WHERE {_PLACE} AND at_ms <= ? ORDER BY seq DESC LIMIT 1",  # noqa: S608
        (chain.tenant, chain.cluster_uid, at_ms),
    ).fetchone()
    return 0 if row is None else int(row[0])


def here_since(sql: Sql, chain: Chain, seq: int) -> int | None:
    """The time in ms by which a record is known to have been here; None when no note was taken since."""
    row = sql.execute(
        f"SELECT at_ms FROM intakes WHERE {_PLACE} AND seq >= ? ORDER BY seq LIMIT 1",  # noqa: S608
        (chain.tenant, chain.cluster_uid, seq),
    ).fetchone()
    return None if row is None else int(row[0])


def turn(tx: Transaction, tenant: str, holder: str, *, until_ms: int) -> bool:
    """Take or keep the turn to look after a tenant; False while it is another process's, or was had not long ago."""
    now = milliseconds(tx.now)
    row = tx.sql.execute("SELECT holder, until_ms FROM sweeps WHERE tenant = ?", (tenant,)).fetchone()
    if row is None:
        tx.sql.execute("INSERT INTO sweeps (tenant, holder, until_ms) VALUES (?, ?, ?)", (tenant, holder, until_ms))
        return True
    if row[0] != holder and row[1] > now:
        return False
    tx.sql.execute("UPDATE sweeps SET holder = ?, until_ms = ? WHERE tenant = ?", (holder, until_ms, tenant))
    return True


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers as as few ranges as there can be, ascending."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _sum(sql: Sql, chain: Chain, condition: str, value: int) -> int:
    row = sql.execute(
        "SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM due_removals AS body"  # noqa: S608
        f" WHERE {_PLACE} AND {condition}",
        (chain.tenant, chain.cluster_uid, value),
    ).fetchone()
    return int(row[0])

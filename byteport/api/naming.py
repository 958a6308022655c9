"""What records say is gone, kept as such when they are taken in; the bodies themselves go later (`retention`).

Whoever has taken an agent over can have it record an erasure. So nothing is destroyed by the record alone: its operator
has a day to notice, and is told at once when it is about a large part of a chain. Comes after `lines`; `archive` calls it
inside the transaction that keeps the records.
"""

from __future__ import annotations

from datetime import timedelta

from byteport.api.lines import SentRecord
from byteport.api.problems import LedgerCode
from byteport.audit.heads import Chain
from byteport.audit.records import Payload
from byteport.audit.words import REMOVALS, TELLING, Event
from byteport.ledger import due
from byteport.ledger.append import milliseconds
from byteport.ledger.sealing import needed
from byteport.ledger.store import Sql, Transaction
from byteport.serving.problems import Problem

MOST_RANGES = 2000
"""Of one record; the agent's own have at most a thousand."""
MOST_OF_A_REQUEST = 1000
"""Records about one request. With more of them nobody looks for the first."""
USUAL = 10
"""So many erased bodies of a chain in a day are no matter, however short it is."""
USUAL_SHARE = 20
"""A twentieth of a chain's records, erased in a day, is still usual."""
_DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)


def name_removals(tx: Transaction, chain: Chain, one: SentRecord) -> None:
    """Keep what `one`, the last record of the chain and just appended, says is gone. Raises `Problem` for what cannot be."""
    if one.header.event not in REMOVALS or one.payload is None:
        return
    removed = one.payload.removed
    ranges = due.merged((part.first, part.last) for part in removed if part.cause.value == one.header.event.value)
    if len(ranges) > MOST_RANGES:
        raise _refused(one, f"names more than {MOST_RANGES} ranges")
    if any(last >= one.entry.seq or _stays(tx.sql, chain, one, first, last) for first, last in ranges):
        raise _refused(one, "names records that come later, or that tell of a removal, a request or a hold themselves")
    if ranges:
        request = _request_of(tx, chain, one.payload) if one.erases else None
        due.name(tx, chain, one.entry.seq, ranges, request_seq=request)


def large_erasure(tx: Transaction, chain: Chain) -> int:
    """How many bodies the chain has named as erased within a day, where that is more than is usual; else 0."""
    named = due.erased_since(tx.sql, chain, milliseconds(tx.now) - _DAY_MS)
    return named if named > max(USUAL, tx.chains.head(chain).seq // USUAL_SHARE) else 0


def _request_of(tx: Transaction, chain: Chain, payload: Payload) -> int | None:
    """The record of the request that an erasure follows; None when there is none here, or it was taken back."""
    indexes = needed(tx.keys).indexes(chain.tenant, "workflow_id", payload.workflow_id)
    rows = tx.sql.execute(
        "SELECT seq FROM agent_action_bodies WHERE tenant = ? AND cluster_uid = ?"  # noqa: S608
        f" AND workflow_id IN ({', '.join('?' * len(indexes))}) ORDER BY seq LIMIT ?",
        (chain.tenant, chain.cluster_uid, *indexes, MOST_OF_A_REQUEST),
    ).fetchall()
    if len(rows) == MOST_OF_A_REQUEST:
        return None
    asked: int | None = None
    for (seq,) in rows:
        (event,) = tx.sql.execute(
            "SELECT event FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND seq = ?",
            (chain.tenant, chain.cluster_uid, seq),
        ).fetchone()
        if event == Event.ERASURE_CANCELLED.value:
            return None
        if event == Event.ERASURE_REQUESTED.value and asked is None:
            asked = int(seq)
    return asked


def _stays(sql: Sql, chain: Chain, one: SentRecord, first: int, last: int) -> bool:
    """Whether one of these records tells of a removal; on request also who asked for one, or set a hold or ended it."""
    stay = sorted(event.value for event in (TELLING if one.erases else REMOVALS))
    rows = sql.execute(
        "SELECT seq FROM agent_actions WHERE tenant = ? AND cluster_uid = ?"  # noqa: S608
        f" AND event IN ({', '.join('?' * len(stay))}) AND seq BETWEEN ? AND ? LIMIT 1",
        (chain.tenant, chain.cluster_uid, *stay, first, last),
    )
    return rows.fetchone() is not None


def _refused(one: SentRecord, says: str) -> Problem:
    return Problem(LedgerCode.LINE_REFUSED, says, line=one.line, field="sealed.payload.removed")

"""Requests for erasure as rows: which records each names, by numbers that say nothing of anybody, and how it stands.

`erasures` writes them for people, `erasing` carries them out; the records of both are theirs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from byteport.audit.heads import Chain
from byteport.contracts.retention import ErasureState, Exported
from byteport.domain.base import Frozen
from byteport.domain.retention import Span
from byteport.errors import TargetGone
from byteport.ledger.append import milliseconds
from byteport.ledger.store import Sql, Transaction


class Named(Frozen):
    """What a request names."""

    spans: tuple[Span, ...]


class Row(NamedTuple):
    """One request."""

    request_id: str
    spans: tuple[Span, ...]
    by: str
    at_ms: int
    reason: str
    state: ErasureState
    """`waiting` for as long as it is neither done nor taken back."""
    erased: int
    """Bodies that are gone by it."""
    ended_ms: int | None


def add(tx: Transaction, chain: Chain, row: Row) -> None:
    """Keep a new request."""
    tx.sql.execute(
        "INSERT INTO erasures (tenant, cluster_uid, request_id, about, requested_by, requested_ms, reason, state, erased)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(chain.tenant, chain.cluster_uid, row.request_id, Named(spans=row.spans).model_dump_json()),
            *(row.by, row.at_ms, row.reason, row.state.value, row.erased),
        ),
    )


def every(sql: Sql, chain: Chain, *, request_id: str = "") -> tuple[Row, ...]:
    """Every request about a chain, oldest first; or the one of that id."""
    rows = sql.execute(
        "SELECT request_id, about, requested_by, requested_ms, reason, state, erased, ended_ms FROM erasures"
        " WHERE tenant = ? AND cluster_uid = ? AND (? = '' OR request_id = ?) ORDER BY requested_ms, request_id",
        (chain.tenant, chain.cluster_uid, request_id, request_id),
    ).fetchall()
    return tuple(map(_row, rows))


def one(sql: Sql, chain: Chain, request_id: str) -> Row:
    """Raises `TargetGone` when there is none of that id."""
    rows = every(sql, chain, request_id=request_id) if request_id else ()
    if not rows:
        raise TargetGone(f"there is no request {request_id}; `byteport erase list` lists them")
    return rows[0]


def erased(tx: Transaction, chain: Chain, row: Row, count: int) -> Row:
    """So many more bodies are gone by it."""
    tx.sql.execute(
        "UPDATE erasures SET erased = ? WHERE tenant = ? AND cluster_uid = ? AND request_id = ?",
        (row.erased + count, chain.tenant, chain.cluster_uid, row.request_id),
    )
    return row._replace(erased=row.erased + count)


def end(tx: Transaction, chain: Chain, row: Row, state: ErasureState) -> None:
    """It is done, or taken back."""
    tx.sql.execute(
        "UPDATE erasures SET state = ?, ended_ms = ? WHERE tenant = ? AND cluster_uid = ? AND request_id = ?",
        (state.value, milliseconds(tx.now), chain.tenant, chain.cluster_uid, row.request_id),
    )


def exported(sql: Sql, chain: Chain, row: Row) -> tuple[Exported, ...]:
    """Every receiver that has ever had one of its records, whether or not the settings still name it."""
    rows = sql.execute(
        "SELECT target, seq FROM export_cursors WHERE tenant = ? AND cluster_uid = ? AND seq >= ? ORDER BY target",
        (chain.tenant, chain.cluster_uid, row.spans[0].first),
    ).fetchall()
    return tuple(Exported(target=found[0], seq=found[1]) for found in rows)


def _row(row: Any) -> Row:
    spans = tuple(Span(*span) for span in Named.model_validate_json(row[1]).spans)
    return Row(row[0], spans, row[2], row[3], row[4], ErasureState(row[5]), row[6], row[7])

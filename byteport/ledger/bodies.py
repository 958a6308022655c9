"""Destroying bodies: the record that says so first, then what it names, in one transaction; nothing else ever deletes one.

Comes after `append`. What may be destroyed, and when, is decided by who calls (`activities/audit`).
"""

from __future__ import annotations

from collections.abc import Sequence

from byteport.audit.heads import Chain
from byteport.audit.records import Removed
from byteport.audit.words import REMOVALS, TELLING, Removal
from byteport.contracts.ledger import RecordDraft, Recorded
from byteport.domain.canonical import digest
from byteport.errors import MalformedInput, PreconditionFailed
from byteport.ledger.append import Evidence, append, find
from byteport.ledger.store import Transaction


def destroy(
    tx: Transaction, chain: Chain, ranges: Sequence[tuple[int, int]], cause: Removal, draft: RecordDraft
) -> Recorded:
    """Append `draft`, which will name the records of `ranges` (first and last, both included), and destroy their bodies.

    Once per key, as every record: what was recorded before is not done again. Raises `MalformedInput` for ranges that are
    none, or that name a record that tells of a removal itself or, on request, of a hold or a request, and `PreconditionFailed` for a draft of another chain.
    """
    if (draft.tenant, draft.cluster_uid) != (chain.tenant, chain.cluster_uid):
        raise PreconditionFailed("the record of a removal stands in the chain that it is about")
    if draft.event.value != cause.value:
        raise MalformedInput("removal", f"is recorded as {cause.value}, not as {draft.event.value}")
    known = find(tx, draft, digest(draft.key))
    if known is not None:
        return known
    head = tx.chains.head(chain)
    if not ranges or any(not 1 <= first <= last <= head.seq for first, last in ranges):
        raise MalformedInput("removal", "names records that are not there")
    for first, last in ranges:
        _must_be_free(tx, chain, first, last, cause)
    removed = tuple(Removed(first=first, last=last, cause=cause) for first, last in ranges)
    recorded = append(tx, draft, evidence=Evidence(removed=removed))
    tx.chains.destroy(chain, recorded.seq, ranges)
    return recorded


def _must_be_free(tx: Transaction, chain: Chain, first: int, last: int, cause: Removal) -> None:
    """Without these records nobody could say any more why a body is not there, or who wanted it gone."""
    stay = sorted(event.value for event in (TELLING if cause is Removal.ERASED else REMOVALS))
    row = tx.sql.execute(
        f"SELECT seq, event FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND event IN ({', '.join('?' * len(stay))})"  # noqa: S608
        " AND seq BETWEEN ? AND ? LIMIT 1",
        (chain.tenant, chain.cluster_uid, *stay, first, last),
    ).fetchone()
    if row is not None:
        raise MalformedInput("removal", f"names record {row[0]}, which is {row[1]} and stays")

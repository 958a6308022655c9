"""How far signer and witnesses are behind the log, by what the store says of itself: for whoever is to notice that they stopped.

Nobody's word is taken who might have stopped: neither the run that has the log signed is asked, nor the signer. Whoever can write
the store can of course make it say what he likes; against that there are the signer's memory and the witnesses. Comes before
`workers/signing_check.py` (the doctor) and `workers/signing_metrics.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from byteport.audit.checkpoint import cosigned_by
from byteport.audit.heads import Chain
from byteport.audit.notes import VerifierKey
from byteport.errors import MalformedInput
from byteport.ledger import checkpoints
from byteport.ledger.append import moment
from byteport.ledger.log import AuditLog
from byteport.ledger.store import Readable, Sql

MOST_ROWS = 2000
"""So many of the newest checkpoints are looked at for a witness's signature."""


class Behind(NamedTuple):
    """What is not signed: so many records, the first of them since then."""

    records: int = 0
    since: datetime | None = None
    """None where nothing is missing."""

    def lasts(self, now: datetime) -> timedelta:
        return max(now - self.since, timedelta(0)) if self.since is not None else timedelta(0)


class Lag(NamedTuple):
    """How far each is behind."""

    signer: Behind
    witnesses: dict[str, Behind]
    """By the names of their keys; of what is signed."""


def lag(reader: Readable, chain: Chain, witnesses: Sequence[VerifierKey], now: datetime) -> Lag:
    """Raises `Unavailable` when the store does not answer, `MalformedInput` when it holds what is no checkpoint."""
    head = AuditLog(reader).head(chain)
    with reader.snapshot() as sql:
        rows = checkpoints.newest_first(sql, chain, MOST_ROWS)
        newest = rows[0] if rows else None
        signed = newest.size if newest is not None else 0
        missing = max(0, head.seq - signed) if head is not None else 0
        since = _since(sql, chain, signed + 1, newest, now) if missing else None
    return Lag(Behind(missing, since), {key.name: _behind(rows, key) for key in witnesses})


def _since(sql: Sql, chain: Chain, seq: int, newest: checkpoints.Checkpoint | None, now: datetime) -> datetime | None:
    """When that record was appended, by its own stamp; one of a clock that was ahead says nothing, and the last signature does."""
    row = sql.execute(
        "SELECT timestamp FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND seq = ?",
        (chain.tenant, chain.cluster_uid, seq),
    ).fetchone()
    try:
        at = datetime.fromisoformat(row[0]) if row is not None else None
    except (TypeError, ValueError):
        raise MalformedInput("timestamp", "a record has a time that is none") from None
    if at is not None and at.tzinfo is not None and at <= now:
        return at
    return moment(newest.at_ms) if newest is not None else None


def _behind(rows: Sequence[checkpoints.Checkpoint], witness: VerifierKey) -> Behind:
    """Since the first checkpoint of a larger log than the last one that it has signed."""
    if not rows:
        return Behind()
    since = None
    for row in rows:
        if cosigned_by(row.note, witness):
            larger = [one for one in rows if one.size > row.size]
            return Behind(rows[0].size - row.size, moment(larger[-1].at_ms) if larger else None)
        since = moment(row.at_ms)
    return Behind(rows[0].size, since)

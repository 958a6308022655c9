"""Names in the ledger's own rows: blanked when no limit is counted by them any more, so that erasing a body is no fiction.

An intent's row stays for ever, because an action id that was used is never used again; its target, namespace and lease
key go once the body of its record is gone and every window that `standing` looks at has passed. Digests stay: what they
are made of holds uids, which nobody guesses. Comes after `retention` and `erasures`, in their transactions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from byteport.audit.heads import Chain
from byteport.domain.retention import Span
from byteport.ledger.append import milliseconds, moment, stamp
from byteport.ledger.store import Transaction

GONE = "-"
"""No name of Kubernetes', so that nothing equals it."""
LEASE_OVER = timedelta(days=1)
"""A lease that ended so long ago is nobody's, and its row says no more than none would."""


def blank(tx: Transaction, chain: Chain, *, counted_for: timedelta) -> int:
    """Blank what can be. How many rows it were."""
    now_ms = stamp(tx, chain.tenant, chain.cluster_uid)
    blanked = tx.sql.execute(
        "UPDATE intents SET namespace = ?, target = ?, lease_key = ?"
        " WHERE cluster_uid = ? AND target <> ? AND at_ms < ? AND NOT EXISTS (SELECT 1 FROM agent_action_bodies AS bodies"
        " WHERE bodies.tenant = ? AND bodies.cluster_uid = intents.cluster_uid AND bodies.seq = intents.seq)",
        (GONE, GONE, GONE, chain.cluster_uid, GONE, now_ms - _ms(counted_for), chain.tenant),
    ).rowcount
    ended = tx.sql.execute(
        "DELETE FROM leases WHERE cluster_uid = ? AND until_ms < ?",
        (chain.cluster_uid, milliseconds(tx.now - LEASE_OVER)),
    ).rowcount
    return blanked + ended


def counted_until(tx: Transaction, chain: Chain, of: Iterable[Span], *, counted_for: timedelta) -> datetime | None:
    """Until when limits are counted by a name that the records `of` would give away; None when by none any more."""
    latest = 0
    for span in of:
        row = tx.sql.execute(
            "SELECT max(at_ms) FROM intents WHERE cluster_uid = ? AND target <> ? AND seq BETWEEN ? AND ?",
            (chain.cluster_uid, GONE, span.first, span.last),
        ).fetchone()
        latest = max(latest, row[0] or 0)
    return moment(latest + _ms(counted_for) + 1) if latest else None


def _ms(time: timedelta) -> int:
    return int(time.total_seconds() * 1000)

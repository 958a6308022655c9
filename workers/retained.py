"""What `byteport doctor` says of the log's bodies: when they were pruned last, which are too old, which erasure is late.

Pruning and erasure tell people by themselves when they cannot go on; this finds what nobody carries out at all. Comes
from `examine.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from activities.audit.erasures import Request, late, requests
from activities.audit.holds import standing
from activities.audit.retention import last_pruned
from byteport.audit.heads import Chain
from byteport.audit.words import REMOVALS
from byteport.domain.ids import retention_id
from byteport.domain.retention import RetentionConfig
from byteport.ledger.store import Readable, Sql
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy

LATE = timedelta(days=2)
"""The daily run has had its turn by then, a failed one and another included."""


def check_retention(ledger: Readable, chain: Chain, config: RetentionConfig, *, now: datetime) -> list[Check]:
    """Raises `Unavailable` when the ledger cannot be read."""
    with ledger.snapshot() as sql:
        overdue = late(requests(sql, chain, config), now)
        return [_pruning(sql, chain, config, now), _erasures(overdue)]


def _pruning(sql: Sql, chain: Chain, config: RetentionConfig, now: datetime) -> Check:
    pruned, oldest, holds = last_pruned(sql, chain), _oldest(sql, chain), standing(sql, chain)
    last = f"last pruned {pruned:%Y-%m-%d %H:%M} UTC" if pruned is not None else "nothing was pruned yet"
    if not config.pruning:
        return Check("retention", Outcome.OK, f"{last}; audit.pruning is off, so that bodies stay")
    if oldest is None or oldest >= now - config.retention - LATE:
        return Check("retention", Outcome.OK, f"{last}; bodies are kept for {config.retention_days} days")
    said = f"bodies of {oldest:%Y-%m-%d} are still there, and {config.retention_days} days are kept; {last}"
    if holds:
        return Check("retention", Outcome.OK, f"{said}; legal holds stand: {', '.join(hold.name for hold in holds)}")
    return Check(
        "retention", Outcome.WARNING, said, remedy(Amiss.BODIES_TOO_OLD, workflow=retention_id(chain.cluster_uid))
    )


def _erasures(overdue: Sequence[Request]) -> Check:
    if not overdue:
        return Check("erasures", Outcome.OK, "none is late")
    said = f"{len(overdue)} late, the first was to be done by {overdue[0].times.late:%Y-%m-%d %H:%M} UTC"
    return Check("erasures", Outcome.FAILED, said, remedy(Amiss.ERASURE_LATE))


def _oldest(sql: Sql, chain: Chain) -> datetime | None:
    """The time of the oldest record that has a body and tells of no removal."""
    row = sql.execute(
        "SELECT timestamp FROM agent_action_bodies JOIN agent_actions USING (tenant, cluster_uid, seq)"
        " WHERE tenant = ? AND cluster_uid = ? AND event NOT IN (?, ?) ORDER BY seq LIMIT 1",
        (chain.tenant, chain.cluster_uid, *sorted(event.value for event in REMOVALS)),
    ).fetchone()
    return datetime.fromisoformat(row[0]) if row and row[0] else None

"""What nobody can read any more of a time: records whose bodies retention or an erasure destroyed, or whose key is gone.

Their headers stay for ever, so that they can be counted and dated; what they said cannot be told. Comes after `log.py`, which leaves
them out; `byteport report` says beside its sums what is not in them.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from byteport.audit.records import timestamp
from byteport.audit.tally import Unseen
from byteport.ledger.sealing import needed
from byteport.ledger.store import Readable, Sql

_WITHOUT = (
    "SELECT event, COUNT(*), MIN(timestamp), MAX(timestamp)"
    " FROM agent_actions LEFT JOIN agent_action_bodies AS bodies USING (tenant, cluster_uid, seq)"
    " WHERE tenant = ? AND timestamp >= ? AND timestamp < ? AND body IS NULL GROUP BY event ORDER BY event"
)
_WITH = (
    "SELECT COUNT(*) FROM agent_actions JOIN agent_action_bodies USING (tenant, cluster_uid, seq)"
    " WHERE tenant = ? AND timestamp >= ? AND timestamp < ?"
)


class _Found(NamedTuple):
    event: str
    records: int
    first: str
    last: str


def unseen(store: Readable, tenant: str, since: datetime, until: datetime) -> Unseen:
    """Of one tenant's records from `since`, and before `until`. Raises as reading the log does."""
    during = (tenant, timestamp(since), timestamp(until))
    with store.snapshot() as sql:
        found = [_Found(*row) for row in sql.execute(_WITHOUT, during)]
        return Unseen(
            destroyed=sum(one.records for one in found),
            locked=0 if needed(store.keys).at_hand(tenant) else int(sql.execute(_WITH, during).fetchone()[0]),
            events={one.event: one.records for one in found},
            first=_earliest([one.first for one in found]),
            last=_earliest([one.last for one in found], newest=True),
            log_begins=_begins(sql, tenant),
        )


def _begins(sql: Sql, tenant: str) -> datetime | None:
    (first,) = sql.execute("SELECT MIN(timestamp) FROM agent_actions WHERE tenant = ?", (tenant,)).fetchone()
    return None if first is None else datetime.fromisoformat(first)


def _earliest(times: list[str], *, newest: bool = False) -> datetime | None:
    """They are written so that they sort as they come."""
    if not times:
        return None
    return datetime.fromisoformat(max(times) if newest else min(times))

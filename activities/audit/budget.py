"""What of an hour's budget is used, and what of the ledger stops the agent, as one reader sees it: to be told, not to decide by.

Whether one act may be done is `standing.py`'s to say, inside the transaction that grants. Comes before `workers/ledger_metrics.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from activities.audit.standing import HOUR_MS, halted
from activities.audit.storms import storming
from byteport.audit.heads import Chain
from byteport.contracts.metrics import BudgetOf, StopBy
from byteport.domain.limits import Limits
from byteport.ledger.append import milliseconds
from byteport.ledger.store import Sql


class Budget(NamedTuple):
    """Acts begun within the last hour, and how many more there may be."""

    used: int
    left: int


def budgets(sql: Sql, chain: Chain, limits: Limits, now: datetime) -> dict[BudgetOf, Budget]:
    """Of the cluster, of the fullest namespace and of the fullest target, by the chain's own time."""
    since = {"cluster": chain.cluster_uid, "since": _stamp_ms(sql, chain, now) - HOUR_MS}
    (cluster,) = sql.execute(
        "SELECT count(*) FROM intents WHERE cluster_uid = :cluster AND at_ms > :since", since
    ).fetchone()
    (namespace,) = sql.execute(
        "SELECT coalesce(max(acts), 0) FROM (SELECT count(*) AS acts FROM intents"
        " WHERE cluster_uid = :cluster AND at_ms > :since AND namespace <> '' GROUP BY namespace) AS namespaces",
        since,
    ).fetchone()
    (target,) = sql.execute(
        "SELECT coalesce(max(acts), 0) FROM (SELECT count(*) AS acts FROM intents"
        " WHERE cluster_uid = :cluster AND at_ms > :since GROUP BY target) AS targets",
        since,
    ).fetchone()
    allowed = {
        BudgetOf.CLUSTER: (int(cluster), limits.per_cluster_per_hour),
        BudgetOf.NAMESPACE: (int(namespace), limits.per_namespace_per_hour),
        BudgetOf.TARGET: (int(target), limits.per_target_per_hour),
    }
    return {of: Budget(used, max(0, limit - used)) for of, (used, limit) in allowed.items()}


def stops(sql: Sql, cluster_uid: str) -> dict[StopBy, bool]:
    """What stands now; an alarm may be of one namespace alone."""
    alarm = sql.execute("SELECT 1 FROM alarms WHERE cluster_uid = ? LIMIT 1", (cluster_uid,)).fetchone()
    return {
        StopBy.HALT: halted(sql, cluster_uid),
        StopBy.STORM: storming(sql, cluster_uid),
        StopBy.ALARM: alarm is not None,
    }


def _stamp_ms(sql: Sql, chain: Chain, now: datetime) -> int:
    """The time that the next record would have."""
    row = sql.execute(
        "SELECT stamp_ms FROM chain_heads WHERE tenant = ? AND cluster_uid = ?", (chain.tenant, chain.cluster_uid)
    ).fetchone()
    return max(milliseconds(now), int(row[0]) if row is not None else 0)

"""How things stand with a target: what the ledger's own rows say about halt, storm, alarms, limits and fixes.

Asked twice: by `ledger.read_standing` for the gate, where it is advice, and by `reserve` inside the transaction that
grants. Counts are by the chain's own time, which never goes back, so that a clock set back frees nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from activities.audit.alarms import alarmed
from activities.audit.freezes import frozen
from activities.audit.storms import storming
from byteport.domain.limits import Limits
from byteport.domain.policy import Standing
from byteport.domain.targets import Target
from byteport.ledger.store import Sql

HOUR_MS = 3_600_000
MOST_INEFFECTIVE = 2
"""Acts of one kind that did not help within an hour, on whatever targets: the third one would be the same mistake."""


def halted(sql: Sql, cluster_uid: str) -> bool:
    return sql.execute("SELECT 1 FROM halts WHERE cluster_uid = ?", (cluster_uid,)).fetchone() is not None


def standing(
    sql: Sql,
    target: Target,
    runbook: str,
    acts: Sequence[str],
    limits: Limits,
    *,
    now: datetime,
    stamp_ms: int,
) -> Standing:
    """What keeps the agent from doing `acts` (names) on `target` by `runbook` now.

    `stamp_ms` is the time of the next record, by which acts are counted; freezes go by the clock.
    """
    return Standing(
        halted=halted(sql, target.cluster_uid),
        frozen=frozen(limits, target.namespace, now),
        storm=storming(sql, target.cluster_uid),
        alarm=alarmed(sql, target.cluster_uid, target.namespace),
        limit_reached=_over(sql, target, limits, stamp_ms) or _runbook_fails(sql, target, runbook, limits, stamp_ms),
        did_not_hold=_did_not_hold(sql, target, runbook, limits, stamp_ms),
        ineffective=any(_ineffective(sql, target.cluster_uid, act, stamp_ms) for act in acts),
    )


def _over(sql: Sql, target: Target, limits: Limits, stamp_ms: int) -> bool:
    """Acts of the last hour, whatever came of them; those still open and the inconclusive ones too."""
    on_target, in_namespace, on_cluster = sql.execute(
        "SELECT count(*) FILTER (WHERE target = :target), count(*) FILTER (WHERE namespace = :namespace), count(*)"
        " FROM intents WHERE cluster_uid = :cluster AND at_ms > :since",
        {
            "target": target.ref,
            "namespace": target.namespace,
            "cluster": target.cluster_uid,
            "since": stamp_ms - HOUR_MS,
        },
    ).fetchone()
    return bool(
        on_target >= limits.per_target_per_hour
        or in_namespace >= limits.per_namespace_per_hour
        or on_cluster >= limits.per_cluster_per_hour
    )


_FIXES = (
    "SELECT outcome, verified FROM intents WHERE cluster_uid = ? AND runbook = ? AND at_ms > ? AND undoes IS NULL"
    " AND (outcome = 'unknown' OR (outcome = 'done' AND verified IS NOT NULL))"
)
"""Fixes whose effect is known, or will never be. What was not done helped nobody and harmed nobody."""


def _ineffective(sql: Sql, cluster_uid: str, act: str, stamp_ms: int) -> bool:
    """Whether so many acts of this kind were begun within the hour and did not help, or nobody knows whether."""
    (count,) = sql.execute(
        "SELECT count(*) FROM intents WHERE cluster_uid = ? AND act = ? AND at_ms > ? AND undoes IS NULL"
        " AND (outcome = 'unknown' OR (outcome = 'done' AND verified = 0))",
        (cluster_uid, act, stamp_ms - HOUR_MS),
    ).fetchone()
    return bool(count >= MOST_INEFFECTIVE)


def _did_not_hold(sql: Sql, target: Target, runbook: str, limits: Limits, stamp_ms: int) -> bool:
    since = stamp_ms - limits.not_again_seconds * 1000
    row = sql.execute(
        f"{_FIXES} AND target = ? ORDER BY at_ms DESC, seq DESC LIMIT 1",
        (target.cluster_uid, runbook, since, target.ref),
    ).fetchone()
    return row is not None and _failed(row)


def _runbook_fails(sql: Sql, target: Target, runbook: str, limits: Limits, stamp_ms: int) -> bool:
    since = stamp_ms - limits.not_again_seconds * 1000
    rows = sql.execute(
        f"{_FIXES} ORDER BY at_ms DESC, seq DESC LIMIT ?",
        (target.cluster_uid, runbook, since, limits.failures_in_a_row),
    ).fetchall()
    return len(rows) == limits.failures_in_a_row and all(_failed(row) for row in rows)


def _failed(row: tuple[str, int | None]) -> bool:
    outcome, verified = row
    return outcome == "unknown" or verified == 0

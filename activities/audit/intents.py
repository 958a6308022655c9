"""Intents and leases as rows: one intent per action id, one lease per workload, both inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from byteport.contracts.ledger import Recorded, Reserve, Result
from byteport.domain.base import Instant
from byteport.ledger.append import moment
from byteport.ledger.store import Transaction

Outcome = Literal["done", "not_done", "unknown"]

_FIELDS = (
    "action_id, lease_key, plan_digest, arguments_digest, record_id, seq, record_hash, outcome, verified, ended_ms"
)


@dataclass(frozen=True)
class Intent:
    """What was reserved under one action id, and what came of it so far."""

    action_id: str
    lease_key: str
    plan_digest: str
    arguments_digest: str
    record: Recorded
    outcome: Outcome | None
    """None while it is open."""
    verified: bool | None
    ended_at: Instant | None
    at_ms: int
    """When it was first reserved, on the chain's own time."""

    @property
    def result(self) -> Result:
        """How an ended intent ended. Done and not yet verified is success: the act itself was."""
        return Result.SUCCESS if self.outcome == "done" and self.verified is not False else Result.FAILURE


def find(tx: Transaction, action_id: str) -> Intent | None:
    row = tx.sql.execute("SELECT * FROM intents WHERE action_id = ?", (action_id,)).fetchone()
    return _intent(row) if row else None


def undone_by(tx: Transaction, call: Reserve, forward_arguments: str) -> Intent | None:
    """The act of the same incident that `call` would undo: done, and not undone or being undone yet."""
    row = tx.sql.execute(
        "SELECT * FROM intents AS done WHERE cluster_uid = ? AND incident_id = ? AND arguments_digest = ?"
        " AND undoes IS NULL AND outcome = 'done' AND NOT EXISTS (SELECT 1 FROM intents AS inverse"
        " WHERE inverse.undoes = done.action_id AND coalesce(inverse.outcome, '') <> 'not_done' AND inverse.action_id <> ?)"
        " ORDER BY at_ms DESC, seq DESC LIMIT 1",
        (call.plan.target.cluster_uid, call.incident_id, forward_arguments, call.action_id),
    ).fetchone()
    return _intent(row) if row else None


def under_way(tx: Transaction, call: Reserve, forward_arguments: str, *, since_ms: int) -> bool:
    """Whether the act that `call` would undo has begun since, and nobody has said yet what came of it."""
    row = tx.sql.execute(
        "SELECT 1 FROM intents WHERE cluster_uid = ? AND incident_id = ? AND arguments_digest = ?"
        " AND undoes IS NULL AND outcome IS NULL AND at_ms > ? LIMIT 1",
        (call.plan.target.cluster_uid, call.incident_id, forward_arguments, since_ms),
    ).fetchone()
    return row is not None


def insert(tx: Transaction, call: Reserve, recorded: Recorded, *, undoes: str | None, at_ms: int) -> None:
    target = call.plan.target
    tx.sql.execute(
        "INSERT INTO intents (action_id, cluster_uid, incident_id, runbook, namespace, target, act, plan_digest,"
        " arguments_digest, lease_key, undoes, at_ms, seq, record_id, record_hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(call.action_id, target.cluster_uid, call.incident_id, call.intent.runbook, target.namespace, target.ref),
            *(call.act, call.plan_digest, call.arguments_digest, call.lease_key, undoes, at_ms),
            *(recorded.seq, recorded.id, recorded.hash),
        ),
    )


def end(tx: Transaction, action_id: str, outcome: Outcome, *, verified: bool | None, at_ms: int) -> None:
    tx.sql.execute(
        "UPDATE intents SET outcome = ?, verified = coalesce(?, verified), ended_ms = coalesce(ended_ms, ?) WHERE action_id = ?",
        (outcome, None if verified is None else int(verified), at_ms, action_id),
    )


def did_not_hold(tx: Transaction, cluster_uid: str, incident_id: str) -> None:
    """A re-observation found the symptom again: the incident's fixes count as failed from now on."""
    tx.sql.execute(
        "UPDATE intents SET verified = 0 WHERE cluster_uid = ? AND incident_id = ? AND outcome = 'done'",
        (cluster_uid, incident_id),
    )


def spent(tx: Transaction, answer_digests: list[str], action_id: str) -> bool:
    """Whether one of the answers has already led to another action than this one (one that was not merely not done)."""
    statement = (
        "SELECT 1 FROM answers_used JOIN intents USING (action_id)"
        " WHERE answer_digest = ? AND action_id <> ? AND coalesce(outcome, '') <> 'not_done' LIMIT 1"
    )
    return any(tx.sql.execute(statement, (digest, action_id)).fetchone() for digest in answer_digests)


def spend(tx: Transaction, answer_digests: list[str], action_id: str) -> None:
    tx.sql.executemany(
        "INSERT INTO answers_used (answer_digest, action_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(digest, action_id) for digest in answer_digests],
    )


def take_lease(tx: Transaction, cluster_uid: str, key: str, holder: str, *, until_ms: int, now_ms: int) -> bool:
    """Whether `holder` has the lease of `key` now: free, ended, or its own. Times are absolute."""
    free = tx.sql.execute(
        "INSERT INTO leases (cluster_uid, lease_key, holder, until_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (cluster_uid, key, holder, until_ms),
    ).rowcount
    if free == 1:
        return True
    taken = tx.sql.execute(
        "UPDATE leases SET holder = ?, until_ms = ?"
        " WHERE cluster_uid = ? AND lease_key = ? AND (until_ms <= ? OR holder = ?)",
        (holder, until_ms, cluster_uid, key, now_ms, holder),
    ).rowcount
    return taken == 1


def give_back_lease(tx: Transaction, cluster_uid: str, key: str, holder: str) -> None:
    tx.sql.execute(
        "DELETE FROM leases WHERE cluster_uid = ? AND lease_key = ? AND holder = ?", (cluster_uid, key, holder)
    )


def _intent(row: Any) -> Intent:
    verified, ended_ms = row["verified"], row["ended_ms"]
    return Intent(
        action_id=row["action_id"],
        lease_key=row["lease_key"],
        plan_digest=row["plan_digest"],
        arguments_digest=row["arguments_digest"],
        record=Recorded(id=row["record_id"], seq=row["seq"], hash=row["record_hash"]),
        outcome=row["outcome"],
        verified=None if verified is None else bool(verified),
        ended_at=None if ended_ms is None else moment(ended_ms),
        at_ms=row["at_ms"],
    )

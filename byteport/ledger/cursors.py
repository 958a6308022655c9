"""Up to which record each receiver of the log has everything. A cursor only goes forward."""

from __future__ import annotations

from collections.abc import Iterable

from byteport.audit.heads import Chain
from byteport.errors import PreconditionFailed
from byteport.ledger.append import milliseconds
from byteport.ledger.store import Sql, Transaction


def read(sql: Sql, chain: Chain, target: str) -> int:
    """The last record that `target` has; 0 before the first."""
    row = sql.execute(
        "SELECT seq FROM export_cursors WHERE tenant = ? AND cluster_uid = ? AND target = ?",
        (chain.tenant, chain.cluster_uid, target),
    ).fetchone()
    return int(row[0]) if row else 0


def known(sql: Sql, chain: Chain) -> dict[str, int]:
    """Every cursor of the chain by its name, those of receivers that nobody names any more too."""
    rows = sql.execute(
        "SELECT target, seq FROM export_cursors WHERE tenant = ? AND cluster_uid = ? ORDER BY target",
        (chain.tenant, chain.cluster_uid),
    )
    return {str(row[0]): int(row[1]) for row in rows}


def advance(tx: Transaction, chain: Chain, target: str, seq: int) -> None:
    """`target` has everything up to `seq`. Where it has more already, nothing changes.

    Raises `PreconditionFailed` for a record that is not there yet.
    """
    if seq > tx.chains.head(chain).seq:
        raise PreconditionFailed(f"there is no record {seq} yet that {target} could have")
    before = read(tx.sql, chain, target)
    if seq <= before:
        return
    statement = (
        "UPDATE export_cursors SET seq = ?, at_ms = ? WHERE tenant = ? AND cluster_uid = ? AND target = ?"
        if before
        else "INSERT INTO export_cursors (seq, at_ms, tenant, cluster_uid, target) VALUES (?, ?, ?, ?, ?)"
    )
    tx.sql.execute(statement, (seq, milliseconds(tx.now), chain.tenant, chain.cluster_uid, target))


def least(sql: Sql, chain: Chain, targets: Iterable[str]) -> int | None:
    """Up to which record every one of `targets` has everything; None when there is no target to wait for."""
    return min((read(sql, chain, target) for target in targets), default=None)

"""The storm that is on, as a row: set and ended by `workflows/storm.py`, asked by `standing` before anything is done.

While it is there nothing is done alone, whatever becomes of the workflow that set it. Each beginning and each end is a
record, once per key, so that a retry that comes late neither begins a storm again nor ends the next one.
"""

from __future__ import annotations

from activities.audit.about_agent import agent_draft
from byteport.contracts.ledger import Decision, Event, Recorded, SetStorm
from byteport.contracts.workflows import Installation
from byteport.domain.canonical import digest
from byteport.errors import NotPermitted
from byteport.ledger.append import append, find, milliseconds
from byteport.ledger.store import Sql, Store, Transaction

NOTHING = Recorded(id="", seq=0, hash="")
"""The answer to ending a storm that is not on."""


def storming(sql: Sql, cluster_uid: str) -> bool:
    """Whether a storm is on."""
    return sql.execute("SELECT 1 FROM storms WHERE cluster_uid = ?", (cluster_uid,)).fetchone() is not None


class Storms:
    """The storm of one installation's cluster."""

    def __init__(self, store: Store, installation: Installation) -> None:
        self._store = store
        self._installation = installation

    def set_storm(self, call: SetStorm) -> Recorded:
        """Begin or end it, with its record; ending what is not on records nothing. Raises `NotPermitted` for another cluster."""
        uid = self._installation.cluster_uid
        if call.cluster_uid != uid:
            raise NotPermitted("the storm is another cluster's")
        event = Event.STORM_BEGAN if call.on else Event.STORM_ENDED
        of = f" of {call.of}" if call.of else ""
        with self._store.transaction() as tx:
            draft = agent_draft(
                tx,
                self._installation,
                event,
                command=None,
                by=None,
                note=f"{call.in_trouble}{of} targets in trouble" + (f"; {call.factor}" if call.factor else ""),
                decision=Decision.ESCALATED if call.on else Decision.SKIPPED,
                key=f"storm:{call.key}",
                value=call.in_trouble,
                workflow_id=call.workflow_id,
            )
            known = find(tx, draft, digest(draft.key))
            if known is not None:
                return known
            if call.on:
                _set(tx, call)
            elif not tx.sql.execute("DELETE FROM storms WHERE cluster_uid = ?", (uid,)).rowcount:
                return NOTHING
            return append(tx, draft)


def _set(tx: Transaction, call: SetStorm) -> None:
    """The storm as it is now; since when it is on stays."""
    now = (call.factor, call.in_trouble, call.of, call.workflow_id)
    known = tx.sql.execute(
        "UPDATE storms SET factor = ?, in_trouble = ?, of_targets = ?, workflow_id = ? WHERE cluster_uid = ?",
        (*now, call.cluster_uid),
    )
    if not known.rowcount:
        tx.sql.execute(
            "INSERT INTO storms (factor, in_trouble, of_targets, workflow_id, cluster_uid, since_ms)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*now, call.cluster_uid, milliseconds(tx.now)),
        )

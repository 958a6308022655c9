"""The kill switch's row: written by `byteport halt`, asked by `reserve` and by the cluster worker before every call.

Each halt and each resumption is a record too, with who and why. The cluster worker holds `HaltRow`, which needs no right to
write the ledger's file: SQLite reads a WAL from a read-only mount for as long as the ledger has the file open, and once
nobody has it cannot be read, which counts as halted.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from activities.audit.about_agent import agent_draft, shortened
from activities.audit.standing import halted
from byteport.contracts.ledger import Event, RecordDraft, Recorded
from byteport.contracts.workflows import Installation
from byteport.domain.base import Frozen
from byteport.errors import BytePortError
from byteport.ledger.append import append, milliseconds, moment
from byteport.ledger.store import Readable, Store, Transaction


class Halt(Frozen):
    """A halt that is in force."""

    by: str
    since: datetime
    reason: str


class HaltRow:
    """The switch of one installation's cluster, to read. The ledger need not be there yet, and is never made."""

    def __init__(self, ledger: Readable, installation: Installation) -> None:
        self._ledger = ledger
        self._installation = installation

    def in_force(self) -> Halt | None:
        """Raises `Unavailable` when it cannot be read."""
        with self._ledger.snapshot() as sql:
            row = sql.execute(
                "SELECT halted_by, since_ms, reason FROM halts WHERE cluster_uid = ?",
                (self._installation.cluster_uid,),
            ).fetchone()
        return Halt(by=row[0], since=moment(row[1]), reason=row[2]) if row else None

    def is_halted(self) -> bool:
        """Whether nothing may be done. What cannot be read is halted."""
        try:
            with self._ledger.snapshot() as sql:
                return halted(sql, self._installation.cluster_uid)
        except BytePortError:
            return True

    async def halted(self) -> bool:
        """`is_halted`, for the cluster worker's last line, without blocking its loop."""
        return await asyncio.to_thread(self.is_halted)


class Halts(HaltRow):
    """The switch, to throw."""

    def __init__(self, store: Store, installation: Installation) -> None:
        super().__init__(store, installation)
        self._store = store

    def halt(self, *, by: str, reason: str) -> Recorded:
        """In force for every reservation and every call from the commit on. Halting again keeps the first halt."""
        by, reason = shortened(by), shortened(reason)
        with self._store.transaction() as tx:
            recorded = append(tx, self._draft(tx, Event.HALTED, by, reason))
            tx.sql.execute(
                "INSERT INTO halts (cluster_uid, halted_by, since_ms, reason) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (self._installation.cluster_uid, by, milliseconds(tx.now), reason),
            )
            return recorded

    def resume(self, *, by: str, reason: str) -> Recorded | None:
        """Ends the halt; None when there was none."""
        by, reason = shortened(by), shortened(reason)
        with self._store.transaction() as tx:
            ended = tx.sql.execute("DELETE FROM halts WHERE cluster_uid = ?", (self._installation.cluster_uid,))
            return append(tx, self._draft(tx, Event.RESUMED, by, reason)) if ended.rowcount else None

    def _draft(self, tx: Transaction, event: Event, by: str, reason: str) -> RecordDraft:
        command = "byteport halt" if event is Event.HALTED else "byteport resume"
        return agent_draft(tx, self._installation, event, command=command, by=by, note=reason)

"""Bodies whose time in this copy has come: destroyed portion by portion, by one process at a time, and by no other way.

Only what a record of the chain itself says is gone is ever destroyed here, and never at once. What was *pruned* stays until
it is as old here as `api.retention_days` says, by its own time and by when it was taken in; what was *erased* on request
stays for `api.erasure_delay_hours`, and less only so far that it is gone within 72 hours of a request that is on record
here. A hold of the enrolment file stops both, and while that file cannot be read nothing is destroyed at all.

Comes after `naming`, which keeps what records say; `serve` lets it run beside the requests. Every portion is a
transaction of its own, so that whatever ends the process leaves nothing half done, and done again it is the same.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from byteport.api.counts import Counts
from byteport.api.enrolment import Enrolment, EnrolmentFile, Hold
from byteport.api.naming import large_erasure
from byteport.audit.heads import Chain
from byteport.audit.records import read_header, read_payload, timestamp
from byteport.audit.words import Removal
from byteport.contracts.ledger_api import ApiConfig
from byteport.errors import BytePortError, MalformedInput
from byteport.ledger import due
from byteport.ledger.append import milliseconds, moment
from byteport.ledger.due import Due
from byteport.ledger.sealing import needed, open_body
from byteport.ledger.store import Store, Transaction

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)
FIRST = timedelta(seconds=30)
"""After the start of a process, so that one that starts again and again does nothing else."""
TURN = EVERY - timedelta(minutes=1)
"""So long no other process looks after the tenant."""
NOTED_EVERY = timedelta(hours=1)
"""How exactly it is known when a record was taken in; a record counts as taken in at the next note."""
WITHIN = timedelta(hours=72)
"""Of a request for erasure: what the whole may take."""
MARGIN = timedelta(hours=2)
"""So long before that it is done here, for two notes, a look, and one that fails."""
PORTION = 500
"""Bodies in one transaction; those who hand in for the same tenant wait for it."""
ROWS = 200
"""Rows that one transaction looks at."""
MOST_PORTIONS = 100
"""Of one chain in one look; the rest is for the next."""
_MS = timedelta(milliseconds=1)
_START = (0, 0)


class Sweeper:
    """Looks after every tenant that the enrolment file names, now and then, in a thread of its own."""

    def __init__(self, store: Store, enrolment: EnrolmentFile, config: ApiConfig, counts: Counts) -> None:
        self._store = store
        self._enrolment = enrolment
        self._retention = timedelta(days=config.retention_days)
        self._delay = timedelta(hours=config.erasure_delay_hours)
        self._counts = counts
        self._holder = secrets.token_hex(8)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look, a little later."""
        self._thread = threading.Thread(target=self._run, name="retention")
        self._thread.start()

    def stop(self) -> None:
        """End after the portion that is being done. Blocks until then."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def sweep(self) -> None:
        """Look once. What fails for one tenant is logged and counted, and keeps nobody else's from going on."""
        try:
            enrolment = self._enrolment.current()
        except BytePortError as error:
            self._failed("nothing is destroyed while it cannot be read", error)
            return
        for tenant in enrolment.tenants:
            if self._stop.is_set():
                return
            try:
                self._look_after(tenant, enrolment)
            except Exception as error:  # noqa: BLE001  one tenant's rows must not stop the others', nor the next look
                self._failed(f"tenant {tenant}", error)

    def _run(self) -> None:
        wait = FIRST
        while not self._stop.wait(wait.total_seconds()):
            self.sweep()
            wait = EVERY

    def _failed(self, what: str, error: Exception) -> None:
        self._counts.retention_failed()
        log.error("ledger_retention_failed: %s", what, exc_info=error)

    def _look_after(self, tenant: str, enrolment: Enrolment) -> None:
        store = self._store.of(tenant)
        with store.transaction() as tx:
            if not self._turn(tx, tenant):
                return
            chains = _chains(tx, tenant)
        gone = 0
        for chain in chains:
            with store.transaction() as tx:
                due.take_note(tx, chain, every_ms=NOTED_EVERY // _MS)
            gone += self._chain(store, chain, enrolment.holds_on(chain))
        if gone:
            store.scrub()

    def _chain(self, store: Store, chain: Chain, holds: Sequence[Hold]) -> int:
        place: tuple[int, int] | None = _START
        gone, portions = 0, 0
        while place is not None and portions < MOST_PORTIONS and not self._stop.is_set():
            with store.transaction() as tx:
                if not self._turn(tx, chain.tenant):
                    return gone
                done = _Portion(tx, chain, holds, self._retention, self._delay).destroy(place)
            for cause, count in done.gone.items():
                self._counts.destroyed(chain.tenant, cause, count)
                gone += count
                log.info("ledger_bodies_destroyed: %d %s, %s", count, cause.value, chain.origin)
            place, portions = done.place, portions + 1
        return gone

    def _turn(self, tx: Transaction, tenant: str) -> bool:
        return due.turn(tx, tenant, self._holder, until_ms=milliseconds(tx.now + TURN))


class Done(NamedTuple):
    """One portion."""

    gone: dict[Removal, int]
    place: tuple[int, int] | None
    """After which row to go on; None at the end."""


class _Portion:
    """One transaction's part of a chain."""

    def __init__(
        self, tx: Transaction, chain: Chain, holds: Sequence[Hold], retention: timedelta, delay: timedelta
    ) -> None:
        self._tx = tx
        self._chain = chain
        self._held = [(hold.since, hold.until) for hold in holds]
        self._retention = retention
        self._delay = delay
        self._asked: dict[int, int | None] = {}
        self._old: int | None = None

    def destroy(self, after: tuple[int, int]) -> Done:
        """Of the rows after that place, as far as their time has come and as a portion allows."""
        rows = due.open_rows(self._tx.sql, self._chain, after=after, most=ROWS)
        gone: dict[Removal, int] = {}
        room, place = PORTION, after
        for row in rows:
            last = self._last(row)
            here = due.bodies(self._tx.sql, self._chain, row.first, last, held=self._held, most=room)
            if here:
                count = self._tx.chains.destroy_named(self._chain, here)
                gone[row.cause] = gone.get(row.cause, 0) + count
                room -= len(here)
            if not room:
                return Done(gone, place)  # the same row again: it may have more
            if not due.bodies(self._tx.sql, self._chain, row.first, row.last, most=1):
                due.end(self._tx, self._chain, row)
            place = (row.seq, row.first)
        return Done(gone, place if len(rows) == ROWS else None)

    def _last(self, row: Due) -> int:
        """The last record of a row whose time has come; before its first one when none's has."""
        if row.cause is Removal.PRUNED:
            return min(row.last, self._old_ones())
        return row.last if milliseconds(self._tx.now) >= self._due_ms(row) else row.first - 1

    def _due_ms(self, row: Due) -> int:
        usual = row.named_ms + self._delay // _MS
        asked = None if row.request_seq is None else self._asked_ms(row.request_seq)
        return usual if asked is None else min(usual, max(row.named_ms, asked + (WITHIN - MARGIN) // _MS))

    def _asked_ms(self, seq: int) -> int | None:
        """When a request was made, by its own time or by when it was here, whichever is later. None where that shortens
        nothing: it says nothing any more, more was erased than it asked for, or so much that people should have their day."""
        if seq not in self._asked:
            self._asked[seq] = self._found_ms(seq)
        return self._asked[seq]

    def _found_ms(self, seq: int) -> int | None:
        sql, chain = self._tx.sql, self._chain
        row = sql.execute(
            "SELECT header, body FROM agent_actions JOIN agent_action_bodies USING (tenant, cluster_uid, seq)"
            " WHERE tenant = ? AND cluster_uid = ? AND seq = ?",
            (chain.tenant, chain.cluster_uid, seq),
        ).fetchone()
        if row is None or large_erasure(self._tx, chain):
            return None
        try:
            header = read_header(row[0].encode())
            asked_for = read_payload(open_body(needed(self._tx.keys), chain, seq, bytes(row[1])).payload).signal_value
        except MalformedInput:
            return None
        if due.erased_by_request(sql, chain, seq) > asked_for:
            return None
        here = due.here_since(sql, chain, seq)
        return max(milliseconds(datetime.fromisoformat(header.timestamp)), here or milliseconds(self._tx.now))

    def _old_ones(self) -> int:
        """The last record that is older than bodies are kept: by its time, which never goes back, and by when it was here."""
        if self._old is None:
            before = milliseconds(self._tx.now - self._retention)
            self._old = _older(
                self._tx, self._chain, timestamp(moment(before)), due.here_by(self._tx.sql, self._chain, before)
            )
        return self._old


def _older(tx: Transaction, chain: Chain, before: str, last: int) -> int:
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        (at,) = tx.sql.execute(
            "SELECT timestamp FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND seq = ?",
            (chain.tenant, chain.cluster_uid, middle),
        ).fetchone()
        if at < before:
            low = middle
        else:
            high = middle - 1
    return low


def _chains(tx: Transaction, tenant: str) -> list[Chain]:
    rows = tx.sql.execute("SELECT cluster_uid FROM chain_heads WHERE tenant = ? ORDER BY cluster_uid", (tenant,))
    return [Chain(tenant=tenant, cluster_uid=row[0]) for row in rows]

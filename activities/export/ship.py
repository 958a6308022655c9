"""SHIP: bring one receiver a part of the log, and move its cursor once the receiver has said yes. It decides no times.

Comes after `portions.py` (what is next) and the receivers (`target.py`); `workflows/export.py` says when. In this order a
crash at any moment repeats, and never skips: read the cursor, read the records, ship, move the cursor. A receiver is made
inside the call, when there is something for it, and given up at its end: so its secrets are read when they are needed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from temporalio import activity

from activities.audit.about_agent import agent_draft
from activities.clock import Clock
from activities.export.giving import LONGEST_SECONDS, Receiver, give
from activities.export.portions import Portion, next_portion
from activities.export.same import Occupied
from activities.export.target import Batch, Shipped, Target
from activities.performs import performs
from byteport.audit.heads import Chain
from byteport.contracts.export import SHIP, Obstacle, Ship, Shipment, Trouble
from byteport.contracts.ledger import Event
from byteport.contracts.metrics import EXPORT_LAG_RECORDS, EXPORT_LAG_SECONDS
from byteport.contracts.receivers import TargetKind
from byteport.contracts.workflows import Installation
from byteport.domain.ids import export_id
from byteport.errors import BytePortError, ConfigError, NotPermitted, PermanentError, Throttled, Unavailable
from byteport.ledger import checkpoints, cursors
from byteport.ledger.append import append
from byteport.ledger.log import AuditLog
from byteport.ledger.store import Store
from byteport.temporal.metering import gauge

CHECKPOINTS = "{cursor}/checkpoints"
"""Name of the second cursor of a receiver: the size of the newest checkpoint that it holds."""


class Named(NamedTuple):
    """A receiver that the settings name."""

    cursor: str
    """Name of its cursor, which says where it lies."""
    make: Callable[[], Target]


Targets = Mapping[TargetKind, Named]
"""The receivers that the settings name."""


class _Step(NamedTuple):
    """One batch on its way, and whether the receiver may have more at once."""

    portion: Portion
    batch: Batch | None


class Shipping:
    """What the `export` queue serves."""

    def __init__(self, store: Store, installation: Installation, targets: Targets, *, clock: Clock) -> None:
        self._store = store
        self._installation = installation
        self._log = AuditLog(store)
        self._chain = Chain(tenant=installation.tenant, cluster_uid=installation.cluster_uid)
        self._named = targets
        self._clock = clock
        self._notes: dict[TargetKind, str] = {}
        self._waiting: dict[TargetKind, tuple[int, datetime]] = {}
        """The first record that a receiver does not hold, and since when this process knows it."""

    @performs(SHIP)
    async def ship(self, call: Ship) -> Shipment:
        if call.cluster_uid != self._chain.cluster_uid:
            raise NotPermitted("the log of another cluster is not this process's to ship")
        kind = call.target
        named = self._named.get(kind)
        if named is None:
            if call.begun:
                await asyncio.to_thread(self._record, call, call.cursor, "ends", "; the settings name it no more")
            return Shipment(wanted=False)
        if not call.begun or call.cursor != named.cursor:
            if call.begun:
                await asyncio.to_thread(self._record, call, call.cursor, "ends", "; the settings name another place")
            await asyncio.to_thread(self._record, call, named.cursor, "begins", "")
        receiver = Receiver(named.make)
        try:
            shipment = await self._shipped(kind, receiver)
        finally:
            await receiver.close()
        since = self._since(kind, shipment)
        return self._told(kind, shipment.model_copy(update={"begun": True, "cursor": named.cursor, "oldest": since}))

    async def _shipped(self, kind: TargetKind, receiver: Receiver) -> Shipment:
        """Batch after batch, until there is nothing more, something stands in the way, or the call has had its time."""
        shipped, until = 0, time.monotonic() + LONGEST_SECONDS
        while True:
            activity.heartbeat()
            step = await asyncio.to_thread(self._next, kind)
            if step.batch is None:
                return self._shipment(step.portion, shipped)
            try:
                got = await give(receiver, step.batch)
            except BytePortError as error:
                return self._shipment(step.portion, shipped, self._obstacle(kind, error))
            await asyncio.to_thread(self._advance, kind, step.batch, got)
            shipped += got.last - step.batch.first + 1
            if time.monotonic() >= until or activity.is_worker_shutdown():
                again = await asyncio.to_thread(self._next, kind)
                return self._shipment(again.portion, shipped, more=again.batch is not None)

    def _record(self, call: Ship, cursor: str, what: str, why: str) -> None:
        """Once for each export: whoever switches one on or off, or sends it elsewhere, does not do so unseen."""
        name = call.target.value
        with self._store.transaction() as tx:
            after = cursors.read(tx.sql, self._chain, cursor)
            draft = agent_draft(
                tx,
                self._installation,
                Event.POLICY_CHANGED,
                command=None,
                by=None,
                note=f"export to {cursor or name} {what} after record {after}{why}",
                key=f"export:{cursor or name}:{call.run}:{call.turn}:{what}",
                workflow_id=export_id(self._chain.cluster_uid, name),
            )
            append(tx, draft)

    # -- one batch --------------------------------------------------------------------------------------------------

    def _next(self, kind: TargetKind) -> _Step:
        with self._store.snapshot() as sql:
            after = cursors.read(sql, self._chain, self._named[kind].cursor)
            noted = cursors.read(sql, self._chain, CHECKPOINTS.format(cursor=self._named[kind].cursor))
        portion = next_portion(self._log, self._chain, after, now=self._clock(), hourly=kind.hourly)
        note = self._newest_note(kind, noted, upto=portion.last if portion.lines else after)
        if not portion.lines and note is None:
            return _Step(portion, None)
        first = portion.first if portion.lines else after + 1
        batch = Batch(self._chain, first, first + len(portion.lines) - 1, portion.lines, note, portion.hour)
        return _Step(portion, batch)

    def _newest_note(self, kind: TargetKind, noted: int, *, upto: int) -> str | None:
        """The newest signed note over what the receiver will hold, where it is not known to hold that already.

        One that a process before this one has shipped is shipped once more: receivers know it again.
        """
        with self._store.snapshot() as sql:
            newest = checkpoints.newest(sql, self._chain, upto)
        if newest is None or newest.size < noted or newest.note == self._notes.get(kind):
            return None
        return newest.note

    def _advance(self, kind: TargetKind, batch: Batch, got: Shipped) -> None:
        with self._store.transaction() as tx:
            if batch.lines:
                cursors.advance(tx, self._chain, self._named[kind].cursor, got.last)
            if got.checkpoint and batch.checkpoint is not None:
                size = int(batch.checkpoint.split("\n", 2)[1])
                cursors.advance(tx, self._chain, CHECKPOINTS.format(cursor=self._named[kind].cursor), size)
        if batch.checkpoint is not None and got.last == batch.last:
            self._notes[kind] = (
                batch.checkpoint
            )  # given; whether it was kept is the receiver's to say, not asked again now

    # -- what becomes of it -----------------------------------------------------------------------------------------

    def _shipment(
        self, portion: Portion, shipped: int, obstacle: Obstacle | None = None, *, more: bool = False
    ) -> Shipment:
        held = portion.first - 1
        if not portion.lines and portion.due is None and held < portion.head and obstacle is None:
            obstacle = Obstacle(trouble=Trouble.LOG_FAULTY, named=f"record {portion.first}")
        return Shipment(
            seq=held,
            head=portion.head,
            shipped=shipped,
            more=more,
            oldest=portion.oldest,
            due=portion.due,
            obstacle=obstacle,
        )

    def _since(self, kind: TargetKind, shipment: Shipment) -> datetime | None:
        """When the first record was made that the receiver does not hold. A clock that was ahead, or a hand, can have made it
        say a time to come, or none; it is then as old as this process knows of it."""
        if shipment.seq >= shipment.head:
            self._waiting.pop(kind, None)
            return None
        now, first = self._clock(), shipment.seq + 1
        known, since = self._waiting.get(kind, (0, now))
        self._waiting[kind] = (first, since if known == first else now)
        told = shipment.oldest
        return told if told is not None and told <= now else self._waiting[kind][1]

    def _obstacle(self, kind: TargetKind, error: BytePortError) -> Obstacle:
        """The class of an error. Its words go into this process's log alone."""
        activity.logger.warning("nothing more is shipped to %s now: %s", kind.value, error.message)
        match error:
            case Throttled(delay=delay):
                return Obstacle(trouble=Trouble.THROTTLED, delay_seconds=_seconds(delay))
            case Unavailable(delay=delay):
                return Obstacle(trouble=Trouble.UNAVAILABLE, delay_seconds=_seconds(delay))
            case Occupied(key=key):
                return Obstacle(trouble=Trouble.OCCUPIED, named=key)
            case ConfigError(key=key):
                return Obstacle(trouble=Trouble.MISCONFIGURED, named=key)
            case PermanentError():
                return Obstacle(trouble=Trouble.NOT_PERMITTED)
            case _:
                return Obstacle(trouble=Trouble.UNKNOWN)

    def _told(self, kind: TargetKind, shipment: Shipment) -> Shipment:
        """How far behind the receiver is, for whoever scrapes this process."""
        meter = activity.metric_meter().with_additional_attributes({"target": kind.value})
        gauge(meter, EXPORT_LAG_RECORDS).set(max(0, shipment.head - shipment.seq))
        gauge(meter, EXPORT_LAG_SECONDS).set(_age(shipment.oldest, self._clock()))
        return shipment


def _seconds(delay: object) -> float | None:
    return delay.total_seconds() if hasattr(delay, "total_seconds") else None


def _age(oldest: datetime | None, now: datetime) -> int:
    return 0 if oldest is None else max(0, int((now - oldest).total_seconds()))

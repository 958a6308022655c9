"""The ledger's acts, as Temporal calls them. SQLite blocks, so that each runs in a thread."""

from __future__ import annotations

import asyncio

from activities.audit.alarms import Alarms
from activities.audit.ledger import Ledger
from activities.audit.policies import PolicyChanges
from activities.audit.reserve import Reservations
from activities.audit.storms import Storms
from activities.performs import performs
from byteport.contracts.ledger import (
    FINISH,
    RAISE_ALARM,
    READ_STANDING,
    RECORD,
    RESERVE,
    SET_STORM,
    AlarmRaised,
    Finish,
    LedgerStanding,
    RaiseAlarm,
    ReadStanding,
    RecordDraft,
    Recorded,
    Reservation,
    Reserve,
    SetStorm,
)


class LedgerActs:
    """What the `ledger` queue serves. A call that Temporal has given up may still commit; the next one finds it."""

    def __init__(
        self, ledger: Ledger, reservations: Reservations, storms: Storms, changes: PolicyChanges, alarms: Alarms
    ) -> None:
        self._ledger = ledger
        self._reservations = reservations
        self._storms = storms
        self._changes = changes
        self._alarms = alarms

    @performs(RECORD)
    async def record(self, call: RecordDraft) -> Recorded:
        return await asyncio.to_thread(self._ledger.record, call)

    @performs(RESERVE)
    async def reserve(self, call: Reserve) -> Reservation:
        return await asyncio.to_thread(self._reserve, call)

    @performs(FINISH)
    async def finish(self, call: Finish) -> Recorded:
        return await asyncio.to_thread(self._ledger.finish, call)

    @performs(READ_STANDING)
    async def read_standing(self, call: ReadStanding) -> LedgerStanding:
        return await asyncio.to_thread(self._read_standing, call)

    @performs(SET_STORM)
    async def set_storm(self, call: SetStorm) -> Recorded:
        return await asyncio.to_thread(self._storms.set_storm, call)

    @performs(RAISE_ALARM)
    async def raise_alarm(self, call: RaiseAlarm) -> AlarmRaised:
        """Raises `NotPermitted` for the cluster of another installation."""
        return await asyncio.to_thread(self._alarms.raise_called, call)

    def _reserve(self, call: Reserve) -> Reservation:
        """What is granted under a changed policy stands behind the record of the change."""
        self._changes.notice()
        return self._reservations.reserve(call)

    def _read_standing(self, call: ReadStanding) -> LedgerStanding:
        self._changes.notice()
        return self._ledger.read_standing(call)

"""The ledger's acts, as Temporal calls them. SQLite blocks, so that each runs in a thread."""

from __future__ import annotations

import asyncio

from activities.audit.ledger import Ledger
from activities.audit.reserve import Reservations
from activities.performs import performs
from byteport.contracts.ledger import (
    FINISH,
    READ_STANDING,
    RECORD,
    RESERVE,
    Finish,
    LedgerStanding,
    ReadStanding,
    RecordDraft,
    Recorded,
    Reservation,
    Reserve,
)


class LedgerActs:
    """What the `ledger` queue serves. A call that Temporal has given up may still commit; the next one finds it."""

    def __init__(self, ledger: Ledger, reservations: Reservations) -> None:
        self._ledger = ledger
        self._reservations = reservations

    @performs(RECORD)
    async def record(self, call: RecordDraft) -> Recorded:
        return await asyncio.to_thread(self._ledger.record, call)

    @performs(RESERVE)
    async def reserve(self, call: Reserve) -> Reservation:
        return await asyncio.to_thread(self._reservations.reserve, call)

    @performs(FINISH)
    async def finish(self, call: Finish) -> Recorded:
        return await asyncio.to_thread(self._ledger.finish, call)

    @performs(READ_STANDING)
    async def read_standing(self, call: ReadStanding) -> LedgerStanding:
        return await asyncio.to_thread(self._ledger.read_standing, call)

"""The acts that destroy bodies, as Temporal calls them: pruning, and erasure on request. Each runs in a thread."""

from __future__ import annotations

import asyncio

from activities.audit.erasing import Eraser
from activities.audit.retention import Retention
from activities.performs import performs
from byteport.contracts.retention import (
    ERASE,
    LIST_ERASURES,
    PRUNE,
    Erase,
    Erasing,
    ListErasures,
    OpenErasures,
    Prune,
    Pruned,
)


class Removing:
    """What the `ledger` queue serves besides. A call that Temporal has given up may still commit; the next one finds it."""

    def __init__(self, retention: Retention, eraser: Eraser) -> None:
        self._retention = retention
        self._eraser = eraser

    @performs(PRUNE)
    async def prune(self, call: Prune) -> Pruned:
        return await asyncio.to_thread(self._retention.prune, call)

    @performs(LIST_ERASURES)
    async def list_erasures(self, call: ListErasures) -> OpenErasures:
        return await asyncio.to_thread(self._eraser.open, call)

    @performs(ERASE)
    async def erase(self, call: Erase) -> Erasing:
        return await asyncio.to_thread(self._eraser.erase, call)

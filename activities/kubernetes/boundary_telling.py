"""Notices when the boundary is not as people were last told, so that the watch of the cluster can end and have them told.

The look itself (`workers/boundary_watch.py`) is a process's and forgets; what people know is the workflow's, and comes with
each call. It does not tell anybody: `workflows/watch.py` does.
"""

from __future__ import annotations

import asyncio

from activities.clock import Clock
from activities.kubernetes.bounds import Bounds
from byteport.contracts.kubernetes import BoundaryNews, WatchCluster
from byteport.domain.canonical import digest

ASK_SECONDS = 1.0
"""How often the last look is asked; it is in this very process."""
MOST_TOLD = 20


class BoundaryTelling:
    """What there is to tell of one cluster's boundary."""

    def __init__(self, bounds: Bounds, clock: Clock) -> None:
        self._bounds = bounds
        self._clock = clock

    async def wait(self, call: WatchCluster) -> None:
        """Return once there is something to tell."""
        while self.news(call) is None:  # noqa: ASYNC110  what is found and the clock both change it
            await asyncio.sleep(ASK_SECONDS)

    def news(self, call: WatchCluster) -> BoundaryNews | None:
        """What people do not know yet; None when they know it, when it is too early to tell, or when nobody looks."""
        found = self._bounds.not_whole()
        if found is None or (call.tell_after is not None and self._clock() < call.tell_after):
            return None
        now = digest(list(found)) if found else ""
        if now == call.told:
            return None
        more = (f"and {len(found) - MOST_TOLD} more",) if len(found) > MOST_TOLD else ()
        return BoundaryNews(digest=now, findings=(*found[:MOST_TOLD], *more))

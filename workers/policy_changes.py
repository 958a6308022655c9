"""Notices changes of the policy while nothing happens that would ask for it, so that each is on record within seconds.

Beside the ledger's queue, in the same process; started by `start.py`. Before a reservation it is noticed anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from activities.audit.policies import PolicyChanges
from byteport.errors import BytePortError

EVERY_SECONDS = 2.0

logger = logging.getLogger("byteport.policy")


async def note_policy_changes(changes: PolicyChanges, stop: asyncio.Event) -> None:
    """Look until `stop`. A ledger that does not answer is asked again: the change is still there."""
    while not stop.is_set():
        try:
            recorded = await asyncio.to_thread(changes.notice)
            if recorded is not None:
                logger.info("the policy was changed; recorded as %s", recorded.id)
        except BytePortError as error:
            logger.warning("a change of the policy cannot be recorded now: %s", error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_SECONDS)

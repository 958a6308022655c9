"""The kill switch as the cluster worker asks it: before every call, on every attempt, and never from memory.

Implemented by the ledger's row where the worker can read it; whatever keeps the answer from arriving counts as halted.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from activities.kubernetes.grounds import Ground, deny

ANSWER_WITHIN_SECONDS = 2.0

logger = logging.getLogger("byteport.halt")


class HaltSwitch(Protocol):
    """Where `byteport halt` is written."""

    async def halted(self) -> bool:
        """Whether everything is halted now. May raise anything; the caller then takes it for halted."""


async def refuse_when_halted(switch: HaltSwitch) -> None:
    """Raises `NotPermitted` when halted, and when it cannot be told."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
            halted = await switch.halted()
    except Exception as error:  # whatever the switch raises, what cannot be read is halted
        logger.warning("the kill switch cannot be read (%s): taken for halted", type(error).__name__)
        raise deny(Ground.HALTED, "the kill switch cannot be read, which counts as halted") from error
    if halted:
        raise deny(Ground.HALTED, "everything is halted; `byteport resume` ends it")

"""Reduces what was read beside the event loop, one look after the other.

A namespace of thousands of pods takes seconds to reduce, once for all who look at it in the same moment. On the loop, that would
keep it from everything else: workflow tasks would be answered after the server has given them up, and heartbeats not sent.
One thread takes its turns with the loop; several would only take them from each other. It is a thread of its own: a look that is
given up while it is being reduced keeps the next one waiting until it is done, and nobody else. Called by `shared_namespaces.py`
for what looks share, and after `gather.py` for the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from byteport.domain.failures import Failure
from byteport.domain.targets import Target
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.world import World

Read = TypeVar("Read")


class Reducer:
    """For all looks of one worker."""

    def __init__(self) -> None:
        self._alone = ThreadPoolExecutor(1, thread_name_prefix="reducing")

    async def situation(self, world: World, target: Target, failure: Failure) -> Situation:
        """`read_situation`, in the order in which it was asked for. Nobody else may change or read `world` meanwhile."""
        return await self.beside(lambda: read_situation(world, target, failure))

    async def beside(self, reading: Callable[[], Read]) -> Read:
        """What `reading` gives, in the same order."""
        return await asyncio.get_running_loop().run_in_executor(self._alone, reading)

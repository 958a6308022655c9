"""Reduces what was read beside the event loop, one look after the other.

A namespace of thousands of pods takes a good part of a second to reduce. On the loop, sixteen such looks would keep it from
everything else for seconds: workflow tasks would be answered after the server has given them up, and heartbeats not sent.
One thread takes its turns with the loop; several would only take them from each other. It is a thread of its own: a look that is
given up while it is being reduced keeps the next one waiting until it is done, and nobody else. Comes after `gather.py`.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from activities.kubernetes.shared_lists import SharedLists
from byteport.domain.failures import Failure
from byteport.domain.targets import Target
from byteport.kubernetes.port import ClusterPort
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.world import World


class Reducer:
    """For all looks of one worker."""

    def __init__(self) -> None:
        self._alone = ThreadPoolExecutor(1, thread_name_prefix="reducing")

    async def situation(self, world: World, target: Target, failure: Failure) -> Situation:
        """`read_situation`, in the order in which it was asked for. Nobody else may change or read `world` meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._alone, read_situation, world, target, failure)


class Shared(NamedTuple):
    """What the looks of one worker do together."""

    lists: SharedLists
    reducer: Reducer

    @classmethod
    def of(cls, cluster: ClusterPort) -> Shared:
        return cls(SharedLists(cluster), Reducer())

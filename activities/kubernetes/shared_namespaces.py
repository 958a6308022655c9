"""What all looks at one namespace read alike: its lists, as one world that they share, read and reduced once for a moment's looks.

A target's own part of a namespace is small, and to find it every list is read whole. So what hundreds of looks would each make
of the same lists is made once for all who asked in the same moment: the indices by which each finds its own, and the typed facts
of every pod (`byteport/kubernetes/world.py`). It lives as long as those looks, and the next round begins with new lists.
Comes after `shared_lists.py` and before `gather.py`, which reads what one target alone asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from activities.clock import Clock
from activities.kubernetes.reads import OPTIONAL, REQUIRED, kinded
from activities.kubernetes.reducing import Reducer
from activities.kubernetes.shared_lists import SharedLists, Sharing
from byteport.errors import NotPermitted
from byteport.kubernetes import chaos, further, owners
from byteport.kubernetes.port import JSON, ClusterPort
from byteport.kubernetes.world import World


class Common(NamedTuple):
    """The lists of one namespace."""

    world: World
    """At the time just before the lists were asked for. It is shared: nobody may change it."""
    denied: frozenset[str]
    """Plural names of the optional lists that were refused."""


class SharedNamespaces:
    """The namespaces of one cluster, for the looks of one worker."""

    def __init__(self, lists: SharedLists, reducer: Reducer, clock: Clock) -> None:
        self._lists = lists
        self._reducer = reducer
        self._clock = clock
        self._sharing = Sharing(self._read)

    async def read(self, namespace: str) -> Common:
        """As it was at some moment after this was called. Raises `NotPermitted` when a required list is refused, and the port's
        errors."""
        return await self._sharing.answer(namespace)

    async def _read(self, namespace: str) -> Common:
        now, kinds = self._clock(), REQUIRED | OPTIONAL
        listed = dict(zip(kinds, await asyncio.gather(*(self._list(kind, namespace) for kind in kinds)), strict=True))
        denied = frozenset(kinds[kind].plural for kind, items in listed.items() if items is None)
        return Common(await self._reducer.beside(lambda: _world(now, namespace, listed)), denied)

    async def _list(self, kind: str, namespace: str) -> Sequence[JSON] | None:
        """None for an optional kind that may not be listed."""
        try:
            return (await self._lists.list((REQUIRED | OPTIONAL)[kind], namespace)).items
        except NotPermitted:
            if kind in REQUIRED:
                raise
            return None


def _world(now: datetime, namespace: str, listed: Mapping[str, Sequence[JSON] | None]) -> World:
    """With what `gather.py` looks up on the event loop looked up once, so that it finds the indices made."""
    world = World(now=now, objects=tuple(kinded(kind, item) for kind, items in listed.items() for item in items or ()))
    world.named("Namespace", "", namespace)
    world.of("Pod", namespace)
    owners.controlled(world, "Pod", namespace)
    further.unwell_pods(world)
    chaos.experiments_pods(world, namespace)
    return world


class Shared(NamedTuple):
    """What the looks of one worker do together."""

    lists: SharedLists
    reducer: Reducer
    namespaces: SharedNamespaces

    @classmethod
    def of(cls, cluster: ClusterPort, clock: Clock) -> Shared:
        lists, reducer = SharedLists(cluster), Reducer()
        return cls(lists, reducer, SharedNamespaces(lists, reducer, clock))

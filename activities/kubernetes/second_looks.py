"""What is looked at again though nothing has happened to it: what ripens, what a bookmark went past, what was measured.

Some symptoms become true without any event (a deadline passes, a replica stays wedged). Their objects are remembered by
name (`sightings.py`) and asked for again every `every` seconds. A watch that went on from a bookmark has not seen what
was there before: it is read once, page by page. A namespace without a stream has nothing else. What the metrics API
measured has no watch: each namespace has its turn, and one in which something is near its limit comes first.

However large the cluster, all of it together asks `LOOKS` times in `every` seconds at most, so that a large one is looked
at more slowly and no harder. Comes after `sightings.py` and `metric_sightings.py`; `rounds.py` runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import aclosing
from itertools import groupby

from activities.kubernetes.enabled import EnabledNamespaces
from activities.kubernetes.following import Following
from activities.kubernetes.metric_sightings import MetricSightings
from activities.kubernetes.paced import Pace, patiently, pause_of
from activities.kubernetes.pages import paged
from activities.kubernetes.sightings import Ripening, Sightings
from byteport.errors import NotPermitted, TargetGone, TemporaryError
from byteport.kubernetes import port
from byteport.kubernetes.glimpses import looks_at
from byteport.kubernetes.port import ClusterPort, Resource

LOOKS = 24
"""Requests in the time between two looks, which is a minute: two in five seconds, with all else below one a second."""
FEW = 20
"""So many names of a kind and namespace are asked for one by one; of more the namespace's pages are read."""
FEW_NAMESPACES = 60
"""So many are read one after the other; where more are enabled, it is less work to read the whole cluster."""


class SecondLooks:
    """Of one watch, as long as it lives."""

    def __init__(
        self,
        cluster: ClusterPort,
        pace: Pace,
        enabled: EnabledNamespaces,
        sightings: Sightings,
        measured: MetricSightings,
        following: Following,
        *,
        kinds: Mapping[str, Resource],
        dispensable: frozenset[str],
        by_namespace: bool,
    ) -> None:
        """`dispensable` are kinds that may be refused without ending the watch."""
        self._cluster = cluster
        self._pace = pace
        self._enabled = enabled
        self._sightings = sightings
        self._measured = measured
        self._following = following
        self._kinds = kinds
        self._dispensable = dispensable
        self._by_namespace = by_namespace

    async def keep_ripening(self, every: float) -> None:
        """Ask again for what time alone may make a symptom of."""
        while True:
            await asyncio.sleep(every)
            ordered = sorted(self._sightings.ripening())
            for (kind, namespace), some in groupby(ordered, key=lambda one: (one.kind, one.namespace)):
                if namespace in self._enabled.names and kind in self._kinds:
                    with self._refusable(kind, namespace):
                        await self._again(kind, namespace, list(some))

    async def keep_reading(self, every: float) -> None:
        """Read what no stream has shown: once what was there before a bookmark, again and again what has no stream."""
        while True:
            await asyncio.sleep(every)
            for one, place in self._following.resumed():
                if one.kind in self._kinds:
                    for namespace in self._places(place):
                        await self._read(one.kind, namespace)
            crowded = self._sightings.crowded()
            for namespace in sorted({*self._following.unfollowed, *crowded}):
                await self._read_all(namespace)

    async def keep_measuring(self, every: float) -> None:
        """Each enabled namespace in turn, and those in which something is near its limit between the others."""
        clock = asyncio.get_running_loop().time
        begun, last, was_hot = clock(), dict[str, float](), False
        while True:
            names = self._enabled.names
            last = {name: last.get(name, begun) for name in names}
            due = sorted((name for name in names if clock() - last[name] >= every), key=lambda name: (last[name], name))
            if not due:
                await asyncio.sleep(every / LOOKS)
                continue
            hot = [name for name in due if name in self._measured.hot]
            name = hot[0] if hot and not was_hot else due[0]
            was_hot = name in self._measured.hot
            last[name] = clock()
            try:
                with self._refusable("", name):
                    await self._measured.look(name)
            except TemporaryError as error:  # what was not reported is seen again at the next look
                await asyncio.sleep(pause_of(error))

    async def look_at_the_ripe(self) -> None:
        """Pods that could not pull their image when they were made, and have had their time since."""
        for namespace, name in self._sightings.ripe():
            if namespace in self._enabled.names:
                with self._refusable("Pod", namespace), contextlib.suppress(TargetGone):
                    await self._ask("Pod", namespace, name)

    async def look_at(self, namespaces: Iterable[str]) -> None:
        """Everything in namespaces that have just been enabled, at once."""
        for namespace in sorted(namespaces):
            for kind in self._kinds:
                await self._read(kind, namespace, at_once=True)

    async def _again(self, kind: str, namespace: str, some: list[Ripening]) -> None:
        if len(some) > FEW:
            await self._read(kind, namespace)
            return
        for one in some:
            await self._pace.wait()
            try:
                await self._ask(kind, namespace, one.name)
            except TargetGone:
                self._sightings.forget_uids(frozenset((one.uid,)))

    async def _ask(self, kind: str, namespace: str, name: str) -> None:
        resource = self._kinds.get(kind, port.PODS)
        item = await patiently(lambda: self._cluster.get(resource, namespace, name))
        await self._sightings.see(kind, looks_at(resource.group, resource.plural).of(item))

    async def _read_all(self, namespace: str) -> None:
        for kind in self._kinds:
            await self._read(kind, namespace)

    async def _read(self, kind: str, namespace: str, *, at_once: bool = False) -> None:
        """Every object of one kind there."""
        with self._refusable(kind, namespace):
            pages = paged(self._cluster, self._kinds[kind], namespace, None if at_once else self._pace)
            async with aclosing(pages) as glimpses:
                async for glimpse in glimpses:
                    await self._sightings.see(kind, glimpse)

    def _places(self, place: str) -> list[str]:
        """Where to read what a stream of `place` has not shown: of the whole cluster, only what is enabled."""
        if place:
            return [place] if place in self._enabled.names else []
        return sorted(self._enabled.names) if len(self._enabled.names) <= FEW_NAMESPACES else [""]

    @contextlib.contextmanager
    def _refusable(self, kind: str, namespace: str) -> Iterator[None]:
        """A kind that is dispensable may be refused; and in namespaced sight a right may be gone a moment before the name."""
        try:
            yield
        except NotPermitted:
            if kind in self._dispensable:
                return
            if not self._by_namespace:
                raise
            self._enabled.drop(namespace)

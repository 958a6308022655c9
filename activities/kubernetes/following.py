"""The watch's streams: one per kind, of the whole cluster, or of each namespace that was given to us; begun and ended singly.

Comes after `streams.py`; `watch.py` says which namespaces there are. A namespace that comes begins its own streams and
one that goes ends them; no other stream notices, so none is listed again and nothing of it is missed. Bookmarks are kept
by kind and place, as many as a heartbeat holds; what does not fit is listed again by the next activity.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from activities.kubernetes.streams import Sees, Stream
from byteport.errors import NotPermitted
from byteport.kubernetes.port import ClusterPort, Resource

MANY_STREAMS = 200
"""From here on one watch of the whole cluster is cheaper for everybody: it is said once."""
MOST_STREAMS = 600
"""Each is one connection, one open file and about a sixth of a MiB. A namespace beyond it is only looked at now and then."""
MOST_BOOKMARK_BYTES = 60_000
"""Of all bookmarks as JSON: Temporal's limit of what a heartbeat should hold is 64 kB."""
LISTS_AT_ONCE = 4
REFUSED_SECONDS = 60.0
"""Before it is tried again whether nodes, or autoscalers, may be watched."""

logger = logging.getLogger("byteport.watch")


class Followed(NamedTuple):
    """One kind that is watched, and who sees to its objects."""

    kind: str
    resource: Resource
    sees: Sees
    namespace: str = ""
    """Where it is watched, when that is always the same namespace."""
    dispensable: str = ""
    """What is said not to be watched when it may not be; empty for a kind without which there is no watch."""


class _Key(NamedTuple):
    kind: str
    place: str


class Following:
    """The streams that are under way. `broken` fails with the first of them that does."""

    def __init__(
        self, cluster: ClusterPort, bookmarks: Mapping[str, str], *, on_refused: Callable[[str], None]
    ) -> None:
        """`on_refused` hears of a namespace that may not be read; its streams have been ended by then."""
        self._cluster = cluster
        self._start = dict(bookmarks)
        self._on_refused = on_refused
        self._lists = asyncio.Semaphore(LISTS_AT_ONCE)
        self._streams: dict[_Key, Stream] = {}
        self._tasks: dict[_Key, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._said: set[str] = set()
        self._resumed: list[tuple[Followed, str]] = []
        self._unfollowed: dict[str, frozenset[str]] = {}
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def streams(self) -> int:
        """How many are under way."""
        return len(self._tasks)

    @property
    def bookmarks(self) -> dict[str, str]:
        """Where each stream is: those of the whole cluster, then by name, as many as fit."""
        found = {
            _bookmark(stream.resource, key.place): stream.bookmark
            for key, stream in self._streams.items()
            if stream.bookmark
        }
        kept, size = {}, 2
        for name in sorted(found, key=lambda name: ("/" in name, name)):
            size += len(name) + len(found[name]) + 8
            if size > MOST_BOOKMARK_BYTES:
                break
            kept[name] = found[name]
        return kept

    def resumed(self) -> list[tuple[Followed, str]]:
        """Streams that went on from a bookmark, and so have not seen what was there before it. Each is told once."""
        resumed, self._resumed = self._resumed, []
        return resumed

    @property
    def unfollowed(self) -> frozenset[str]:
        """Namespaces of which some kind has no stream, since there would be too many."""
        return frozenset[str]().union(*self._unfollowed.values())

    def keep(self, kinds: Sequence[Followed], places: Collection[str]) -> None:
        """Have exactly these streams: begin what is missing, end what is too many, leave every other alone.

        `places` are namespaces, or the empty name of the whole cluster.
        """
        fit = max(1, MOST_STREAMS // max(1, len(kinds)))
        ordered = sorted(places)
        wanted = ordered[:fit]
        self._unfollowed |= {one.kind: frozenset(ordered[fit:]) for one in kinds}
        named = {one.kind for one in kinds}
        for key in [key for key in self._tasks if key.kind in named and key.place not in wanted]:
            self._end(key)
        for place in wanted:
            for one in kinds:
                self._begin(one, place)
        self._advise(len(places), fit)

    async def close(self) -> None:
        """End every stream, and wait until each has ended."""
        for key in list(self._tasks):
            self._end(key)
        await asyncio.gather(*self._ending, return_exceptions=True)
        if not self.broken.done():
            self.broken.cancel()
        elif not self.broken.cancelled():
            self.broken.exception()

    def _begin(self, one: Followed, place: str) -> None:
        key = _Key(one.kind, place)
        if key in self._tasks:
            return
        start = self._start.pop(_bookmark(one.resource, place), "")
        if start:
            self._resumed.append((one, place))
        stream = Stream(self._cluster, one.kind, one.resource, start, place or one.namespace, lists=self._lists)
        task = asyncio.create_task(self._follow(one, place, stream))
        task.add_done_callback(self._ended)
        self._streams[key], self._tasks[key] = stream, task

    def _end(self, key: _Key) -> None:
        """Its place is forgotten with it: whoever begins it again lists first, and misses nothing."""
        del self._streams[key]
        task = self._tasks.pop(key)
        if task is not asyncio.current_task():
            self._ending.add(task)
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.broken.done():
            self.broken.set_exception(error)

    async def _follow(self, one: Followed, place: str, stream: Stream) -> None:
        """A kind that is dispensable, or one namespace, may be refused; everything else is still watched."""

        while True:
            try:
                await stream.run(one.sees)
            except NotPermitted as refused:
                if one.dispensable:
                    self._say(f"{one.dispensable} are not watched", refused.message)
                    await asyncio.sleep(REFUSED_SECONDS)
                elif place:
                    self._say(f"the namespace {place} is not watched", refused.message)
                    self._refuse(place)
                    return
                else:
                    raise

    def _refuse(self, place: str) -> None:
        for key in [key for key in self._tasks if key.place == place]:
            self._end(key)
        self._on_refused(place)

    def _advise(self, places: int, fit: int) -> None:
        if self.streams > MANY_STREAMS:
            self._say(
                f"{self.streams} streams are open for {places} namespaces",
                "one watch of the whole cluster would be cheaper; consider cluster sight",
                about="many",
            )
        if places > fit:
            self._say(
                f"{places - fit} of {places} namespaces have no stream",
                "they are looked at now and then; choose cluster sight",
                about="most",
            )

    def _say(self, what: str, why: str, *, about: str = "") -> None:
        """Once for each, as long as this lives."""
        if (about or what) not in self._said:
            self._said.add(about or what)
            logger.warning("%s: %s", what, why)


def _bookmark(resource: Resource, place: str) -> str:
    return f"{resource.plural}/{place}" if place else resource.plural

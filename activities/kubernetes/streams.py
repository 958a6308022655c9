"""One kind, of the whole cluster or of one namespace, as an endless stream: list, then watch from there; after 410 Gone, list again.

`following.py` runs one per kind and place. The bookmark moves on only after an object has been seen to, so that whoever goes on from
it may see something twice and never misses anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from byteport.errors import Unavailable
from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON, ClusterPort, Resource

WATCH_SECONDS = 300

See = Callable[[JSON], Awaitable[None]]
Forget = Callable[[JSON], None]


class Stream:
    """Where one kind's stream is: `bookmark` is the resourceVersion to go on from, empty before the first list."""

    def __init__(
        self, cluster: ClusterPort, resource: Resource, bookmark: str, namespace: str, *, lists: asyncio.Semaphore
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._lists = lists
        self.resource = resource
        self.bookmark = bookmark

    async def run(self, see: See, forget: Forget) -> None:
        """Hand each object that appears or changes to `see`, and each that is deleted to `forget`; never returns.

        Raises what the port raises: the activity then fails, and the next attempt goes on from the bookmark.
        """
        while True:
            if not self.bookmark:
                await self._list(see)
            await self._watch(see, forget)

    async def _list(self, see: See) -> None:
        """One of a few at a time: a list holds every object of its place until all have been seen to."""
        async with self._lists:
            listed = await self._cluster.list(self.resource, self._namespace)
            for item in listed.items:
                await see(item)
        self.bookmark = listed.resource_version

    async def _watch(self, see: See, forget: Forget) -> None:
        events = self._cluster.watch(
            self.resource, self._namespace, resource_version=self.bookmark, timeout_seconds=WATCH_SECONDS
        )
        try:
            async for event in events:
                if event.type == "GONE":
                    self.bookmark = ""
                    return
                if event.type == "DELETED":
                    forget(event.object)
                elif event.type != "BOOKMARK":
                    await see(event.object)
                self.bookmark = self._version(event.object)
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    def _version(self, item: JSON) -> str:
        version = fields.version(fields.metadata(item).get("resourceVersion"))
        if not version:
            raise Unavailable(f"the watch of {self.resource.plural} gave an object without resourceVersion")
        return version

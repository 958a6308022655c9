"""One kind, of the whole cluster or of one namespace, as an endless stream: list, then watch from there; after 410 Gone, list again.

`following.py` runs one per kind and place. A list is taken page by page, and each object is looked at and forgotten, so
that memory does not grow with the cluster. The bookmark moves on only after an object has been seen to, so that whoever
goes on from it may see something twice and never misses anything. A server that puts us off is given the time it asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import Protocol

from activities.kubernetes.paced import patiently, pause_of
from activities.kubernetes.pages import PAGE_LIMIT, fewer
from byteport.errors import Throttled, TooLarge, Unavailable
from byteport.kubernetes import fields
from byteport.kubernetes.glimpses import Glimpse
from byteport.kubernetes.port import ClusterPort, Expired, Page, Resource

WATCH_SECONDS = 3600
"""As long as an activity lives at most: hundreds of streams that are opened again every few minutes are a load of their
own. One that has gone silent is left long before (`watching.py`)."""
LIST_ATTEMPTS = 3
"""Of a list whose tokens expire before its end; of 150,000 objects it takes a minute or two, and tokens last five."""


class Sees(Protocol):
    """Who sees to the objects of a stream."""

    async def see(self, kind: str, glimpse: Glimpse) -> None:
        """An object that appears, changes, or is looked at again."""

    def forget(self, kind: str, glimpse: Glimpse) -> None:
        """An object that was deleted."""

    def remembered(self, kind: str, namespace: str) -> frozenset[str]:
        """Uids of the objects of a kind and namespace (of every one, where empty) of which something is kept."""

    def forget_uids(self, uids: frozenset[str]) -> None:
        """Objects that are not there any more."""


class Stream:
    """Where one kind's stream is: `bookmark` is the resourceVersion to go on from, empty before the first list."""

    def __init__(
        self,
        cluster: ClusterPort,
        kind: str,
        resource: Resource,
        bookmark: str,
        namespace: str,
        *,
        lists: asyncio.Semaphore,
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._namespace = namespace
        self._lists = lists
        self.resource = resource
        self.bookmark = bookmark

    async def run(self, sees: Sees) -> None:
        """Hand each object that appears, changes or goes to `sees`; never returns.

        Raises what the port raises: the activity then fails, and the next attempt goes on from the bookmark.
        """
        while True:
            if not self.bookmark:
                await self._list(sees)
            try:
                await self._watch(sees)
            except Throttled as error:
                await asyncio.sleep(pause_of(error))

    async def _list(self, sees: Sees) -> None:
        """One of a few at a time: a page is held until all of its objects have been seen to."""
        async with self._lists:
            gone = sees.remembered(self._kind, self._namespace)
            for _ in range(LIST_ATTEMPTS):
                version = await self._pages(sees, unseen := set(gone))
                if version:
                    sees.forget_uids(frozenset(unseen))
                    self.bookmark = version
                    return
        raise Unavailable(f"the list of {self.resource.plural} expired between its pages, {LIST_ATTEMPTS} times")

    async def _pages(self, sees: Sees, unseen: set[str]) -> str:
        """Every page; the version to watch from, or nothing when the list expired before its end.

        What the server would then go on with is another list: what has changed between the two would be missed.
        """
        token, limit = "", PAGE_LIMIT
        while True:
            try:
                page = await patiently(partial(self._page, token, limit))
            except TooLarge:
                if limit == 1:
                    raise
                limit = fewer(limit)
                continue
            if isinstance(page, Expired):
                return ""
            for glimpse in page.glimpses:
                unseen.discard(glimpse.uid)
                await sees.see(self._kind, glimpse)
            token = page.token
            if not token:
                return self._version(page.resource_version)

    async def _page(self, token: str, limit: int) -> Page | Expired:
        return await self._cluster.page(self.resource, self._namespace, limit=limit, token=token)

    async def _watch(self, sees: Sees) -> None:
        events = self._cluster.glimpses(
            self.resource, self._namespace, resource_version=self.bookmark, timeout_seconds=WATCH_SECONDS
        )
        try:
            async for type_, glimpse in events:
                if type_ == "GONE":
                    self.bookmark = ""
                    return
                if type_ == "DELETED":
                    sees.forget(self._kind, glimpse)
                elif type_ != "BOOKMARK":
                    await sees.see(self._kind, glimpse)
                self.bookmark = self._version(glimpse.version)
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    def _version(self, told: str) -> str:
        version = fields.version(told)
        if not version:
            raise Unavailable(f"the API server gave {self.resource.plural} without a resourceVersion")
        return version

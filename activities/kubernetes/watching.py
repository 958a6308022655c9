"""A watch's stream: lines of JSON, one event each, bounded in length and in silence; whole, or at first sight.

Comes after `wire.py`, before `client.py`. Whoever reads goes on from the last resourceVersion seen: a stream that is
cut, silent or slow loses nothing, it is only opened again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import NamedTuple

import aiohttp

from activities.kubernetes.answers import JSON, Asked, decoded, error_of, error_of_status
from activities.kubernetes.paths import collection_path, what
from activities.kubernetes.wire import Request, Wire
from byteport.errors import PermanentError, Unavailable
from byteport.kubernetes.glimpses import looks_at
from byteport.kubernetes.port import Glimpsed, Resource, WatchEvent

LONGEST_LINE = 8 << 20
"""An object is at most 1.5 MB in etcd; managed fields and JSON's own characters are inside that."""

LONGEST_SILENCE_SECONDS = 90.0
"""Bookmarks come about every minute, later with a little chance."""

GRACE_SECONDS = 15.0
"""How much longer than asked for a watch may take to end."""


class Opened(NamedTuple):
    """What is watched, from where on, and for how long."""

    resource: Resource
    namespace: str
    resource_version: str
    timeout_seconds: int


async def events(wire: Wire, opened: Opened, seconds: float) -> AsyncGenerator[WatchEvent, None]:
    """Every event of the stream, whole; ends with it, after GONE, in its time, or when it has been silent for too long.

    The headers come within `seconds`.
    """
    asked = _asked(opened)
    async with _lines(wire, opened, asked, seconds) as lines:
        if lines is None:
            yield WatchEvent("GONE", {})
            return
        async for line in lines:
            try:
                told = decoded(line)
            except ValueError:
                raise Unavailable(f"{asked.what}: a line of the watch is no JSON object") from None
            item: JSON = told.get("object") or {}
            match told.get("type"):
                case "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" as type_:
                    yield WatchEvent(type_, item)
                case "ERROR":
                    _raise_unless_gone(asked, item)
                    yield WatchEvent("GONE", {})
                    return
                case _:
                    raise Unavailable(f"{asked.what}: the watch sent an event of an unknown type")


async def glimpses(wire: Wire, opened: Opened, seconds: float) -> AsyncGenerator[Glimpsed, None]:
    """The same at first sight: of each object the fields that tell whether it is worth a second look."""
    asked, looks = _asked(opened), looks_at(opened.resource.group, opened.resource.plural)
    async with _lines(wire, opened, asked, seconds) as lines:
        if lines is None:
            yield Glimpsed("GONE", looks.of({}))
            return
        async for line in lines:
            try:
                told, glimpse = looks.event(line)
            except ValueError:
                raise Unavailable(f"{asked.what}: a line of the watch is no event") from None
            match told:
                case "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" as type_:
                    yield Glimpsed(type_, glimpse)
                case "ERROR":
                    _raise_unless_gone(asked, glimpse.whole())
                    yield Glimpsed("GONE", glimpse)
                    return
                case _:
                    raise Unavailable(f"{asked.what}: the watch sent an event of an unknown type")


def _asked(opened: Opened) -> Asked:
    return Asked(f"watch {what(opened.resource, opened.namespace)}")


def _raise_unless_gone(asked: Asked, status: JSON) -> None:
    if status.get("code") != HTTPStatus.GONE:
        raise error_of_status(asked, int(status.get("code") or HTTPStatus.INTERNAL_SERVER_ERROR), status)


@asynccontextmanager
async def _lines(
    wire: Wire, opened: Opened, asked: Asked, seconds: float
) -> AsyncGenerator[AsyncGenerator[bytes, None] | None, None]:
    """The stream's lines; None when the server has forgotten the version at once."""
    query = (
        ("watch", "true"),
        ("resourceVersion", opened.resource_version),
        ("allowWatchBookmarks", "true"),
        ("timeoutSeconds", str(opened.timeout_seconds)),
    )
    request = Request("GET", collection_path(opened.resource, opened.namespace), query)
    async with wire.open(request, asked, seconds) as response:
        if response.status == HTTPStatus.GONE:
            yield None
            return
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise error_of(asked, response.status, response.headers, await response.read())
        async with aclosing(_split(response, asked, opened.timeout_seconds + GRACE_SECONDS)) as lines:
            yield lines


async def _split(response: aiohttp.ClientResponse, asked: Asked, seconds: float) -> AsyncGenerator[bytes, None]:
    # A timeout around a `yield` would cancel whoever reads; each wait for a chunk has its own.
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    pending = bytearray()
    chunks: AsyncIterator[bytes] = response.content.iter_any().__aiter__()
    while True:
        try:
            async with asyncio.timeout_at(min(ends, loop.time() + LONGEST_SILENCE_SECONDS)):
                chunk = await anext(chunks)
        except (TimeoutError, StopAsyncIteration):
            break
        searched = len(pending)
        pending += chunk
        begun = 0
        while (end := pending.find(b"\n", max(begun, searched))) >= 0:
            line = bytes(pending[begun:end])
            begun = end + 1
            if line:
                yield line
        del pending[:begun]
        if len(pending) > LONGEST_LINE:
            raise PermanentError(f"{asked.what}: an event is longer than {LONGEST_LINE >> 20} MiB")
    if pending.strip():
        raise Unavailable(f"{asked.what}: the watch was cut in the middle of an event")

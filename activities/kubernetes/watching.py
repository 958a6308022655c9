"""A watch's stream: lines of JSON, one event each, bounded in length and in silence.

Comes after `wire.py`, before `client.py`. Whoever reads goes on from the last resourceVersion seen: a stream that is
cut, silent or slow loses nothing, it is only opened again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from http import HTTPStatus

import aiohttp

from activities.kubernetes.answers import JSON, Asked, decoded, error_of_status
from byteport.errors import PermanentError, Unavailable
from byteport.kubernetes.port import WatchEvent

LONGEST_LINE = 8 << 20
"""An object is at most 1.5 MB in etcd; managed fields and JSON's own characters are inside that."""

LONGEST_SILENCE_SECONDS = 90.0
"""Bookmarks come about every minute, later with a little chance."""

GONE = WatchEvent("GONE", {})


async def events(response: aiohttp.ClientResponse, asked: Asked, *, seconds: float) -> AsyncGenerator[WatchEvent, None]:
    """Every event of the stream; ends with it, after GONE, after `seconds`, or when it has been silent for too long."""
    async for line in _lines(response, asked, seconds):
        try:
            told = decoded(line)
        except ValueError:
            raise Unavailable(f"{asked.what}: a line of the watch is no JSON object") from None
        item: JSON = told.get("object") or {}
        match told.get("type"):
            case "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" as type_:
                yield WatchEvent(type_, item)
            case "ERROR" if item.get("code") == HTTPStatus.GONE:
                yield GONE
                return
            case "ERROR":
                raise error_of_status(asked, int(item.get("code") or HTTPStatus.INTERNAL_SERVER_ERROR), item)
            case _:
                raise Unavailable(f"{asked.what}: the watch sent an event of an unknown type")


async def _lines(response: aiohttp.ClientResponse, asked: Asked, seconds: float) -> AsyncIterator[bytes]:
    # A timeout around a `yield` would cancel whoever reads; each wait for a chunk has its own.
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    pending = bytearray()
    chunks = response.content.iter_any().__aiter__()
    while True:
        try:
            async with asyncio.timeout_at(min(ends, loop.time() + LONGEST_SILENCE_SECONDS)):
                chunk = await anext(chunks)
        except (TimeoutError, StopAsyncIteration):
            break
        searched = len(pending)
        pending += chunk
        while (end := pending.find(b"\n", searched)) >= 0:
            line = bytes(pending[:end])
            del pending[: end + 1]
            searched = 0
            if line:
                yield line
        if len(pending) > LONGEST_LINE:
            raise PermanentError(f"{asked.what}: an event is longer than {LONGEST_LINE >> 20} MiB")
    if pending.strip():
        raise Unavailable(f"{asked.what}: the watch was cut in the middle of an event")

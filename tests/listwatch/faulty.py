"""Ways in which a server of lists and watches misbehaves, each on one request."""

from __future__ import annotations

import asyncio

from tests.listwatch.protocol import Fault, Request, Server, begins_stream, chunk, event, says, status


async def none(server: Server, request: Request, writer: asyncio.StreamWriter) -> bool:
    """Nothing: this request is answered, a later one is not."""
    return False


async def cuts_in_an_event(server: Server, request: Request, writer: asyncio.StreamWriter) -> bool:
    """The stream ends in the middle of an object."""
    begins_stream(writer)
    chunk(writer, event("MODIFIED", b'{"metadata":{"name":"web-0","namespace":"shop"}}')[:-20])
    chunk(writer, b"")
    return True


async def hangs_up(server: Server, request: Request, writer: asyncio.StreamWriter) -> bool:
    """The connection is lost after the request was heard."""
    writer.close()
    raise ConnectionResetError


async def is_silent(server: Server, request: Request, writer: asyncio.StreamWriter) -> bool:
    """The stream is open and says nothing: neither events nor bookmarks."""
    begins_stream(writer)
    await writer.drain()
    await asyncio.sleep(3600)
    return True


async def hangs(server: Server, request: Request, writer: asyncio.StreamWriter) -> bool:
    """No answer, and the connection stays."""
    await asyncio.sleep(3600)
    return True


async def is_gone(server: Server, request: Request, writer: asyncio.StreamWriter) -> bool:
    """What the watch goes on from has been forgotten, and so is told in the stream."""
    del request
    server.forget()
    begins_stream(writer)
    chunk(writer, event("ERROR", status(410, "too old resource version")))
    chunk(writer, b"")
    return True


def puts_off(seconds: int, asked: list[float]) -> Fault:
    """429 with a delay, noting when."""

    async def fault(server: Server, request: Request, writer: asyncio.StreamWriter) -> bool:
        asked.append(asyncio.get_running_loop().time())
        says(writer, 429, status(429, "too many requests"), f"Retry-After: {seconds}")
        return True

    return fault

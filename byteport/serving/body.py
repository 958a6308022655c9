"""The body of a request, within its limits of bytes and time, compressed only where a face takes that.

Comes after `limits`. What is compressed is unpacked piece by piece and never beyond the limit, whatever it would become.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from byteport.serving.limits import ServingLimits
from byteport.serving.problems import Code, Problem

JSON = "application/json"
_GZIP = zlib.MAX_WBITS | 16


def kind_of(request: Request) -> str:
    """The media type without its parameters; empty where none is sent."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limits: ServingLimits, *, gzip: bool) -> bytes:
    """The whole body. Raises `Problem` naming the limit: too large, too slow, or packed in a way that is not taken."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", *(["gzip"] if gzip else [])):
        says = "send the body as it is, or with Content-Encoding: gzip" if gzip else "send the body as it is, unpacked"
        raise Problem(Code.MEDIA_TYPE_REFUSED, says)
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _read(request, limits.body_bytes, compressed=encoding == "gzip")
    except TimeoutError:
        raise Problem(Code.TOO_SLOW, f"send it within {limits.body_seconds} seconds, or less at once") from None
    except ClientDisconnect:
        raise Problem(Code.MALFORMED_REQUEST, "the body ended early") from None


async def _read(request: Request, most: int, *, compressed: bool) -> bytes:
    """At most `most` bytes, before and after they are unpacked."""
    if (
        request.headers.get("content-length", "0").isdecimal()
        and int(request.headers.get("content-length", "0")) > most
    ):
        raise _too_large(most)
    pieces, size, sent = [], 0, 0
    unpacked = _unpacked(request.stream(), most) if compressed else request.stream()
    async for piece in unpacked:
        size += len(piece)
        sent += len(piece)
        if size > most:
            raise _too_large(most)
        pieces.append(piece)
    return b"".join(pieces)


async def _unpacked(stream: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    machine, size, sent = zlib.decompressobj(_GZIP), 0, 0
    async for piece in stream:
        sent += len(piece)
        if sent > most:
            raise _too_large(most)
        try:
            out = machine.decompress(piece, most + 1 - size)
        except zlib.error:
            raise Problem(Code.BAD_ENCODING, "the body is not gzip") from None
        size += len(out)
        yield out
        if machine.unconsumed_tail:
            raise _too_large(most)
        if machine.unused_data:
            raise Problem(Code.BAD_ENCODING, "something follows the end of the gzip stream")
    if not machine.eof:
        raise Problem(Code.BAD_ENCODING, "the gzip stream ends early")


def _too_large(most: int) -> Problem:
    return Problem(Code.BODY_TOO_LARGE, f"a body has at most {most} bytes, unpacked too; send less at once")

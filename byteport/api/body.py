"""The body of a request as lines, within its limits of bytes, lines and time, compressed or not.

Comes after `limits` and `elements` (arrays); `lines` reads what each line says. What is compressed is unpacked piece by piece and never beyond
the limit, whatever it would become.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable

from starlette.requests import ClientDisconnect, Request

from byteport.api.elements import elements, too_long, too_many
from byteport.api.problems import Code, Problem
from byteport.contracts.ledger_api import NDJSON, ApiLimits

JSON = "application/json"
_GZIP = zlib.MAX_WBITS | 16


async def read_lines(request: Request, limits: ApiLimits, charge: Callable[[int], None]) -> list[bytes]:
    """The lines of the body, at least one. `charge` is asked for the body's bytes before they are looked into. Raises
    `Problem` naming the limit or the line at fault."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (NDJSON, JSON):
        raise Problem(Code.MEDIA_TYPE_REFUSED, f"send {NDJSON}, or {JSON} with an array of the same objects")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise Problem(Code.MEDIA_TYPE_REFUSED, "send the body as it is, or with Content-Encoding: gzip")
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await _read(request, limits.body_bytes, compressed=encoding == "gzip")
    except TimeoutError:
        raise Problem(Code.TOO_SLOW, f"send it within {limits.body_seconds} seconds, or less at once") from None
    except ClientDisconnect:
        raise Problem(Code.MALFORMED_REQUEST, "the body ended early") from None
    charge(len(body))
    lines = await asyncio.to_thread(lambda: elements(body, limits) if kind == JSON else _of_text(body, limits))
    if not lines:
        raise Problem(Code.LINE_REFUSED, "there is no line; send at least one", line=1)
    return lines


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


def _of_text(body: bytes, limits: ApiLimits) -> list[bytes]:
    lines = body.removesuffix(b"\n").split(b"\n", limits.lines) if body else []
    if len(lines) > limits.lines:
        raise too_many(limits)
    for number, line in enumerate(lines, 1):
        if len(line) > limits.line_bytes:
            raise too_long(number, limits)
    return lines


def _too_large(most: int) -> Problem:
    return Problem(Code.BODY_TOO_LARGE, f"a body has at most {most} bytes, unpacked too; send less at once")

"""The body of a request as lines, within its limits of bytes, lines and time, compressed or not.

Comes after `limits`; `lines` reads what each line says. What is compressed is unpacked piece by piece and never beyond
the limit, whatever it would become.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Iterator

from starlette.requests import ClientDisconnect, Request

from byteport.api.problems import Code, Problem
from byteport.contracts.ledger_api import NDJSON, ApiLimits
from byteport.domain.canonical import canonical_bytes

JSON = "application/json"
_GZIP = zlib.MAX_WBITS | 16


async def read_lines(request: Request, limits: ApiLimits) -> list[bytes]:
    """The lines of the body, at least one. Raises `Problem` naming the limit or the line at fault."""
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
    lines = await asyncio.to_thread(lambda: list(_of_array(body) if kind == JSON else _of_text(body)))
    if not lines:
        raise Problem(Code.LINE_REFUSED, "there is no line; send at least one", line=1)
    if len(lines) > limits.lines:
        raise Problem(Code.TOO_MANY_LINES, f"send at most {limits.lines} lines at once")
    for number, line in enumerate(lines, 1):
        if len(line) > limits.line_bytes:
            raise Problem(Code.LINE_TOO_LARGE, f"a line has at most {limits.line_bytes} bytes", line=number)
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


def _of_text(body: bytes) -> Iterator[bytes]:
    return iter(body.removesuffix(b"\n").split(b"\n") if body else ())


def _of_array(body: bytes) -> Iterator[bytes]:
    """Each element as the line that it would be."""
    try:
        plain = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Problem(Code.LINE_REFUSED, "the body is no JSON", line=1) from None
    if not isinstance(plain, list):
        raise Problem(Code.LINE_REFUSED, f"the body is no array; send one, or lines as {NDJSON}", line=1)
    for number, element in enumerate(plain, 1):
        try:
            yield canonical_bytes(element)
        except (ValueError, RecursionError):
            raise Problem(Code.LINE_REFUSED, "holds a value that JSON cannot hold exactly", line=number) from None


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _too_large(most: int) -> Problem:
    return Problem(Code.BODY_TOO_LARGE, f"a body has at most {most} bytes, unpacked too; send less at once")

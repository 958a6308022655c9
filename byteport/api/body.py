"""The body of a request as lines, within its limits of bytes, lines and time, compressed or not.

Comes after `byteport/serving/body` (bytes) and `elements` (arrays); `lines` reads what each line says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request

from byteport.api.elements import elements, too_long, too_many
from byteport.api.problems import LedgerCode
from byteport.contracts.ledger_api import NDJSON, ApiLimits
from byteport.serving.body import JSON, kind_of, read_body
from byteport.serving.problems import Code, Problem


async def read_lines(request: Request, limits: ApiLimits, charge: Callable[[int], None]) -> list[bytes]:
    """The lines of the body, at least one. `charge` is asked for the body's bytes before they are looked into. Raises
    `Problem` naming the limit or the line at fault."""
    kind = kind_of(request)
    if kind not in (NDJSON, JSON):
        raise Problem(Code.MEDIA_TYPE_REFUSED, f"send {NDJSON}, or {JSON} with an array of the same objects")
    body = await read_body(request, limits, gzip=True)
    charge(len(body))
    lines = await asyncio.to_thread(lambda: elements(body, limits) if kind == JSON else _of_text(body, limits))
    if not lines:
        raise Problem(LedgerCode.LINE_REFUSED, "there is no line; send at least one", line=1)
    return lines


def _of_text(body: bytes, limits: ApiLimits) -> list[bytes]:
    lines = body.removesuffix(b"\n").split(b"\n", limits.lines) if body else []
    if len(lines) > limits.lines:
        raise too_many(limits)
    for number, line in enumerate(lines, 1):
        if len(line) > limits.line_bytes:
            raise too_long(number, limits)
    return lines

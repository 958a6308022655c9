"""Payloads as Temporal's own JSON has them, opened: what a codec server answers, whoever serves it and to whom.

Comes after `codec.py`. `codec_server.py` serves it to a sandbox's own UI, `byteport/codec` to people who have shown who they are.
"""

from __future__ import annotations

import asyncio
import json

from google.protobuf import json_format
from temporalio.api.common.v1 import Payloads

from byteport.errors import MalformedInput
from byteport.temporal.codec import EncryptingCodec

MOST_PAYLOADS = 2000
"""In one request; an event has a few, and a page of them is asked for one by one."""
MOST_MARKS = 20 * MOST_PAYLOADS
"""Brackets and commas of a body: a payload has six or seven, and its base64 none. More would become more objects than a process has
room for, out of a body of moderate size."""


async def opened(body: bytes, codec: EncryptingCodec) -> tuple[bytes, int]:
    """`{"payloads": […]}` with each of them decrypted, and how many there were.

    Raises `MalformedInput` for what is no such JSON, and `Undecodable` for what `codec` does not open.
    """
    if sum(body.count(mark) for mark in (b"{", b"[", b",")) > MOST_MARKS:
        raise _too_many()
    payloads = await asyncio.to_thread(_parsed, body)
    plain = Payloads(payloads=await codec.decode(payloads.payloads))
    return await asyncio.to_thread(_written, plain), len(payloads.payloads)


def _parsed(body: bytes) -> Payloads:
    """Fields that a newer Temporal may have are passed over: what is answered is only looked at."""
    try:
        plain = json.loads(body)
        payloads = plain.get("payloads", ()) if isinstance(plain, dict) else None
        if isinstance(payloads, list | tuple) and all(isinstance(one, dict) for one in payloads):
            if len(payloads) > MOST_PAYLOADS:
                raise _too_many()
            return json_format.ParseDict({"payloads": payloads}, Payloads(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError, AttributeError, TypeError):
        pass
    raise MalformedInput("the body", "is not payloads as Temporal's JSON has them")


def _too_many() -> MalformedInput:
    return MalformedInput(
        "payloads", f"there are more than {MOST_PAYLOADS}, or far more to them than theirs is; send fewer at once"
    )


def _written(payloads: Payloads) -> bytes:
    return json_format.MessageToJson(payloads, indent=None).encode()

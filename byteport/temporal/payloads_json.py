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


async def opened(body: bytes, codec: EncryptingCodec) -> tuple[bytes, int]:
    """`{"payloads": […]}` with each of them decrypted, and how many there were.

    Raises `MalformedInput` for what is no such JSON, and `Undecodable` for what `codec` does not open.
    """
    payloads = await asyncio.to_thread(_parsed, body)
    if len(payloads.payloads) > MOST_PAYLOADS:
        raise MalformedInput("payloads", f"there are more than {MOST_PAYLOADS}; send fewer at once")
    plain = Payloads(payloads=await codec.decode(payloads.payloads))
    return await asyncio.to_thread(_written, plain), len(payloads.payloads)


def _parsed(body: bytes) -> Payloads:
    """Fields that a newer Temporal may have are passed over: what is answered is only looked at."""
    try:
        plain = json.loads(body)
        payloads = plain.get("payloads", ()) if isinstance(plain, dict) else None
        if isinstance(payloads, list | tuple) and all(isinstance(one, dict) for one in payloads):
            return json_format.ParseDict({"payloads": payloads}, Payloads(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError, AttributeError, TypeError):
        pass
    raise MalformedInput("the body", "is not payloads as Temporal's JSON has them")


def _written(payloads: Payloads) -> bytes:
    return json_format.MessageToJson(payloads, indent=None).encode()

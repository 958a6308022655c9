"""Payloads as Temporal's JSON has them: what is no such thing is refused before it is as large as it can become."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import WorkflowSerializationContext

from byteport.errors import MalformedInput
from byteport.temporal.codec import EncryptingCodec
from byteport.temporal.keys import KeyRing, PayloadKey
from byteport.temporal.payloads_json import MOST_PAYLOADS, opened

CODEC = EncryptingCodec(KeyRing((PayloadKey(b"k" * 32),)))
READER = CODEC.for_readers()
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"web"')
SIZE = 1 << 20


async def sealed(number: int) -> dict[str, Any]:
    codec = CODEC.with_context(WorkflowSerializationContext(namespace="default", workflow_id="remediate:a,[b]{c}"))
    found: dict[str, Any] = json_format.MessageToDict(Payloads(payloads=await codec.encode([PLAIN] * number)))
    return found


@pytest.mark.parametrize("indent", [None, 2])
async def test_as_many_as_are_taken_are_opened(indent: int | None) -> None:
    plain, number = await opened(json.dumps(await sealed(MOST_PAYLOADS), indent=indent).encode(), READER)
    assert number == MOST_PAYLOADS
    assert json_format.Parse(plain, Payloads()).payloads == [PLAIN] * MOST_PAYLOADS


async def test_one_more_is_refused() -> None:
    with pytest.raises(MalformedInput, match=f"more than {MOST_PAYLOADS}"):
        await opened(json.dumps({"payloads": [{}] * (MOST_PAYLOADS + 1)}).encode(), READER)


@pytest.mark.parametrize(
    ("before", "each", "after"),
    [
        ('{"payloads":[', "{},", "{}]}"),
        ('{"payloads":[],"x":[', "[],", "[]]}"),
        ('{"payloads":[{"x":[', "{},", "{}]}]}"),
        ('{"payloads":[', "1,", "1]}"),
        ('{"payloads":[],"x":', "[", ""),
    ],
    ids=["payloads", "lists beside them", "objects in one", "numbers", "depth"],
)
async def test_a_body_of_many_small_things_is_refused_before_they_are_made(before: str, each: str, after: str) -> None:
    body = (before + each * (SIZE // len(each)) + after).encode()
    tracemalloc.start()
    try:
        with pytest.raises(MalformedInput):
            await opened(body, READER)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < SIZE

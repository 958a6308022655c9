"""The codec server: payloads are shown to our own page, and to no other."""

import base64
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import WorkflowSerializationContext

from byteport.temporal.codec import EncryptingCodec
from byteport.temporal.codec_server import codec_app
from byteport.temporal.keys import KeyRing, PayloadKey

RING = KeyRing((PayloadKey(b"k" * 32),))
PAGE = "http://127.0.0.1:8233"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"web"')


async def sealed() -> dict[str, Any]:
    codec = EncryptingCodec(RING).with_context(WorkflowSerializationContext(namespace="default", workflow_id="w"))
    body: dict[str, Any] = json_format.MessageToDict(Payloads(payloads=await codec.encode([PLAIN])))
    return body


async def ask(path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    async with TestClient(TestServer(codec_app(RING, PAGE))) as client:
        response = await client.post(path, json=body, headers={"Origin": PAGE} | headers)
        answer = await response.json() if response.content_type == "application/json" else {}
        return response.status, answer, dict(response.headers)


async def test_our_page_is_shown_what_any_workflow_wrote() -> None:
    status, answer, headers = await ask("/decode", await sealed())
    assert status == 200
    assert base64.b64decode(answer["payloads"][0]["data"]) == b'"web"'
    assert headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example:8233"}, {"Origin": "null"}]
)
async def test_another_page_is_shown_nothing(headers: dict[str, str]) -> None:
    status, answer, _ = await ask("/decode", await sealed(), **headers)
    assert status == 403
    assert answer == {}


@pytest.mark.parametrize("body", ["nonsense", {"payloads": 3}])
async def test_what_is_no_payload_is_refused(body: object) -> None:
    assert (await ask("/decode", body))[0] == 400


async def test_a_payload_of_another_key_is_refused_without_a_traceback() -> None:
    codec = EncryptingCodec(KeyRing((PayloadKey(b"z" * 32),))).with_context(
        WorkflowSerializationContext(namespace="default", workflow_id="w")
    )
    body = json_format.MessageToDict(Payloads(payloads=await codec.encode([PLAIN])))
    assert (await ask("/decode", body))[0] == 422

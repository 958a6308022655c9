"""A codec server as `byteport codec` serves it, over TLS in this process, and Temporal UI's page before it, as a browser lets one be."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp
import jwt
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import WorkflowSerializationContext

from byteport.codec.assembly import assemble
from byteport.contracts.codec_face import CodecConfig
from byteport.sandbox.children import free_port
from byteport.serving.metered import Told, nobody
from byteport.temporal.codec import EncryptingCodec
from byteport.temporal.keys import KeyRing, PayloadKey, Ring
from tests.integration.console.provider import Provider, SigningKey
from tests.integration.console.room import Certificates
from tests.workflows.patience import until

UI = "https://temporal.example.com"
AUDIENCE = "byteport-codec"
NAMESPACE = "default"
CANARY = "canary-of-a-payload"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps({"pod": CANARY}).encode())
RING = KeyRing((PayloadKey(b"k" * 32),))


async def sealed(ring: Ring = RING, workflow_id: str = "remediate:web", *payloads: Payload) -> dict[str, Any]:
    """As Temporal UI has them from Temporal, and sends them on."""
    codec = EncryptingCodec(ring).with_context(WorkflowSerializationContext(NAMESPACE, workflow_id))
    found: dict[str, Any] = json_format.MessageToDict(Payloads(payloads=await codec.encode(payloads or [PLAIN])))
    return found


class Answer(NamedTuple):
    status: int
    text: str
    headers: dict[str, str]

    def plain(self) -> list[Any]:
        """What the page shows."""
        return [json.loads(base64.b64decode(one["data"])) for one in json.loads(self.text)["payloads"]]


@dataclass
class Served:
    """One that serves."""

    url: str
    provider: Provider
    tls: Certificates

    def token(self, key: SigningKey | None = None, *, algorithm: str = "RS256", **claims: Any) -> str:
        """As the provider gives Temporal UI for somebody; None takes a claim away."""
        signing, now = key or self.provider.keys[0], int(time.time())
        whole = {
            "iss": self.provider.issuer,
            "aud": AUDIENCE,
            "sub": "sub-ada",
            "groups": ["sre"],
            "iat": now,
            "exp": now + 300,
        } | claims
        given = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(given, signing.private, algorithm, headers={"kid": self.provider.keys[0].kid})

    async def ask(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes | None = None
    ) -> Answer:
        """One request as it stands."""
        context = ssl.create_default_context(cafile=self.tls.ca)
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http,
            http.request(method, self.url + path, headers=headers, data=body) as answer,
        ):
            return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def shown(
        self, body: Any, token: str | None, *, origin: str = UI, namespace: str | None = NAMESPACE
    ) -> Answer:
        """As a browser does it for a page of `origin`: it asks beforehand, holds the page to the answer, and sends then.

        Raises `KeptByTheBrowser` where a browser would have sent, or shown to the page, nothing.
        """
        sent = {"content-type": "application/json"}
        if token is not None:
            sent |= {"authorization": f"Bearer {token}", "authorization-extras": "the ID token, for Temporal UI"}
        if namespace is not None:
            sent["x-namespace"] = namespace
        asked = ",".join(sorted(sent))
        beforehand = await self.ask(
            "OPTIONS",
            "/decode",
            [
                ("Origin", origin),
                ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Headers", asked),
            ],
        )
        allowed = {name.strip() for name in beforehand.headers.get("Access-Control-Allow-Headers", "").split(",")}
        methods = {name.strip() for name in beforehand.headers.get("Access-Control-Allow-Methods", "").split(",")}
        if not 200 <= beforehand.status < 300 or "POST" not in methods or not sent.keys() <= allowed:
            raise KeptByTheBrowser(beforehand)
        _must_be_readable(beforehand, origin)
        answer = await self.ask("POST", "/decode", [("Origin", origin), *sent.items()], json.dumps(body).encode())
        _must_be_readable(answer, origin)
        return answer


class KeptByTheBrowser(Exception):
    """A page would not have been given this answer."""


def _must_be_readable(answer: Answer, origin: str) -> None:
    if answer.headers.get("Access-Control-Allow-Origin") != origin:
        raise KeptByTheBrowser(answer)


@contextlib.asynccontextmanager
async def serving(
    provider: Provider, tls: Certificates, ring: Ring = RING, told: Told = nobody, **config: Any
) -> AsyncIterator[Served]:
    """Serve while inside."""
    port = free_port()
    plain = {
        "address": f"127.0.0.1:{port}",
        "certificate": tls.certificate,
        "key": tls.key,
        "ui_origin": UI,
        "issuer": provider.issuer,
        "audience": AUDIENCE,
        "ca_file": tls.ca,
        "readers": ["sre"],
        "stop_seconds": 1,
    }
    server = assemble(CodecConfig.model_validate(plain | config), NAMESPACE, ring, told)
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started, "the codec server")
        yield Served(f"https://localhost:{port}", provider, tls)
    finally:
        server.should_exit = True
        await task

"""A running door with every kind of credential, what it hands over kept in a list, and a client that sends anything."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from byteport.alerts.assembly import assemble
from byteport.alerts.faces import HandOver
from byteport.contracts.alerts import AlertBatch
from byteport.contracts.alerts_face import AUDIENCE, AlertsConfig
from byteport.contracts.orchestration import Started
from byteport.contracts.workflows import Installation
from tests.builders.certifying import Authority, Certified
from tests.builders.issuing import SUBJECT, Cluster
from tests.builders.sns import TOPIC, Sns

TOKEN, NEXT_TOKEN = "a" * 32, "b" * 40
SPIFFE = "spiffe://mesh.example/monitoring/alertmanager"
OURS = Installation(tenant="acme", cluster_uid="11111111-2222-4333-8444-555555555555", cluster_name="prod")
JSON = "application/json"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.json["code"])


def firing(pod: str = "web-1", status: str = "firing", **labels: str) -> dict[str, Any]:
    """One alert of a well-known rule about a pod."""
    named = {"alertname": "KubePodCrashLooping", "namespace": "shop", "pod": pod, **labels}
    return {"status": status, "labels": named, "annotations": {}, "startsAt": "2026-03-10T08:51:00Z"}


def body(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": list(alerts), "truncatedAlerts": 0, **more}


class World:
    """On this machine, on a free port; `handed_over` may be told to fail."""

    def __init__(
        self, folder: Path, *, ours: Installation = OURS, hand_over: HandOver | None = None, **changes: Any
    ) -> None:
        self.authority = Authority(folder)
        self.cluster = Cluster()
        self.cluster.write_jwks(folder / "keys.json")
        self.tokens = folder / "tokens"
        self.tokens.touch(mode=0o600)
        self.tokens.write_text(f"monitoring {TOKEN}\n{NEXT_TOKEN}\n")
        self.aws = Sns(datetime.now(UTC))
        self.handed: list[AlertBatch] = []
        self.failure: Exception | None = None
        server = self.authority.server()
        plain: dict[str, Any] = {
            "address": "127.0.0.1:0",
            "health_address": "127.0.0.1:0",
            "certificate": server.certificate,
            "key": server.key,
            "client_ca": self.authority.file,
            "tokens_file": self.tokens,
            "client_certificates": [{"spiffe": SPIFFE}],
            "issuers": [{"name": "own", "issuer": self.cluster.issuer, "jwks_file": "keys.json"}],
            "workloads": [{"issuer": "own", "subject": SUBJECT}],
            "sns": {"topics": [TOPIC]},
            "stop_seconds": 2,
        }
        self.config = AlertsConfig.model_validate(plain | changes)
        self.server = assemble(self.config, ours, hand_over or self._hand_over, folder, self.aws.fetch)

    async def _hand_over(self, batch: AlertBatch) -> Started:
        if self.failure is not None:
            raise self.failure
        self.handed.append(batch)
        return Started(workflow_id="alerts:x")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server.port}"

    def workload_token(self, **claims: Any) -> str:
        return self.cluster.token(**{"aud": AUDIENCE, "sub": SUBJECT, **claims})

    async def post(
        self,
        path: str,
        data: Any,
        *,
        token: str | None = TOKEN,
        certificate: Certified | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        context = ssl.create_default_context(cafile=self.authority.file)
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        shown = {} if token is None else {"Authorization": f"Bearer {token}"}
        sent = data if isinstance(data, bytes) else json.dumps(data).encode()
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.url + path, data=sent, headers={"Content-Type": JSON, **shown, **(headers or {})}, ssl=context
            ) as answer,
        ):
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def alertmanager(self, *alerts: dict[str, Any], **how: Any) -> Answer:
        return await self.post("/v1/alertmanager", body(*alerts), **how)

    async def metrics(self) -> str:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.server.health_port}/metrics") as answer,
        ):
            return await answer.text()

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[World]:
        """In the loop of the test, whose Temporal client it hands over by."""
        serving = asyncio.create_task(self.server.serve())
        try:
            yield self
        finally:
            self.server.should_exit = True
            await serving

    @contextmanager
    def running(self) -> Iterator[World]:
        """In a thread of its own, as a process of its own would be."""
        thread = threading.Thread(target=lambda: asyncio.run(self.server.serve()))
        thread.start()
        try:
            deadline = time.monotonic() + 10
            while not self.server.started and time.monotonic() < deadline:
                time.sleep(0.01)
            yield self
        finally:
            self.server.should_exit = True
            thread.join(20)

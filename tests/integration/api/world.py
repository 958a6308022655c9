"""A running ledger face with two tenants' clusters and their readers, and clients for each of them."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import yaml

from byteport.api.assembly import assemble
from byteport.contracts.ledger_api import ApiConfig, ApiLimits
from byteport.ledger.sqlite import SqliteStore
from byteport.ledger.store import Store
from byteport.serving.serve import Server
from tests.builders.certifying import Authority, Certified
from tests.builders.chained import Log, body
from tests.builders.issuing import SUBJECT, Cluster
from tests.integration.ledger.world import BODY_KEYS

ACME_UID = "11111111-2222-4333-8444-555555555555"
ACME_SECOND_UID = "22222222-2222-4333-8444-555555555555"
OTHER_UID = "99999999-2222-4333-8444-555555555555"
RECORDS = "/v1/records"


class Answer(NamedTuple):
    """What a client got."""

    status: int
    headers: Mapping[str, str]
    text: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.json["code"])


class Client:
    """One identity. It shows a token, a certificate, or both."""

    def __init__(
        self,
        world: World,
        *,
        token: Cluster | None = None,
        subject: str = SUBJECT,
        certificate: Certified | None = None,
    ) -> None:
        self._world = world
        self._token = token
        self._subject = subject
        self._certificate = certificate

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._world.authority.file)
        if self._certificate is not None:
            context.load_cert_chain(self._certificate.certificate, self._certificate.key)
        return context

    async def send(self, method: str, path: str, *, data: Any = None, headers: dict[str, str] | None = None) -> Answer:
        shown = {} if self._token is None else {"Authorization": f"Bearer {self._token.token(sub=self._subject)}"}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                *(method, self._world.url + path), data=data, headers={**shown, **(headers or {})}, ssl=self.context()
            ) as answer,
        ):
            return Answer(answer.status, answer.headers.copy(), await answer.read())

    async def get(self, path: str) -> Answer:
        return await self.send("GET", path)

    async def hand_in(self, *lines: bytes | list[bytes], **headers: str) -> Answer:
        return await self.send(
            "POST", RECORDS, data=body(*lines), headers={"Content-Type": "application/x-ndjson", **headers}
        )


class World:
    """Everything on this machine, on a free port."""

    def __init__(self, folder: Path, store: Store | None = None, **limits: int) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.certificate = self.authority.server()
        self.clusters = {name: Cluster() for name in ("acme", "acme-second", "other")}
        self.logs = {
            "acme": Log("acme", ACME_UID),
            "acme-second": Log("acme", ACME_SECOND_UID),
            "other": Log("other", OTHER_UID),
        }
        for name, cluster in self.clusters.items():
            cluster.write_jwks(folder / f"{name}.json")
        self.enrolment = folder / "enrolment.yaml"
        self.write_enrolment()
        self.store = store or SqliteStore(
            folder / "ledger.db", keys=BODY_KEYS, clock=lambda: datetime.now(UTC), randomness=secrets.token_bytes
        )
        self.config = ApiConfig(
            address="127.0.0.1:0",
            health_address="127.0.0.1:0",
            certificate=self.certificate.certificate,
            key=self.certificate.key,
            client_ca=self.authority.file,
            enrolment=self.enrolment,
            stop_seconds=3,
            limits=ApiLimits.model_validate({"requests_per_minute": 100_000, **limits}),
        )
        self.server: Server = assemble(self.config, self.store)
        self.port = self.server.port

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def identities(self) -> list[dict[str, Any]]:
        agents = [
            {
                "name": f"agent-{name}",
                "role": "agent",
                "tenant": log.chain.tenant,
                "cluster_uid": log.chain.cluster_uid,
                "token": {"issuer": name, "subject": SUBJECT},
                "vkey": log.vkey,
            }
            for name, log in self.logs.items()
        ]
        readers = [
            {
                "name": f"reader-{tenant}",
                "role": "reader",
                "tenant": tenant,
                "certificate": {"spiffe": f"spiffe://{tenant}.example/auditor"},
            }
            for tenant in ("acme", "other")
        ]
        return [*agents, *readers]

    def write_enrolment(self, *more: dict[str, Any], without: str = "") -> None:
        issuers = [
            {"name": name, "issuer": cluster.issuer, "jwks_file": f"{name}.json", "algorithms": ["ES256"]}
            for name, cluster in self.clusters.items()
        ]
        identities = [one for one in (*self.identities(), *more) if one["name"] != without]
        self.enrolment.write_text(yaml.safe_dump({"issuers": issuers, "identities": identities}))

    def agent(self, name: str = "acme", **changes: Any) -> Client:
        return Client(self, token=self.clusters[name], **changes)

    def reader(self, tenant: str = "acme") -> Client:
        return Client(
            self, certificate=self.authority.client(f"auditor-{tenant}", f"spiffe://{tenant}.example/auditor")
        )

    def by_certificate(self, certificate: Certified) -> Client:
        return Client(self, certificate=certificate)

    def nobody(self) -> Client:
        return Client(self)

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
            self.store.close()

"""The approvals page as `byteport console` serves it, beside a provider, for a test: over TLS, on loopback, in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import trustme
from temporalio.client import Client

from byteport.console.assembly import assemble
from byteport.contracts.console import ConsoleConfig
from byteport.contracts.workflows import Installation
from byteport.ledger.log import AuditLog
from byteport.sandbox.children import free_port
from tests.integration.console.provider import CLIENT, PASSWORD, SECRET, Provider
from tests.workflows.patience import until


@dataclass(frozen=True)
class Certificates:
    """Of one authority, for this machine by both of its names, and for those that a browser is told to find here."""

    ca: Path
    certificate: Path
    key: Path


def certificates(folder: Path, *names: str) -> Certificates:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1", *names)
    made = Certificates(folder / "ca.pem", folder / "tls.pem", folder / "tls.key")
    authority.cert_pem.write_to_path(made.ca)
    for part in issued.cert_chain_pems:
        part.write_to_path(made.certificate, append=True)
    issued.private_key_pem.write_to_path(made.key)
    made.key.chmod(0o600)
    return made


def issuers(folder: Path, provider: Provider, people: dict[str, str]) -> Path:
    """The list of whoever checks answers, with the provider's keys as they are now."""
    (folder / "login.jwks.json").write_bytes(provider.jwks())
    line = {"issuer": provider.issuer, "client_id": CLIENT, "keys": "login.jwks.json", "people": people}
    path = folder / "issuers.yaml"
    path.write_text(json.dumps({"issuers": [line]}))
    return path


@dataclass
class Room:
    """A page that serves."""

    url: str
    provider: Provider
    tls: Certificates

    def visitor(self) -> Visitor:
        return Visitor(self)


class Visitor:
    """A browser without a screen: cookies, redirects one by one, and the headers that browsers send."""

    def __init__(self, room: Room) -> None:
        self.room = room
        context = ssl.create_default_context(cafile=room.tls.ca)
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context), cookie_jar=aiohttp.CookieJar(unsafe=True)
        )

    async def get(self, path: str, **how: Any) -> tuple[int, str, aiohttp.ClientResponse]:
        """Status, body and answer; redirects are not followed."""
        url = path if path.startswith("https:") else self.room.url + path
        async with self.http.get(url, allow_redirects=False, **how) as answer:
            return answer.status, await answer.text(), answer

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> tuple[int, str, aiohttp.ClientResponse]:
        sent = {"Origin": self.room.url, "Sec-Fetch-Site": "same-origin", **headers}
        url = path if path.startswith("https:") else self.room.url + path
        sent = {name: value for name, value in sent.items() if value}
        async with self.http.post(url, data=fields, headers=sent, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer

    async def to_provider(self, path: str = "/signin") -> str:
        """Where our page sends the browser."""
        status, _, answer = await self.get(path)
        assert status == 303
        return answer.headers["Location"]

    async def at_provider(self, where: str, user: str) -> str:
        """Sign in there; gives the URL that leads back."""
        status, text, answer = await self.get(where)
        if status == 200:
            sent = text.split('name="asked" value="')[1].split('"')[0]
            fields = {"asked": sent, "user": user, "password": PASSWORD}
            status, _, answer = await self.post(f"{self.room.provider.issuer}/login", fields)
        assert status == 303, self.room.provider.refusals
        return answer.headers["Location"]

    async def sign_in(self, user: str, path: str = "/signin?to=/log") -> tuple[int, str, aiohttp.ClientResponse]:
        """The whole way; gives what the way back was answered with."""
        return await self.get(await self.at_provider(await self.to_provider(path), user))

    def form_token(self, page: str) -> str:
        return page.split('name="form_token" value="')[1].split('"')[0]


@contextlib.asynccontextmanager
async def room(
    folder: Path,
    provider: Provider,
    tls: Certificates,
    client: Client,
    here: Installation,
    log: AuditLog,
    **config: Any,
) -> AsyncIterator[Room]:
    """Serve while inside. The provider's keys are written to the list as they are now."""
    port = free_port()
    secret = folder / "client.secret"
    secret.write_text(SECRET + "\n")
    url = f"https://localhost:{port}"
    provider.redirect_uri = f"{url}/callback"
    plain = {
        "address": f"127.0.0.1:{port}",
        "certificate": tls.certificate,
        "key": tls.key,
        "url": url,
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret_file": secret,
        "ca_file": tls.ca,
        "scopes": "openid groups",
        "viewers": ["sre"],
        "stop_seconds": 1,
    }
    listed = issuers(folder, provider, {"sub-ada": "ada", "sub-grace": "grace"})
    server = assemble(ConsoleConfig.model_validate(plain | config), client, here, log, listed)
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started, "the page")
        yield Room(url, provider, tls)
    finally:
        server.should_exit = True
        await task

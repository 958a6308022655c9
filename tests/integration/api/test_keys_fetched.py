"""Issuers' keys over the network: from verified TLS alone, from no address that is not spoken to, kept and fetched again."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from byteport.contracts.issuers import Issuer
from byteport.errors import Unavailable
from byteport.serving.fetch import LARGEST, fetch
from byteport.serving.keysets import AGAIN_SECONDS, FRESH_SECONDS, STALE_SECONDS, KeySets
from tests.builders.certifying import Authority
from tests.builders.issuing import Cluster

pytestmark = [pytest.mark.ledger, pytest.mark.claim("C-369")]


class Place:
    """An HTTPS server of keys, on loopback, and how often it was asked."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.cluster = Cluster()
        self.asked = 0
        self.url = ""
        self.wait: Callable[[], Awaitable[None]] | None = None
        self.answer: Callable[[], web.StreamResponse] = lambda: web.json_response(self.cluster.jwks())

    async def handle(self, _: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.wait is not None:
            await self.wait()
        return self.answer()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    app = web.Application()
    app.router.add_get("/{path:.*}", made.handle)
    certified = made.authority.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified.certificate, certified.key)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(ssl=context)
    made.url = f"https://localhost:{server.port}/jwks"
    yield made
    await server.close()


async def test_keys_come_over_tls_that_verifies_and_over_no_other(place: Place, tmp_path: Path) -> None:
    assert json.loads(await fetch(place.url, place.authority.file)) == place.cluster.jwks()
    with pytest.raises(Unavailable, match="CertificateError"):
        await fetch(place.url)
    aside = tmp_path / "aside"
    aside.mkdir()
    with pytest.raises(Unavailable, match="CertificateError"):
        await fetch(place.url, Authority(aside).file)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda: web.Response(status=302, headers={"Location": "/elsewhere"}), "302"),
        (lambda: web.Response(status=500), "500"),
        (lambda: web.Response(body=b"x" * (LARGEST + 1)), "larger"),
    ],
)
async def test_a_redirect_an_error_and_too_much_are_no_keys(
    place: Place, answer: Callable[[], web.StreamResponse], says: str
) -> None:
    place.answer = answer
    with pytest.raises(Unavailable, match=says):
        await fetch(place.url, place.authority.file)
    assert place.asked == 1


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "0.0.0.0", "[::ffff:169.254.169.254]", "2852039166"]
)
async def test_an_address_that_is_not_spoken_to_is_not_asked(host: str) -> None:
    with pytest.raises(Unavailable, match="not spoken to"):
        await fetch(f"https://{host}/jwks")


async def test_a_name_that_leads_to_this_machine_is_not_asked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when somebody changed where it leads after it was written down."""
    from aiohttp.resolver import ThreadedResolver

    async def here(self: ThreadedResolver, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

    monkeypatch.setattr(ThreadedResolver, "resolve", here)
    with pytest.raises(Unavailable):
        await fetch(place.url.replace("localhost", "keys.example.com"), place.authority.file)
    assert place.asked == 0
    await fetch(place.url, place.authority.file)
    assert place.asked == 1


async def test_keys_are_kept_fetched_again_for_a_new_one_and_given_up_after_an_hour(
    place: Place, tmp_path: Path
) -> None:
    now = [1000.0]
    sets = KeySets(tmp_path, lambda: now[0])
    issuer = Issuer(name="a", issuer="https://a", jwks_url=place.url, ca_file=place.authority.file)
    assert await sets.find(issuer, "k1")
    now[0] += FRESH_SECONDS - 1
    assert await sets.find(issuer, "k1")
    assert place.asked == 1
    place.cluster = Cluster(kid="k2")
    assert await sets.find(issuer, "k2")
    assert place.asked == 2
    with pytest.raises(Unavailable, match="only just now"):
        await sets.find(issuer, "k3")
    assert place.asked == 2, "an unknown key id does not make us ask each time"
    now[0] += AGAIN_SECONDS
    assert not await sets.find(issuer, "k3")
    assert not await sets.find(issuer, "k3"), "that one is not there, as we asked for it"
    assert place.asked == 3
    place.cluster = Cluster(kid="k4")
    with pytest.raises(Unavailable, match="only just now"):
        await sets.find(issuer, "k4")
    now[0] += AGAIN_SECONDS
    assert await sets.find(issuer, "k4"), (
        "a key that is made just after the keys were fetched is one half a minute later"
    )
    place.cluster = Cluster(kid="k2")
    now[0] += AGAIN_SECONDS
    assert await sets.find(issuer, "k2")
    place.answer = lambda: web.Response(status=503)
    now[0] += FRESH_SECONDS + AGAIN_SECONDS
    assert await sets.find(issuer, "k2"), "keys that cannot be fetched again hold for a while"
    now[0] += STALE_SECONDS
    with pytest.raises(Unavailable):
        await sets.find(issuer, "k2")
    with pytest.raises(Unavailable):
        await sets.find(issuer, "k2")


async def test_a_known_key_does_not_wait_for_the_fetch_of_an_unknown_one(place: Place, tmp_path: Path) -> None:
    now, hangs, asked = [1000.0], asyncio.Event(), asyncio.Event()
    sets = KeySets(tmp_path, lambda: now[0])
    issuer = Issuer(name="a", issuer="https://a", jwks_url=place.url, ca_file=place.authority.file)
    assert await sets.find(issuer, "k1")
    now[0] += AGAIN_SECONDS

    async def slowly() -> None:
        asked.set()
        await hangs.wait()

    place.wait = slowly
    unknown = asyncio.create_task(sets.find(issuer, "nobodys"))
    await asked.wait()
    async with asyncio.timeout(30):
        assert await sets.find(issuer, "k1")
    hangs.set()
    assert not await unknown

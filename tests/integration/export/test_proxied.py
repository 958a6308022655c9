"""A proxy that the settings name opens tunnels, and sees nothing of what goes through; it leads nowhere inside that is seen here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from activities.export.answers import Asked
from activities.export.guarded import GuardedClient
from activities.export.requests import Request
from byteport.errors import NotPermitted, Unavailable
from tests.integration.export.authority import Authority, names
from tests.integration.export.receivers import listening

pytestmark = pytest.mark.ledger

ASKED = Asked("test: events", url="audit.export.test.url", credential="audit.export.test.token_file")


@dataclass
class Proxy:
    """Leads every tunnel to one port of this machine, and keeps what it was asked and what went through."""

    port: int = 0
    to: int = 0
    refuses: bool = False
    asked: list[bytes] = field(default_factory=list)
    through: bytearray = field(default_factory=bytearray)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        if self.refuses:
            writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                self.through += octets
                writer.write(octets)
            writer.close()


@asynccontextmanager
async def proxy(to: int = 0, *, refuses: bool = False) -> AsyncIterator[Proxy]:
    made = Proxy(to=to, refuses=refuses)
    server = await asyncio.start_server(made.lead, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


async def post(authority: Authority, url: str, through: str) -> int:
    client = GuardedClient(url, ca_file=authority.ca_file, proxy=through)
    try:
        request = Request("POST", url, b"the log", secrets={"Authorization": "Splunk t0ken"})
        return (await client.call(request, ASKED)).status
    finally:
        await client.close()


async def test_through_a_proxy_a_receiver_is_verified_as_ever_and_the_proxy_reads_nothing(
    authority: Authority,
) -> None:
    async with listening(lambda _: web.Response(), authority.server()) as receiver, proxy(receiver.port) as between:
        assert await post(authority, receiver.url(host="receiver.example"), between.url) == 200
    assert [got.body for got in receiver.got] == [b"the log"]
    (head,) = between.asked
    assert head.startswith(f"CONNECT receiver.example:{receiver.port} ".encode())
    assert b"t0ken" not in head + between.through
    assert b"the log" not in between.through


async def test_review_14_a_proxy_that_leads_to_a_stranger_is_noticed(authority: Authority) -> None:
    stranger = authority.server(by_stranger=True)
    async with listening(lambda _: web.Response(), stranger) as receiver, proxy(receiver.port) as between:
        with pytest.raises(NotPermitted, match=r"certificate of receiver\.example does not hold"):
            await post(authority, receiver.url(host="receiver.example"), between.url)
    assert receiver.got == []


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[::ffff:a9fe:a9fe]", "inside.example"])
async def test_review_14_a_proxy_is_not_asked_for_what_is_seen_here_to_lie_inside(
    authority: Authority, host: str
) -> None:
    inside = {"inside.example": ["169.254.169.254"]}
    async with proxy() as between:
        with names(inside.get), pytest.raises(NotPermitted, match="metadata"):
            await post(authority, f"https://{host}/", between.url)
    assert between.asked == []


async def test_a_proxy_that_refuses_or_is_not_there_is_tried_again(authority: Authority) -> None:
    async with proxy(refuses=True) as between:
        with pytest.raises(Unavailable):
            await post(authority, "https://receiver.example/", between.url)
    with pytest.raises(Unavailable):
        await post(authority, "https://receiver.example/", between.url)

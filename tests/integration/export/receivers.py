"""Receivers over HTTPS on a real socket, which write down what they were sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Respond = Callable[["Got"], web.StreamResponse | Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    transport: asyncio.Transport | None = field(repr=False, compare=False)

    def drop(self) -> web.StreamResponse:
        """Closes the connection; no answer is sent."""
        assert self.transport is not None
        self.transport.abort()
        return web.Response()


@dataclass
class Receiver:
    """What is listening, and what it got."""

    port: int
    got: list[Got]

    def url(self, path: str = "/", host: str = "localhost") -> str:
        return f"https://{host}:{self.port}{path}"


@asynccontextmanager
async def listening(
    respond: Respond, tls: ssl.SSLContext, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Receiver]:
    """A receiver that answers each request by `respond`."""
    receiver = Receiver(0, [])

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        transport = request.transport
        got = Got(request.method, request.path_qs, headers, body, transport)
        receiver.got.append(got)
        answer = respond(got)
        return answer if isinstance(answer, web.StreamResponse) else await answer

    runner = web.ServerRunner(web.Server(handle, auto_decompress=False), shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=tls)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()

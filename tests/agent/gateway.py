"""A gateway before a real API server, in which a test can hold a request or its answer, or lose either.

The worker is given a kubeconfig that names the gateway; it speaks TLS and knows the gateway's own certificate. Bodies
and headers pass as they are, the agent's token included, so that the API server's audit log is the agent's own. Comes
after `stops.py`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from byteport.sandbox.children import free_port
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.controlplane.pki import Authority
from tests.agent.stops import Fate, Moment, Stops

HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
VERBS = {"GET": "get", "DELETE": "delete", "PATCH": "patch", "POST": "create", "PUT": "update"}


class Gateway:
    """One gateway; `kubeconfig` is the agent's, by way of it."""

    def __init__(self, plane: ControlPlane, agent: Path, folder: Path) -> None:
        self.stops = Stops()
        self.kubeconfig = folder / "gateway.kubeconfig"
        self._upstream = URL(plane.server)
        self._trust = ssl.create_default_context(cafile=str(plane.state_dir / "pki" / "ca.crt"))
        authority = Authority(folder / "gateway-pki")
        pair = authority.issue("gateway", "gateway")
        self._identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._identity.load_cert_chain(pair.certificate, pair.key)
        self._port = free_port()
        self._write(agent, authority.certificate)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Gateway]:
        """Serve while inside."""
        connector = aiohttp.TCPConnector(ssl=self._trust, force_close=True, limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
            app = web.Application(client_max_size=8 << 20)
            app.router.add_route("*", "/{path:.*}", self._pass)
            self._session = session
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self._port, ssl_context=self._identity).start()
            try:
                yield self
            finally:
                self.stops.let_all()
                await runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        verb, plural = _asked(request)
        body = await request.read()
        if await self.stops.pass_by(verb, plural, Moment.BEFORE) is Fate.LOSE:
            return _hang_up(request)
        headers = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP
        )
        url = self._upstream.join(URL(request.raw_path, encoded=True))
        async with self._session.request(
            request.method, url, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            if verb == "watch":
                return await _streamed(request, answer)
            text = await answer.read()
        if await self.stops.pass_by(verb, plural, Moment.AFTER) is Fate.LOSE:
            return _hang_up(request)
        return web.Response(status=answer.status, body=text, headers=_answered(answer))

    def _write(self, agent: Path, authority: Path) -> None:
        document: dict[str, Any] = yaml.safe_load(agent.read_text())
        (entry,) = document["clusters"]
        entry["cluster"] = {
            "server": f"https://127.0.0.1:{self._port}",
            "certificate-authority": str(authority),
        }
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(yaml.safe_dump(document))


def _asked(request: web.Request) -> tuple[str, str]:
    """Verb and plural as Kubernetes names them; a dry-run eviction is `evict`."""
    parts = [part for part in request.path.split("/") if part]
    rest = parts[2:] if parts[:1] == ["api"] else parts[3:]
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    plural = rest[0] if rest else ""
    if rest[2:] == ["eviction"]:
        return "evict", plural
    if request.method == "GET":
        if request.query.get("watch") == "true":
            return "watch", plural
        return ("get" if len(rest) > 1 else "list"), plural
    return VERBS[request.method], plural


def _answered(answer: aiohttp.ClientResponse) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP)


async def _streamed(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=_answered(answer))
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except (ConnectionError, aiohttp.ClientError, asyncio.CancelledError):
        return response
    await response.write_eof()
    return response


def _hang_up(request: web.Request) -> web.StreamResponse:
    """The connection is cut: nobody hears what became of the request."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()

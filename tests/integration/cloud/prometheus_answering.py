"""A server that speaks as much of Prometheus's API as we ask of it, over TLS: what a test says is measured, as rows.

It refuses what Prometheus refuses (a query that is no form, a step or a moment that is no number). The real one is asked the
same questions in `test_prometheus.py`; this one stands in where a test needs answers that no real one gives when asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, Receiver, listening

Row = dict[str, Any]
PROVIDER = "aws:///eu-central-1a/i-0abc"
NODE = {"metric": {"internal_ip": "10.0.0.7", "node": "n1", "provider_id": PROVIDER}, "value": [0, "1"]}


@dataclass
class Answering:
    """What is listening. `measured` gives the rows of a range query from its text, its start and its end."""

    receiver: Receiver
    nodes: list[Row] = field(default_factory=lambda: [NODE])
    measured: Callable[[str, int, int], list[Row]] = lambda _query, _start, _end: []
    flags: dict[str, str] | None = None
    """Of the program; None where nobody is told."""
    more: dict[str, Any] = field(default_factory=dict)
    """Further members of every answer, such as warnings."""
    instead: Callable[[], web.Response] | None = None
    """In the place of every answer."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.receiver.port}"


@asynccontextmanager
async def answering(authority: Authority) -> AsyncIterator[Answering]:
    made: list[Answering] = []

    def respond(got: Got) -> web.Response:
        instead = made[0].instead
        return _answer(made[0], got) if instead is None else instead()

    async with listening(respond, authority.server("localhost")) as receiver:
        made.append(Answering(receiver))
        yield made[0]


def _answer(there: Answering, got: Got) -> web.Response:
    asked = {name: values[0] for name, values in parse_qs(got.body.decode("ascii")).items()}
    path = got.path.removeprefix("/api/v1/")
    if path == "query":
        return _said(there, "vector", there.nodes)
    if path == "status/flags" and there.flags is not None:
        return web.json_response({"status": "success", "data": there.flags})
    if path != "query_range" or not asked["query"]:
        return web.json_response({"status": "error", "errorType": "not_found", "error": "words"}, status=404)
    start, end, step = (int(asked[name]) for name in ("start", "end", "step"))
    assert start % step == end % step == 0, "asked at whole steps"
    return _said(there, "matrix", there.measured(asked["query"], start, end))


def _said(there: Answering, kind: str, rows: list[Row]) -> web.Response:
    body = {"status": "success", "data": {"resultType": kind, "result": rows}, **there.more}
    return web.Response(body=json.dumps(body).encode(), content_type="application/json")


@asynccontextmanager
async def dripping(authority: Authority) -> AsyncIterator[int]:
    """A server that begins an answer and gives a byte of it ten times a second, for as long as somebody reads. Its port."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0, ssl=authority.server("localhost"))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def disk(percent: float, *, instance: str = "10.0.0.7:9100") -> Callable[[str, int, int], list[Row]]:
    """The root filesystem of one machine, at every minute."""

    def measured(query: str, start: int, end: int) -> list[Row]:
        if "node_filesystem" not in query:
            return []
        values = [[at, str(percent)] for at in range(start, end + 1, 60)]
        return [{"metric": {"instance": instance, "mountpoint": "/"}, "values": values}]

    return measured

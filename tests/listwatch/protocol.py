"""The API's list and watch protocol over TLS: limit and continue, resourceVersion, bookmarks, 410, 429, one process.

What is served is a `Holdings` (`holdings.py`: a few real objects, or a virtual cluster of any size). `tests/bench/watch`
runs it in a process of its own; `tests/faults/test_watch_*.py` in theirs, with `faults`. Requests are counted by verb.
Strict: a query that a real API server would not take is answered with 400, and a write with 405.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from byteport.sandbox.controlplane.components import write_kubeconfig
from byteport.sandbox.controlplane.pki import Authority
from tests.listwatch.holdings import Holdings

_KNOWN = {"limit", "continue", "watch", "resourceVersion", "allowWatchBookmarks", "timeoutSeconds", "labelSelector"}


class Request(NamedTuple):
    """One request, taken apart. `name` is empty for a list or a watch."""

    method: str
    resource: str
    """Its plural; of the metrics API with the group, since that has pods, too."""
    namespace: str
    name: str
    query: dict[str, str]

    @property
    def verb(self) -> str:
        if self.method != "GET":
            return self.method
        return "get" if self.name else "watch" if self.query.get("watch") in ("true", "True") else "list"


class Change(NamedTuple):
    """What a watch tells: an event's type and its object as text."""

    version: int
    type: str
    item: bytes


Fault = Callable[["Server", Request, asyncio.StreamWriter], Awaitable[bool]]
"""Misbehave on one request; false when the server should answer it all the same."""


@dataclass
class Server:
    """One server. `faults` are tried in order on each request, each once, by the verb and resource that they are for."""

    kubeconfig: Path
    holdings: Holdings
    bookmark_seconds: float = 60.0
    kept: int = 0
    """Versions up to this one have been forgotten: a watch from before is gone, and so is a token of a list."""
    faults: list[tuple[str, str, Fault]] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    heard: list[Request] = field(default_factory=list)
    changes: dict[tuple[str, str], list[Change]] = field(default_factory=dict)
    """By resource and namespace, and by resource under the empty namespace."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _streams: set[asyncio.StreamWriter] = field(default_factory=set)
    gone: int = 0
    """Raised by one, every watch that is open is told that what it goes on from is gone."""

    def tell(self, type_: str, resource: str, namespace: str, item: bytes) -> None:
        """An event for whoever watches it."""
        self.note(type_, resource, namespace, item)
        self.wake()

    def note(self, type_: str, resource: str, namespace: str, item: bytes) -> None:
        """One of many events, which are told by `wake`."""
        change = Change(self.holdings.version, type_, item)
        for place in {"", namespace}:
            self.changes.setdefault((resource, place), []).append(change)

    def forget(self) -> None:
        """As etcd's compaction: open watches end with 410, and lists that are under way expire."""
        self.kept, self.gone = self.holdings.version, self.gone + 1
        self.changes.clear()
        self.wake()

    def hang_up(self) -> None:
        """Every watch that is open loses its connection."""
        for writer in self._streams:
            writer.transport.abort()

    def wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError):
            while True:
                request = await _request(reader)
                self.counted[request.verb] += 1
                if len(self.heard) < 10_000:
                    self.heard.append(request)
                if not await self._misbehaves(request, writer):
                    await self._answer(request, writer)
                await writer.drain()
        writer.close()

    async def _misbehaves(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        for at, (verb, resource, fault) in enumerate(self.faults):
            if (verb, resource) == (request.verb, request.resource):
                del self.faults[at]
                return await fault(self, request, writer)
        return False

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "POST" and request.resource == "selfsubjectreviews":
            return says(writer, 201, b"{}")
        if request.method != "GET":
            return says(writer, 405, status(405, "it is read only"))
        if set(request.query) - _KNOWN:
            return says(writer, 400, status(400, "an unknown query"))
        match request.verb:
            case "get":
                found = self.holdings.one(request.resource, request.namespace, request.name)
                says(writer, 200, found) if found is not None else says(writer, 404, status(404, "not found"))
            case "list":
                self._list(request, writer)
            case _:
                self._streams.add(writer)
                try:
                    await self._watch(request, writer)
                finally:
                    self._streams.discard(writer)
        return None

    def _list(self, request: Request, writer: asyncio.StreamWriter) -> None:
        count = self.holdings.count(request.resource, request.namespace)
        if count is None:
            return says(writer, 404, status(404, "no such resource"))
        version, start = self.holdings.version, 0
        if token := request.query.get("continue", ""):
            told, _, offset = token.partition(":")
            version, start = int(told), int(offset)
            if version < self.kept:
                again = {"metadata": {"continue": f"{self.holdings.version}:{start}"}}
                return says(writer, 410, status(410, "the provided continue parameter is too old", **again))
        end = min(count, start + int(request.query.get("limit") or count or 1))
        items = self.holdings.items(request.resource, request.namespace, start, end)
        more = f',"continue":"{version}:{end}","remainingItemCount":{count - end}' if end < count else ""
        head = f'{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"{version}"{more}}},"items":['
        says(writer, 200, head.encode() + b",".join(items) + b"]}")
        return None

    async def _watch(self, request: Request, writer: asyncio.StreamWriter) -> None:
        seen, born = int(request.query["resourceVersion"]), self.gone
        if seen < self.kept:
            return says(writer, 410, status(410, "too old resource version"))
        loop = asyncio.get_running_loop()
        begins_stream(writer)
        marks = loop.time() + self.bookmark_seconds
        ends = loop.time() + int(request.query["timeoutSeconds"])
        at = 0
        while True:
            news, changes = self.news, self.changes.get((request.resource, request.namespace), [])
            if self.gone != born:
                chunk(writer, event("ERROR", status(410, "too old resource version")))
                break
            while at < len(changes):
                change = changes[at]
                at += 1
                if change.version > seen:
                    seen = change.version
                    chunk(writer, event(change.type, change.item))
                    if not at % 64:
                        await writer.drain()
            await writer.drain()
            if loop.time() >= min(marks, ends):
                marks, seen = loop.time() + self.bookmark_seconds, max(seen, self.holdings.version)
                mark = {"kind": "Bookmark", "metadata": {"resourceVersion": str(seen)}}
                chunk(writer, event("BOOKMARK", json.dumps(mark).encode()))
                await writer.drain()
            if loop.time() >= ends:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(marks, ends) - loop.time())):
                    await news.wait()
        chunk(writer, b"")
        return None


def status(code: int, message: str, **more: object) -> bytes:
    """A Status object."""
    return json.dumps(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "message": message}
        | more
    ).encode()


def event(type_: str, item: bytes) -> bytes:
    return b'{"type":"' + type_.encode() + b'","object":' + item + b"}\n"


def says(writer: asyncio.StreamWriter, code: int, body: bytes, *headers: str) -> None:
    """A whole answer."""
    lines = [f"HTTP/1.1 {code} Said", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def begins_stream(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")


def chunk(writer: asyncio.StreamWriter, part: bytes) -> None:
    """A part of a stream; an empty one ends it."""
    writer.write(b"%x\r\n" % len(part) + part + b"\r\n")


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    path = parts.path.strip("/").split("/")
    group, path = ("", path[2:]) if path[0] == "api" else (path[1], path[3:])
    namespace = ""
    if len(path) > 2 and path[0] == "namespaces":
        namespace, path = path[1], path[2:]
    name = path[1] if len(path) > 1 else ""
    resource = f"{path[0]}.{group}" if group == "metrics.k8s.io" else path[0]
    return Request(method, resource, namespace, name, dict(parse_qsl(parts.query, keep_blank_values=True)))


@asynccontextmanager
async def serving(folder: Path, holdings: Holdings, *, bookmark_seconds: float = 60.0) -> AsyncIterator[Server]:
    """A server, listening on loopback, with a kubeconfig that leads to it."""
    authority = Authority(folder / "pki")
    pair = authority.issue("listwatch", "listwatch")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    said = Server(folder / "kubeconfig", holdings, bookmark_seconds)
    listening = await asyncio.start_server(said.serve, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
    address = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    write_kubeconfig(said.kubeconfig, address, authority.certificate, "tester", "a-token")
    try:
        yield said
    finally:
        listening.close()

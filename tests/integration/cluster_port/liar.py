"""An API server that answers as it is told to: late, never, twice cut, with the wrong words.

For what no real one can be made to do on command. It speaks TLS and HTTP/1.1 on loopback and counts what reaches it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from byteport.sandbox.controlplane.components import write_kubeconfig
from byteport.sandbox.controlplane.pki import Authority

JSON = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """One request as it arrived."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Liar:
    """`answers` are given one a request, in order; the last one again and again."""

    kubeconfig: Path
    heard: list[Heard] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                self.heard.append(await _request(reader))
                await self.answers[min(len(self.heard), len(self.answers)) - 1](writer)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def liar(folder: Path) -> AsyncIterator[Liar]:
    """One liar, listening, with a kubeconfig that leads to it."""
    authority = Authority(folder / "pki")
    pair = authority.issue("liar", "liar")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    said = Liar(folder / "kubeconfig")
    server = await asyncio.start_server(said.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    write_kubeconfig(said.kubeconfig, f"https://127.0.0.1:{port}", authority.certificate, "tester", "a-token")
    yield said
    server.close()


def says(status: int, body: JSON | bytes, **headers: str) -> Answer:
    """A whole answer; header names are written with underscores."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in named.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)

    return answer


def streams(*parts: bytes, ends: bool = True) -> Answer:
    """A chunked answer of status 200, whose last part is followed by its end, or by silence."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in parts:
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await writer.drain()
        if ends:
            writer.write(b"0\r\n\r\n")

    return answer


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    """The connection is lost after the request was heard."""
    writer.close()
    raise ConnectionResetError


async def hangs(writer: asyncio.StreamWriter) -> None:
    """No answer, and the connection stays."""
    await asyncio.sleep(3600)
    del writer


def status(code: int, message: str, **details: Any) -> JSON:
    """A Status object."""
    return {"kind": "Status", "status": "Failure", "code": code, "message": message, "details": details}


async def _request(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Heard(method, parts.path, parse_qsl(parts.query, keep_blank_values=True), headers, body)

"""Serves `health.py` over HTTP to whoever may reach the port: a kubelet's probes, and a person with curl.

`/livez` is answered by the very loop that does the work, so that no answer is an answer too. Nothing of a cluster, a run or
a setting is in what it says: names of our own parts, and error codes.

The port has no authentication, so it is answered by a few lines of our own and not by a web server: one GET to a connection,
a few connections at a time, each for a few seconds. Whoever opens more takes neither descriptors nor answers from the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

from byteport.errors import ConfigError
from workers.health import Health

SETTING = "telemetry.health_address"
LIVE, READY = "/livez", "/readyz"

MOST_CONNECTIONS = 32
"""More than a kubelet and some people need. For one more, the one that has kept silent longest is closed."""
MOST_WAITING = 128
"""Connections that the kernel keeps until we take them; they are no descriptors of ours."""
REQUEST_SECONDS = 5.0
"""By then the whole header has come, or the connection is closed."""
MOST_HEADER = 4096
"""Bytes; a probe's header has some hundred."""
PAUSE_SECONDS = 1.0
"""After the system had no descriptor or no memory for a connection."""

_END = b"\r\n\r\n"


@contextlib.asynccontextmanager
async def health_served(address: str | None, health: Health, say: Callable[[str], None]) -> AsyncIterator[None]:
    """Answer at `ip:port` while inside, and say where; with no address nothing is opened.

    Raises `ConfigError` when the port cannot be had.
    """
    try:
        if address is None:
            yield
            return
        with _listening(address) as listener:
            host, port = address.rpartition(":")[0], listener.getsockname()[1]
            endpoint = _Endpoint(listener, health, say)
            accepting = asyncio.create_task(endpoint.accept())
            say(f"health at http://{host}:{port}{LIVE} and {READY}")
            try:
                yield
            finally:
                accepting.cancel()
                await asyncio.gather(accepting, return_exceptions=True)
                await endpoint.close()
    finally:
        await health.close()


def _listening(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host.strip("[]"), int(port)), family=family, backlog=MOST_WAITING)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else "no such address"
        raise ConfigError(SETTING, f"{address} cannot be listened on: {reason}") from None
    listener.setblocking(False)
    return listener


class _Endpoint:
    """One listening socket and its open connections."""

    def __init__(self, listener: socket.socket, health: Health, say: Callable[[str], None]) -> None:
        self._listener = listener
        self._health = health
        self._say = say
        self._open: set[asyncio.Task[None]] = set()
        self._silent: dict[asyncio.Task[None], None] = {}
        """Those whose request has not come, in the order in which they came."""

    async def accept(self) -> None:
        """Take connections for as long as it is not cancelled."""
        loop, said = asyncio.get_running_loop(), False
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                if not said:
                    self._say(f"health: no connection can be taken: {os.strerror(error.errno or 0)}")
                said = True
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            said = False
            connection.setblocking(False)
            await self._admit(connection)

    async def close(self) -> None:
        """End every connection, answered or not."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _admit(self, connection: socket.socket) -> None:
        """Serve it if there is room. Always gives way to the loop once, however many wait to be taken."""
        if len(self._open) >= MOST_CONNECTIONS:
            if not self._silent:
                connection.close()
                await asyncio.sleep(0)
                return
            oldest = next(iter(self._silent))
            del self._silent[oldest]
            oldest.cancel()
        task = asyncio.create_task(self._serve(connection))
        self._open.add(task)
        self._silent[task] = None
        task.add_done_callback(self._ended)
        await asyncio.sleep(0)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        self._silent.pop(task, None)

    async def _serve(self, connection: socket.socket) -> None:
        """One request, one answer, and the end."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        with connection, contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(REQUEST_SECONDS):
                header = await _header(connection)
            if header is None or task is None:
                return
            self._silent.pop(task, None)
            answer = await self._answer(header)
            async with asyncio.timeout(REQUEST_SECONDS):
                await loop.sock_sendall(connection, answer)

    async def _answer(self, header: bytes) -> bytes:
        words = header.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST, [])
        if words[0] != b"GET":
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, [])
        path = words[1].partition(b"?")[0].decode("ascii", "replace")
        if path == LIVE:
            wrong = self._health.deaths()
        elif path == READY:
            wrong = await self._health.lacks()
        else:
            return _response(HTTPStatus.NOT_FOUND, [])
        return _response(HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK, wrong or ["ok"])


async def _header(connection: socket.socket) -> bytes | None:
    """The request's header; None for one that is too long, or from somebody who went away."""
    loop, got = asyncio.get_running_loop(), b""
    while _END not in got:
        if len(got) >= MOST_HEADER:
            return None
        more = await loop.sock_recv(connection, MOST_HEADER - len(got))
        if not more:
            return None
        got += more
    return got.partition(_END)[0]


def _response(status: HTTPStatus, lines: list[str]) -> bytes:
    body = "".join(f"{line}\n" for line in lines).encode()
    header = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return header.encode() + body

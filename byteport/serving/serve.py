"""The server: TLS connections with the client's certificate in each request's scope, and nothing in clear but health.

uvicorn speaks HTTP; what it does not do is here: it gives the application no certificate, takes a TLS context for once
and all, and lets a header take as long as it likes. Comes after `tls` and a face's application; the command of each face runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, cast

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from byteport.errors import ConfigError
from byteport.serving.guard import HEADERS
from byteport.serving.limits import ServingLimits
from byteport.serving.peers import Place, Places
from byteport.serving.problems import MEDIA_TYPE, Code, Problem
from byteport.serving.tls import Contexts

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
GOODBYE_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 30
PAUSE_SECONDS = 1.0
"""After the system had no descriptor or no memory for a connection."""
BACKLOG = 256
HEALTH_CONNECTIONS = 32
"""On the port in clear, counted by themselves: a probe is answered however many strangers there are on the other."""
SPARE_THREADS = 8
"""Beside one for each request that may be answered at once: for names, and files that have changed."""
CERTIFICATE = "byteport.certificate"
"""Where a request's scope has the client's certificate (DER), if it showed one."""


@dataclass(frozen=True)
class Ports:
    """What is listened on: TLS for everybody, and for probes on this machine a port in clear that knows health alone."""

    address: str
    health_address: str | None
    section: str
    """Of the settings, in which both are named."""


class Beside(Protocol):
    """What runs while requests are answered."""

    def start(self) -> None: ...

    def stop(self) -> None:
        """Blocks until it has ended."""


class Alone:
    """Nothing runs beside the requests."""

    def start(self) -> None:
        return

    def stop(self) -> None:
        return


class Server(uvicorn.Server):
    """Serves `app` over TLS and `health` in clear on loopback, until `should_exit`."""

    def __init__(
        self,
        app: ASGIApp,
        health: ASGIApp,
        ports: Ports,
        contexts: Contexts,
        limits: ServingLimits,
        stop_seconds: int,
        beside: Beside,
    ) -> None:
        """Raises `ConfigError` when a port cannot be had."""
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                interface="asgi3",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=stop_seconds,
                h11_max_incomplete_event_size=limits.header_bytes,
            )
        )
        self._health = health
        self._contexts = contexts
        self._limits = limits
        self._listener = _listening(ports.address, f"{ports.section}.address")
        self._in_clear = None if ports.health_address is None else _on_loopback(ports.health_address, ports.section)
        self._beside = beside
        self._accepting: list[asyncio.Task[None]] = []
        self._greeting: set[asyncio.Task[None]] = set()
        self.servers = []

    @property
    def port(self) -> int:
        """The port that TLS is served on."""
        return int(self._listener.getsockname()[1])

    @property
    def health_port(self) -> int | None:
        return None if self._in_clear is None else int(self._in_clear.getsockname()[1])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  uvicorn's own
        """Begin to take connections."""
        threads = ThreadPoolExecutor(self._limits.concurrent + SPARE_THREADS, thread_name_prefix="byteport-face")
        asyncio.get_running_loop().set_default_executor(threads)
        for_all = Places(self._limits.connections, self._limits.connections_per_peer)
        self._accepting.append(
            asyncio.create_task(self._accept(self._listener, self.config.loaded_app, for_all, tls=True))
        )
        if self._in_clear is not None:
            for_probes = Places(HEALTH_CONNECTIONS, HEALTH_CONNECTIONS)
            self._accepting.append(
                asyncio.create_task(self._accept(self._in_clear, self._health, for_probes, tls=False))
            )
        self._beside.start()
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, let requests finish, then end."""
        for task in (*self._accepting, *self._greeting):
            task.cancel()
        await asyncio.gather(*self._accepting, *self._greeting, return_exceptions=True)
        self.close()
        await super().shutdown(sockets)
        await asyncio.to_thread(self._beside.stop)

    def close(self) -> None:
        """Give the ports back."""
        self._listener.close()
        if self._in_clear is not None:
            self._in_clear.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the caller's."""
        yield

    async def _accept(self, listener: socket.socket, app: ASGIApp, places: Places, *, tls: bool) -> None:
        loop, said = asyncio.get_running_loop(), False
        while True:
            try:
                connection, address = await loop.sock_accept(listener)
            except OSError as error:
                if not said:
                    log.error("connections_refused: %s", os.strerror(error.errno or 0))
                said = True
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            said = False
            connection.setblocking(False)
            place = places.take(address)
            if place is None:
                connection.close()
                await asyncio.sleep(0)
                continue
            task = asyncio.create_task(self._greet(connection, app, place, tls=tls))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)
            await asyncio.sleep(0)

    async def _greet(self, connection: socket.socket, app: ASGIApp, place: Place, *, tls: bool) -> None:
        """The handshake; from then on the protocol has the connection, and its place."""
        try:
            context = self._contexts.current() if tls else None
            times = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": GOODBYE_SECONDS} if tls else {}
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Protocol(self.config, self.server_state, app, self._limits.header_seconds, place),
                connection,
                ssl=context,
                **times,
            )
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError is an OSError
            connection.close()
            place.give_back()
            if isinstance(error, asyncio.CancelledError):
                raise
            log.debug("handshake_failed: %s", type(error).__name__)


class _Protocol(H11Protocol):
    """HTTP/1.1 with the client's certificate in the scope, a limit on the time for a header, and our own refusals."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app: ASGIApp,
        header_seconds: float,
        place: Place,
    ) -> None:
        super().__init__(config, server_state, {})
        self._serves = app
        self._place = place
        self._header_seconds = header_seconds
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        tls = transport.get_extra_info("ssl_object")
        certificate = None if tls is None else tls.getpeercert(binary_form=True)
        app = self._serves

        async def with_certificate(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, CERTIFICATE: certificate}, receive, send)

        self.app = with_certificate
        self._watch_header()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        self._place.give_back()
        super().connection_lost(exc)

    def _watch_header(self) -> None:
        """While a header is not whole its time runs; between two requests the time to keep the connection does."""
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(self._header_seconds, self._too_slow)

    def _stop_watching(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _too_slow(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's own
        """What is no HTTP is told so as everything else is."""
        hint = getattr(sys.exception(), "error_status_hint", 400)
        code = Code.HEADERS_TOO_LARGE if hint == 431 else Code.MALFORMED_REQUEST
        body = json.dumps(Problem(code, "send HTTP/1.1 with a header of moderate size").document()).encode()
        headers = [
            *((name.decode(), value.decode()) for name, value in HEADERS),
            ("content-type", MEDIA_TYPE),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        try:
            for event in (
                h11.Response(status_code=code.status.value, headers=headers, reason=code.status.phrase),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            pass  # an answer is under way already
        self.transport.close()


def _listening(address: str, setting: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host.strip("[]"), int(port)), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else "no such address"
        raise ConfigError(setting, f"{address} cannot be listened on: {reason}") from None
    listener.setblocking(False)
    return listener


def _on_loopback(address: str, section: str) -> socket.socket:
    if not ipaddress.ip_address(address.rpartition(":")[0].strip("[]")).is_loopback:
        raise ConfigError(f"{section}.health_address", "must be 127.0.0.1 or [::1]; it is served without TLS")
    return _listening(address, f"{section}.health_address")

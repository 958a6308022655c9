"""Where connections come in: each is counted before anything is spent on it, and has an end, whatever is or is not sent on it.

Comes after `crowd`, which says who gives way, and before `server`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from aiohttp import http_exceptions, web, web_protocol

from byteport.witness.crowd import Crowd, Guest

SERVER = "byteport"
"""All that is said of what runs here."""
BODY_SECONDS = 10.0
CONNECTION_SECONDS = 60.0
MOST_CONNECTIONS = 256
MOST_PER_PEER = 16
LARGEST_HEADERS = 8190
"""Of one line of a request's head, and of all its fields together."""
PAUSE_SECONDS = 1.0
"""After the system had no descriptor or no memory for a connection."""

NOWHERE = logging.Logger("byteport.witness.access", logging.CRITICAL)  # noqa: LOG001  not one of the program's own
"""Each answer has a line already, which says what it was about."""

logger = logging.getLogger("byteport.witness")


@dataclass(frozen=True)
class Patience:
    """How long a client may take, and how many there may be."""

    body_seconds: float = BODY_SECONDS
    connection_seconds: float = CONNECTION_SECONDS
    connections: int = MOST_CONNECTIONS
    connections_per_peer: int = MOST_PER_PEER


class Handler(web_protocol.RequestHandler):
    """HTTP on one connection, which knows whose place it has."""

    def __init__(self, server: web.Server, patience: Patience, guest: Guest) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=NOWHERE,
            max_line_size=LARGEST_HEADERS,
            max_field_size=LARGEST_HEADERS,
            keepalive_timeout=patience.body_seconds,
            lingering_time=1.0,
            auto_decompress=False,
        )
        self.guest = guest

    def handle_error(self, *given: Any, **named: Any) -> web.StreamResponse:
        """What is no HTTP is told so, and no more."""
        response = super().handle_error(*given, **named)
        response.headers["Server"] = SERVER
        return response

    def log_exception(self, *given: Any, **named: Any) -> None:
        """What anybody may send is no error of ours, and fills no log."""
        if not isinstance(named.get("exc_info"), http_exceptions.HttpProcessingError):
            super().log_exception(*given, **named)


class Door:
    """Accepts the connections of one port."""

    def __init__(
        self,
        listener: socket.socket,
        server: web.Server,
        crowd: Crowd,
        patience: Patience,
        context: ssl.SSLContext | None,
    ) -> None:
        self._listener = listener
        self._server = server
        self._crowd = crowd
        self._patience = patience
        self._context = context
        self._greeting: set[asyncio.Task[None]] = set()

    async def accept(self) -> None:
        """Without end."""
        loop, said = asyncio.get_running_loop(), False
        while True:
            try:
                connection, address = await loop.sock_accept(self._listener)
            except OSError as error:
                if not said:
                    logger.error("no connection can be accepted: %s", os.strerror(error.errno or 0))
                said = True
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            said = False
            connection.setblocking(False)
            guest = self._crowd.enters(str(address[0]), connection.close)
            if guest is None:
                connection.close()
            else:
                self._begin(connection, guest)
            await asyncio.sleep(0)  # those who gave way are gone before the next one comes

    async def close(self) -> None:
        """End whatever has not got as far as HTTP."""
        for task in self._greeting:
            task.cancel()
        await asyncio.gather(*self._greeting, return_exceptions=True)

    def _begin(self, connection: socket.socket, guest: Guest) -> None:
        task = asyncio.create_task(self._greet(connection, guest))
        guest.end = task.cancel
        self._greeting.add(task)
        task.add_done_callback(self._greeting.discard)

    async def _greet(self, connection: socket.socket, guest: Guest) -> None:
        """The handshake, if there is one; from then on HTTP has the connection, and its place."""
        times = {"ssl_handshake_timeout": self._patience.body_seconds, "ssl_shutdown_timeout": 1.0}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Bounded(Handler(self._server, self._patience, guest), self._crowd, guest, self._patience),
                connection,
                ssl=self._context,
                **(times if self._context is not None else {}),
            )
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError is an OSError
            connection.close()
            self._crowd.leaves(guest)
            logger.debug("no handshake: %s", type(error).__name__)


class _Bounded(asyncio.Protocol):
    """A connection with an end."""

    def __init__(self, inner: asyncio.Protocol, crowd: Crowd, guest: Guest, patience: Patience) -> None:
        self._inner = inner
        self._crowd = crowd
        self._guest = guest
        self._patience = patience
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._guest.end = transport.abort
        self._end = asyncio.get_running_loop().call_later(self._patience.connection_seconds, transport.abort)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.leaves(self._guest)
        if self._end is not None:
            self._end.cancel()
        self._inner.connection_lost(exc)

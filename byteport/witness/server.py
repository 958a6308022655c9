"""The witness behind HTTP: bounded in time, size and number, and with TLS 1.3 where it is given a certificate.

Whoever sends slowly, much or for ever costs one connection for a minute. There is nobody to authenticate: a checkpoint is
signed by its log, and what a witness tells is public. Comes after `witness`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from byteport.audit.witnessing import LARGEST
from byteport.errors import ConfigError
from byteport.witness.witness import Answer, Status, Witness

PATH = "/add-checkpoint"
BODY_SECONDS = 10.0
CONNECTION_SECONDS = 60.0
MOST_CONNECTIONS = 256
LARGEST_HEADERS = 8190
"""Of one line of a request's head, and of all its fields together."""

logger = logging.getLogger("byteport.witness")


@dataclass(frozen=True)
class Certificate:
    """PEM files of the server's certificate, with its chain, and of its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Patience:
    """How long a client may take."""

    body_seconds: float = BODY_SECONDS
    connection_seconds: float = CONNECTION_SECONDS
    connections: int = MOST_CONNECTIONS


def witness_app(witness: Witness, patience: Patience) -> web.Application:
    """The one call of the protocol, and nothing else."""

    async def add_checkpoint(request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(patience.body_seconds):
                body = await request.read()
        except TimeoutError:
            return _closing(web.Response(status=408, text="too slow\n"))
        except web.HTTPRequestEntityTooLarge:
            return _closing(web.Response(status=413, text=f"larger than {LARGEST} bytes\n"))
        answer = await witness.add_checkpoint(body)
        _log(answer, request.remote)
        return _response(answer)

    app = web.Application(client_max_size=LARGEST)
    app.router.add_post(PATH, add_checkpoint)
    return app


def tls(files: Certificate) -> ssl.SSLContext:
    """TLS 1.3 and nothing older. Raises `ConfigError` for files that are no certificate and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        said = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else "not a pair"
        raise ConfigError("--certificate", f"{files.certificate} and {files.key}: {said or 'cannot be read'}") from None
    return context


@contextlib.asynccontextmanager
async def served(
    witness: Witness, host: str, port: int, *, context: ssl.SSLContext | None, patience: Patience = Patience()
) -> AsyncIterator[int]:
    """While inside, the witness answers at `host` and the port that is given (0 is any free one).

    Raises `ConfigError` where it cannot listen.
    """
    runner = web.AppRunner(
        witness_app(witness, patience),
        access_log=None,
        handler_cancellation=False,
        max_line_size=LARGEST_HEADERS,
        max_field_size=LARGEST_HEADERS,
        keepalive_timeout=patience.body_seconds,
        lingering_time=1.0,
        auto_decompress=False,
    )
    await runner.setup()
    assert runner.server is not None
    handlers, open_now = runner.server, set[_Bounded]()
    try:
        listening = await asyncio.get_running_loop().create_server(
            lambda: _Bounded(handlers(), patience, open_now),
            host,
            port,
            ssl=context,
            ssl_handshake_timeout=patience.body_seconds if context is not None else None,
        )
    except OSError as error:
        await runner.cleanup()
        raise ConfigError("--listen", f"{host}:{port}: {error.strerror or 'cannot be used'}") from None
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await runner.cleanup()


class _Bounded(asyncio.Protocol):
    """A connection with an end, whatever is or is not sent on it, and one of a bounded number."""

    def __init__(self, inner: asyncio.Protocol, patience: Patience, open_now: set[_Bounded]) -> None:
        self._inner = inner
        self._patience = patience
        self._open_now = open_now
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._inner.connection_made(transport)
        if len(self._open_now) >= self._patience.connections:
            transport.abort()
            return
        self._open_now.add(self)
        self._end = asyncio.get_running_loop().call_later(self._patience.connection_seconds, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_now.discard(self)
        if self._end is not None:
            self._end.cancel()
        self._inner.connection_lost(exc)


def _response(answer: Answer) -> web.Response:
    if answer.status is Status.CONFLICT:
        return web.Response(
            status=answer.status, body=answer.body.encode(), headers={"Content-Type": "text/x.tlog.size"}
        )
    return web.Response(status=answer.status, text=answer.body)


def _closing(response: web.Response) -> web.Response:
    response.force_close()
    return response


def _log(answer: Answer, remote: str | None) -> None:
    level = logging.INFO if answer.status is Status.OK else logging.WARNING
    at = "" if answer.size is None else f" at {answer.size}"
    logger.log(level, "%d %s%s: %s (from %s)", answer.status, answer.origin or "-", at, answer.because, remote or "-")

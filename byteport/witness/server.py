"""The witness behind HTTP: bounded in time, size and number, and with TLS 1.3 where it is given a certificate.

Whoever sends slowly, much or for ever costs one connection for a while, and that one gives way to others. There is nobody to
authenticate: a checkpoint is signed by its log, and what a witness tells is public. Comes after `witness` and `door`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from byteport.audit.witnessing import LARGEST
from byteport.errors import ConfigError
from byteport.witness.crowd import Crowd
from byteport.witness.door import SERVER, Door, Handler, Patience
from byteport.witness.witness import Answer, Status, Witness

PATH = "/add-checkpoint"
BACKLOG = 256
PATIENT = Patience()

logger = logging.getLogger("byteport.witness")


@dataclass(frozen=True)
class Certificate:
    """PEM files of the server's certificate, with its chain, and of its key."""

    certificate: Path
    key: Path


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
        with _heard(request):
            answer = await witness.add_checkpoint(body)
        _log(answer, request.remote)
        return _response(answer)

    async def named(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = SERVER

    app = web.Application(client_max_size=LARGEST)
    app.router.add_post(PATH, add_checkpoint)
    app.on_response_prepare.append(named)
    return app


@contextlib.contextmanager
def _heard(request: web.Request) -> Iterator[None]:
    """While inside, the connection gives way to nobody."""
    guest = request.protocol.guest if isinstance(request.protocol, Handler) else None
    if guest is not None:
        guest.is_heard = True
    try:
        yield
    finally:
        if guest is not None:
            guest.is_heard = False


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
    witness: Witness, host: str, port: int, *, context: ssl.SSLContext | None, patience: Patience = PATIENT
) -> AsyncIterator[int]:
    """While inside, the witness answers at `host` and the port that is given (0 is any free one).

    Without TLS all connections are those of a proxy on this machine, so that they are not counted by their address. Raises
    `ConfigError` where it cannot listen.
    """
    runner = web.AppRunner(witness_app(witness, patience), access_log=None, handler_cancellation=False)
    await runner.setup()
    assert runner.server is not None
    try:
        listener = await _listening(host, port)
    except OSError as error:
        await runner.cleanup()
        raise ConfigError("--listen", f"{host}:{port}: {error.strerror or 'cannot be used'}") from None
    most = patience.connections
    crowd = Crowd(most, most if context is None else min(most, patience.connections_per_peer))
    door = Door(listener, runner.server, crowd, patience, context)
    accepting = asyncio.create_task(door.accept())
    try:
        yield int(listener.getsockname()[1])
    finally:
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        listener.close()
        await door.close()
        await runner.cleanup()


async def _listening(host: str, port: int) -> socket.socket:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    listener.setblocking(False)
    return listener


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

"""A command in a container over a websocket: exactly its argv, no shell, no stdin, no tty.

Comes after `wire.py`, before `client.py`. The official client's stream keeps only one of our headers and raises on some
exit codes, so the protocol is spoken here: channel 1 is stdout, 2 is stderr, 3 ends with a Status object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

import aiohttp

from activities.kubernetes.answers import JSON, Asked, decoded, error_of_status
from activities.kubernetes.wire import Request, Wire
from byteport.errors import PermanentError, Unavailable
from byteport.kubernetes.port import ExecResult

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
ANY_ANSWER = {"Accept": "*/*"}
"""Handed on to a kubelet that takes websockets itself. It names no type that it answers a command with, and refuses
(406) whoever asks for one."""
STDOUT, STDERR, OUTCOME = 1, 2, 3
STREAM_LIMIT = 64 << 10
LARGEST_MESSAGE = 1 << 20


class Command(NamedTuple):
    """What is run, and where."""

    path: str
    container: str
    argv: tuple[str, ...]
    headers: Mapping[str, str]
    """What the API server's audit log keeps of it."""


async def execute(wire: Wire, command: Command, asked: Asked, *, seconds: float) -> ExecResult:
    """Run the command and return when it has ended. Raises `UnknownOutcome` when that was not heard within `seconds`."""
    words = (("command", word) for word in command.argv)
    query = [("container", command.container), ("stdout", "true"), ("stderr", "true"), *words]
    request = Request("GET", command.path, tuple(query))
    try:
        async with (
            asyncio.timeout(seconds),
            wire.for_streams.ws_connect(
                wire.url(request),
                protocols=PROTOCOLS,
                headers=await wire.headers({**ANY_ANSWER, **command.headers}),
                max_msg_size=LARGEST_MESSAGE,
                autoping=True,
                **wire.connection(),
            ) as socket,
        ):
            return await _heard(socket, asked)
    except aiohttp.WSServerHandshakeError as error:
        raise _handshake(asked, error.status) from None
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise Unavailable(f"{asked.what}: no connection ({type(error).__name__})") from None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise asked.lost(f"no exit code ({type(error).__name__})") from None


async def _heard(socket: aiohttp.ClientWebSocketResponse, asked: Asked) -> ExecResult:
    output = {STDOUT: bytearray(), STDERR: bytearray(), OUTCOME: bytearray()}
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        stream = output.get(message.data[0])
        if stream is not None:
            stream += message.data[1 : 1 + STREAM_LIMIT - len(stream)]
    if not output[OUTCOME]:
        raise asked.lost("the stream ended without an exit code")
    return ExecResult(
        stdout=output[STDOUT].decode(errors="replace"),
        stderr=output[STDERR].decode(errors="replace"),
        exit_code=_exit_code(bytes(output[OUTCOME]), asked),
    )


def _exit_code(outcome: bytes, asked: Asked) -> int:
    try:
        status: JSON = decoded(outcome)
    except ValueError:
        raise asked.lost("the stream ended with no outcome that could be read") from None
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "ExitCode" and str(cause.get("message", "")).isdecimal():
            return int(cause["message"])
    raise PermanentError(f"{asked.what}: the node did not run the command")


def _handshake(asked: Asked, status: int) -> Exception:
    """Refused before anything was run; the server's words are not given to us."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(f"{asked.what}: the API server answered {status}")
    return error_of_status(asked, status, {})

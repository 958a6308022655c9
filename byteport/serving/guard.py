"""What holds for every answer, and for every request before anybody looks into it.

The outermost layer of each face: headers that each answer carries, a limit on how long a receiver may take over one piece of
it, and the end of a connection whose body nobody read. A mistake of ours becomes a problem document here, and its
traceback a line of the log.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from byteport.serving.limits import ServingLimits
from byteport.serving.problems import MEDIA_TYPE, Code, Problem

log = logging.getLogger(__name__)

DISCARDED_BYTES = 1 << 20
DISCARD_SECONDS = 2.0
"""How much of a body that nobody reads is taken off the wire, so that its sender hears why it was refused."""

HEADERS = (
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""Of each answer that does not say the same header itself, as a face with pages does."""
REQUEST_ID = b"x-request-id"
_ID = "byteport.request"
_REFUSED = "byteport.refused"


class Counts(Protocol):
    """Where a face counts what was answered."""

    def answered(self, method: str, status: int, code: str | None) -> None:
        """A request, and the code by which it was refused."""


class Guard:
    """Wraps the application; one for all requests."""

    def __init__(self, app: ASGIApp, limits: ServingLimits, counts: Counts) -> None:
        self._app = app
        self._limits = limits
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = _Exchange(scope, receive, send, self._limits.answer_seconds)
        try:
            if _header_bytes(scope) > self._limits.header_bytes:  # one that came in one piece
                await exchange.refuse(Problem(Code.HEADERS_TOO_LARGE, "send a header of moderate size"))
                return
            if exchange.ambiguous:
                says = "send Content-Length or Transfer-Encoding, not both"
                await exchange.refuse(Problem(Code.MALFORMED_REQUEST, says))
                return
            await self._app(scope, exchange.receive, exchange.send)
        except _TooSlowReader:
            log.info("answer_abandoned: request %s was not read in time", exchange.id)
            raise ConnectionAbortedError("the answer was not read in time") from None
        except Exception as error:
            log.error("internal: request %s", exchange.id, exc_info=error)
            if not exchange.started:
                await exchange.refuse(mistake(scope))
            elif not exchange.finished:
                raise ConnectionAbortedError("the answer cannot be finished") from None
        finally:
            if exchange.status is not None:
                self._counts.answered(scope["method"], exchange.status, scope.get(_REFUSED))


def refused(scope: Scope, problem: Problem) -> None:
    """Have the request counted as one that was refused so."""
    scope[_REFUSED] = problem.code.word


def mistake(scope: Scope) -> Problem:
    """What a mistake of ours is told as: its traceback is in the log, under the request's id."""
    return Problem(Code.INTERNAL, f"tell its operator this request's id: {scope.get(_ID, 'unknown')}")


class _TooSlowReader(Exception):
    """The other side has not taken a piece of the answer in time."""


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, answer_seconds: float) -> None:
        self.id = scope[_ID] = secrets.token_hex(8)
        self.started = self.finished = False
        self.status: int | None = None
        self._scope = scope
        self._receive = receive
        self._send = send
        self._answer_seconds = answer_seconds
        self._unread = _has_body(scope)
        names = {name for name, _ in scope["headers"]}
        self.ambiguous = {b"content-length", b"transfer-encoding"} <= names
        """Two words on where the body ends: another program on the way may have believed the other one."""

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._unread = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            said = list(message.get("headers", []))
            own = {name.lower() for name, _ in said}
            headers = [*said, *(one for one in HEADERS if one[0] not in own), (REQUEST_ID, self.id.encode())]
            await self._discard()
            if self._unread or self.ambiguous:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        try:
            async with asyncio.timeout(self._answer_seconds):
                await self._send(message)
        except TimeoutError:
            raise _TooSlowReader from None
        self.finished = message["type"] == "http.response.body" and not message.get("more_body", False)

    async def refuse(self, problem: Problem) -> None:
        refused(self._scope, problem)
        body = json.dumps(problem.document()).encode()
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": problem.code.status.value, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    async def _discard(self) -> None:
        """Read what is left of the body, if it is little and comes soon."""
        left = DISCARDED_BYTES
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                while self._unread and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            return


def _header_bytes(scope: Scope) -> int:
    fields = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return fields + len(scope.get("raw_path", b"")) + len(scope.get("query_string", b""))


def _has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"

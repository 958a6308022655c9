"""One request to the API server, with a deadline, and whether it was sent when something went wrong.

Comes after `credentials.py` and `answers.py`, before `client.py`. Two hazards are handled here and nowhere else:

- aiohttp sends a DELETE again by itself when the connection was lost, since HTTP calls it idempotent. The second one's
  409 or 404 would then be told of a delete that was our own. Writes therefore go through a session that never sends
  twice and never over a connection that may already be closed.
- Whether a call that failed may have taken effect depends on whether its headers had left. A trace of the request
  tells; before that it is `Unavailable`, after it `UnknownOutcome` for a write.
"""

from __future__ import annotations

import asyncio
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from activities.kubernetes.answers import Asked, error_of
from activities.kubernetes.credentials import Credentials
from byteport.errors import PermanentError, TooLarge, Unavailable

LARGEST_ANSWER = 64 << 20
TLS_BUFFER = 1 << 16
"""Of each connection, in bytes, as long as it is open. asyncio takes four times as much: of hundreds of watches that is
more than all else the process holds. It has no public name for it; a test holds it."""
SSLProtocol.max_size = TLS_BUFFER
JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Request:
    """One HTTP request; `query` may hold a key several times."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    largest: int = LARGEST_ANSWER
    """Of the answer, in bytes."""


class Answer:
    """Status, headers and, below 400 too, the bytes of the body."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Wire:
    """Connections to one API server with one credential."""

    def __init__(self, credentials: Credentials, user_agent: str, act_as: str = "", of_pod: str = "") -> None:
        self.credentials = credentials
        self._impersonated = _impersonated(act_as, of_pod)
        self._user_agent = user_agent
        self._root = URL(credentials.server)
        self._reads = _session(aiohttp.TCPConnector(ssl=credentials.tls, limit=32))
        self._watches = _session(aiohttp.TCPConnector(ssl=credentials.tls, limit=0))
        """Each holds a connection for minutes: among the others they would leave none for a read."""
        self._writes = _session(aiohttp.TCPConnector(ssl=credentials.tls, force_close=True))
        self._writes._retry_connection = False  # noqa: SLF001  aiohttp has no public name for it; a test holds it

    async def close(self) -> None:
        for session in (self._reads, self._watches, self._writes):
            await session.close()

    async def call(self, request: Request, asked: Asked, seconds: float) -> Answer:
        """The answer, below 400. Raises the error that it stands for, or that its absence does."""
        answer = await self.ask(request, asked, seconds)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise error_of(asked, answer.status, answer.headers, answer.body)
        return answer

    async def ask(self, request: Request, asked: Asked, seconds: float) -> Answer:
        """The answer, whatever its status."""
        ends = asyncio.get_running_loop().time() + seconds
        async with self.open(request, asked, seconds) as response, asyncio.timeout_at(ends):
            return Answer(response.status, response.headers, await _bounded(response, asked, request.largest))

    @asynccontextmanager
    async def open(self, request: Request, asked: Asked, seconds: float) -> AsyncIterator[aiohttp.ClientResponse]:
        """The response with its headers, which come within `seconds`; the body is unread."""
        sent = SimpleNamespace(headers=False)
        try:
            async with await self._begin(request, asked, seconds, sent) as response:
                yield response
        except aiohttp.ClientSSLError as error:
            raise Unavailable(f"{asked.what}: no TLS with {self._root.authority} ({type(error).__name__})") from None
        except (aiohttp.ClientError, OSError) as error:
            why = (
                "no answer in time" if isinstance(error, TimeoutError) else f"connection lost ({type(error).__name__})"
            )
            if sent.headers:
                raise asked.lost(why) from None
            raise Unavailable(f"{asked.what}: {self._root.authority} cannot be reached ({why})") from None

    async def _begin(
        self, request: Request, asked: Asked, seconds: float, sent: SimpleNamespace
    ) -> aiohttp.ClientResponse:
        body = None if request.body is None else encoded(request.body)
        typed = {} if body is None else {"Content-Type": request.content_type}
        async with asyncio.timeout(seconds):
            headers = await self.headers({**typed, **request.headers})
            response = await self._session_for(request, asked).request(
                request.method,
                self.url(request),
                data=body,
                headers=headers,
                allow_redirects=False,
                trace_request_ctx=sent,
                **self.connection(),
            )
        if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
            response.close()
            raise PermanentError(f"{asked.what}: the API server sends us elsewhere")
        return response

    def _session_for(self, request: Request, asked: Asked) -> aiohttp.ClientSession:
        if asked.mutates:
            return self._writes
        return self._watches if ("watch", "true") in request.query else self._reads

    def url(self, request: Request) -> URL:
        base = self._root.path.rstrip("/")
        return self._root.with_path(base + request.path, encoded=True).with_query(list(request.query))

    async def headers(self, others: Mapping[str, str]) -> dict[str, str]:
        authorization = await self.credentials.authorization()
        return {
            "Accept": JSON_TYPE,
            "User-Agent": self._user_agent,
            **({"Authorization": authorization} if authorization else {}),
            **self._impersonated,
            **others,
        }

    def connection(self) -> dict[str, Any]:
        """How a session reaches this server."""
        return {"proxy": self.credentials.proxy, "server_hostname": self.credentials.server_name}

    @property
    def for_streams(self) -> aiohttp.ClientSession:
        """The session for websockets."""
        return self._writes


def _impersonated(act_as: str, of_pod: str) -> dict[str, str]:
    """As whom, and as if with a token that is bound to a pod of that name."""
    user = {"Impersonate-User": act_as} if act_as else {}
    return user | ({"Impersonate-Extra-authentication.kubernetes.io%2Fpod-name": of_pod} if of_pod else {})


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_note_sent)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        read_bufsize=1 << 18,
    )


async def _note_sent(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    if isinstance(context.trace_request_ctx, SimpleNamespace):
        context.trace_request_ctx.headers = True


async def _bounded(response: aiohttp.ClientResponse, asked: Asked, largest: int) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > largest:
            raise TooLarge(f"{asked.what}: the answer is larger than {largest >> 20} MiB")
        parts.append(part)
    return b"".join(parts)


_AS_GO = (
    (b"&", b"\\u0026"),
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)


def encoded(body: Any) -> bytes:
    """`body` as JSON in the very form in which the API server writes it.

    A JSON Patch `test` there compares the bytes of a string, not its value: `&&` in a container's command is kept as
    `\\u0026\\u0026` and would never equal itself. These characters occur inside strings only, so they can be replaced.
    """
    data = msgspec.json.encode(body)
    for plain, escaped in _AS_GO:
        data = data.replace(plain, escaped)
    return data

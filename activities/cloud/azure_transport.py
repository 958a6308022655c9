"""Azure's own clients, sent through the one HTTP client that everything leaves by.

So that what holds for receivers holds here: verified TLS, no address inside, no redirect, no proxy of the environment, answers
that end at a limit. Importing this costs Azure's core library; so `azure.py` and its neighbours do it when something is first
asked. Before it comes `activities/export/guarded.py`; after it `azure_identity.py`, `azure.py` and `azure_logs.py`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, MutableMapping
from typing import Any
from urllib.parse import urlencode

from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.core.utils import case_insensitive_dict
from yarl import URL

from activities.export.answers import Answer, Asked
from activities.export.guarded import GuardedClient
from activities.export.requests import Redirects, Request
from byteport.errors import BytePortError

SECONDS = 25.0
LARGEST_ANSWER = 16 << 20

Meaning = Callable[[Answer], BytePortError | None]
"""What an answer stands for that is no success; None where Azure's client is to read it."""


class GuardedTransport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """One service. `meaning` raises in place of Azure's own errors, whose messages hold what the service said."""

    def __init__(self, client: GuardedClient, asked: Asked, meaning: Meaning, heard: Callable[[Answer], None]) -> None:
        """`heard` is given every answer, for its clock."""
        self._client = client
        self._asked = asked
        self._meaning = meaning
        self._heard = heard

    async def send(self, request: HttpRequest, **_: Any) -> AsyncHttpResponse:
        content = request.content
        body = urlencode(content) if isinstance(content, dict) else content or ""
        sent = Request(
            request.method,
            URL(request.url, encoded=True),
            body=body if isinstance(body, bytes) else str(body).encode("utf-8"),
            secrets={name: value for name, value in request.headers.items() if name.lower() != "content-length"},
            seconds=SECONDS,
            largest_answer=LARGEST_ANSWER,
            redirects=Redirects.REFUSED,
        )
        answer = await self._client.ask(sent, self._asked)
        self._heard(answer)
        error = None if answer.taken else self._meaning(answer)
        if error is not None:
            raise error
        return ReadResponse(request, answer)

    async def open(self) -> None:
        """Connections are opened by the first request."""

    async def close(self) -> None:
        await self._client.close()

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class ReadResponse(AsyncHttpResponse):
    """An answer that has been read to its end, in the form that Azure's clients take."""

    def __init__(self, request: HttpRequest, answer: Answer) -> None:
        self._request = request
        self._answer = answer
        self._headers: MutableMapping[str, str] = case_insensitive_dict(dict(answer.headers))

    @property
    def request(self) -> HttpRequest:
        return self._request

    @property
    def status_code(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> MutableMapping[str, str]:
        return self._headers

    @property
    def reason(self) -> str:
        return ""

    @property
    def content_type(self) -> str | None:
        return self._answer.headers.get("content-type")

    @property
    def is_closed(self) -> bool:
        return True

    @property
    def is_stream_consumed(self) -> bool:
        return True

    @property
    def encoding(self) -> str | None:
        return "utf-8"

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        """It is JSON, which is UTF-8 whatever is said of it."""

    @property
    def url(self) -> str:
        return str(self._request.url)

    @property
    def content(self) -> bytes:
        return self._answer.body

    def text(self, encoding: str | None = None) -> str:  # noqa: ARG002  Azure's
        return self._answer.body.decode("utf-8-sig", "replace")

    def json(self) -> Any:
        return json.loads(self.text())

    def raise_for_status(self) -> None:
        """What is no success was raised as our own error, or is read by Azure's client."""

    async def read(self) -> bytes:
        return self._answer.body

    async def iter_raw(self, **_: Any) -> AsyncIterator[bytes]:
        yield self._answer.body

    async def iter_bytes(self, **_: Any) -> AsyncIterator[bytes]:
        yield self._answer.body

    async def close(self) -> None:
        """It is."""

    async def __aexit__(self, *_: object) -> None:
        """It is closed."""

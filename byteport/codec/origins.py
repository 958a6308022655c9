"""Which page may read the answers: Temporal UI of the settings, and a program that is no browser's page.

A browser names the page's origin with each such request and asks beforehand whether it may send a token. Stands inside of
`byteport/serving/guard` and around the application, so that refusals too can be read by the page that may read.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from byteport.codec.refusals import Refused, refusal
from byteport.serving.guard import refused
from byteport.serving.problems import Problem

SENT = "authorization, authorization-extras, content-type, x-namespace"
"""What Temporal UI sends beside what every page may. The extras are the ID token: a browser refuses the whole request without leave for
it, and nothing here reads it."""
KEPT_SECONDS = 600
"""How long a browser may go without asking again."""


class OnlyOurPage:
    """Answers requests of one origin, and those without any."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if not origins:
            await self._app(scope, receive, send)
        elif origins != [self._origin.encode()]:
            problem = Problem(Refused.ORIGIN_REFUSED, "pages of another origin than codec.ui_origin are not answered")
            refused(scope, problem)
            await refusal(problem)(scope, receive, send)
        elif scope["method"] == "OPTIONS":  # of any path, so that the page may read why it is refused there
            await self._asked_beforehand()(scope, receive, send)
        else:
            await self._app(scope, receive, self._marked(send))

    def _asked_beforehand(self) -> Response:
        headers = {
            **self._readable(),
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": SENT,
            "Access-Control-Max-Age": str(KEPT_SECONDS),
        }
        return PlainTextResponse("", HTTPStatus.OK, headers)

    def _marked(self, send: Send) -> Send:
        marks = [(name.lower().encode(), value.encode()) for name, value in self._readable().items()]

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *marks]}
            await send(message)

        return marked

    def _readable(self) -> dict[str, str]:
        """For this page alone, and without whatever a browser would send by itself: cookies open nothing here."""
        return {"Access-Control-Allow-Origin": self._origin, "Vary": "Origin"}

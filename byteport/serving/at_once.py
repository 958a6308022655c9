"""So many requests at once and no more, probes beside them, and a line of the log for each refusal: of faces that serve people.

Comes after `guard`, inside of which it stands; each such face puts its application into it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from byteport.serving.guard import refused
from byteport.serving.problems import Code, Problem

log = logging.getLogger(__name__)

Ready = Callable[[], Awaitable[list[str]]]
"""What is missing to answer, by name."""
PROBES = frozenset({"/healthz", "/readyz"})


class Lines:
    """A line of the log for each refusal; of what is looked at none is kept."""

    def answered(self, method: str, status: int, code: str | None) -> None:
        if status >= HTTPStatus.BAD_REQUEST:
            log.info("refused: %s %d %s", method, status, code or "")


class AtOnce:
    """So many requests are answered at once; one more is told to come again. Probes are not counted: a busy face is no dead
    one, and would forget whatever it has in memory by being started again.

    One counts until its answer begins: a stranger who was refused, and neither sends the rest of a body nor takes the answer,
    would else have a place for as long as `guard` waits for that, and a few dozen of them all there are."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") in PROBES:
            await self._app(scope, receive, send)
            return
        if self.running >= self._most:
            refused(scope, Problem(Code.BUSY, "come again in a second"))
            busy = Response("Busy; come again in a second.", 503, headers={"retry-after": "1"}, media_type="text/plain")
            await busy(scope, receive, send)
            return
        place = _Place(self)
        try:
            await self._app(scope, receive, place.giving_back(send))
        finally:
            place.give_back()


class _Place:
    """Of one request."""

    def __init__(self, of: AtOnce) -> None:
        self._of: AtOnce | None = of
        of.running += 1

    def give_back(self) -> None:
        """Once, however often it is asked."""
        of, self._of = self._of, None
        if of is not None:
            of.running -= 1

    def giving_back(self, send: Send) -> Send:
        """`send`, by which the place is given back when the answer begins."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.give_back()
            await send(message)

        return sent


def probes(ready: Ready) -> list[Route]:
    """Whether the process lives, and whether it can answer; with nothing of anybody in it."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        missing = await ready()
        return JSONResponse({"status": "not_ready" if missing else "ok", "missing": missing}, 503 if missing else 200)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]

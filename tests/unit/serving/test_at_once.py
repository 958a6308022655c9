"""So many requests at once: whom a request keeps from being answered, and for how long."""

from __future__ import annotations

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from byteport.contracts.codec_face import CodecLimits
from byteport.serving.at_once import AtOnce, Lines, probes
from byteport.serving.guard import Guard

MOST = 4


class Sender:
    """One request with a body, which comes when `sends` is set."""

    def __init__(self) -> None:
        self.sends = asyncio.Event()
        self.waited_for = asyncio.Event()
        self.statuses: list[int] = []

    async def receive(self) -> Message:
        self.waited_for.set()
        await self.sends.wait()
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])


class Face:
    """Refuses at `/refused` before it looks at a body, answers at `/` when it may, and fails at `/failed`."""

    def __init__(self) -> None:
        self.may = asyncio.Event()

        async def missing() -> list[str]:
            return []

        routes = [*probes(missing), Route("/", self._answered, methods=["POST"])]
        routes += [Route("/refused", self._refused, methods=["POST"]), Route("/failed", self._failed, methods=["POST"])]
        self._app = Guard(AtOnce(Starlette(routes=routes), MOST), CodecLimits(), Lines())

    def ask(self, sender: Sender, path: str) -> asyncio.Future[None]:
        headers = [(b"content-length", b"1")]
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
        return asyncio.ensure_future(self._app(scope, sender.receive, sender.send))

    async def answer(self, path: str) -> list[int]:
        """The status that is told to somebody who sends the whole body."""
        sender = Sender()
        sender.sends.set()
        await self.ask(sender, path)
        return sender.statuses

    async def _answered(self, request: Request) -> Response:
        await self.may.wait()
        return Response(await request.body())

    async def _refused(self, _: Request) -> Response:
        return Response("no", 401)

    async def _failed(self, _: Request) -> Response:
        raise ValueError


async def test_strangers_who_are_refused_and_do_not_send_the_rest_keep_nobody_from_being_answered() -> None:
    face, strangers = Face(), [Sender() for _ in range(3 * MOST)]
    asking = []
    for stranger in strangers:
        asking.append(face.ask(stranger, "/refused"))
        await stranger.waited_for.wait()
    face.may.set()
    assert await face.answer("/") == [200]
    for stranger in strangers:
        stranger.sends.set()
    await asyncio.gather(*asking)
    assert [stranger.statuses for stranger in strangers] == [[401]] * len(strangers)


@pytest.mark.parametrize("path", ["/", "/refused", "/failed"])
async def test_one_more_than_may_be_is_told_to_come_again_and_a_place_is_free_when_one_was_answered(path: str) -> None:
    face, busy = Face(), [Sender() for _ in range(MOST)]
    asking = [face.ask(sender, "/") for sender in busy]
    await asyncio.sleep(0)
    assert await face.answer(path) == [503]
    face.may.set()
    for sender in busy:
        sender.sends.set()
    await asyncio.gather(*asking)
    for _ in range(2 * MOST):
        assert await face.answer(path) == {"/": [200], "/refused": [401], "/failed": [500]}[path]

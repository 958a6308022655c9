"""The codec server's application by itself: what it holds, and for how long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest
from starlette.types import Message

from byteport.codec.app import Face, application
from byteport.codec.room import BODIES, Room
from byteport.contracts.codec_face import CodecLimits
from byteport.serving.problems import Problem
from byteport.temporal.codec import EncryptingCodec
from byteport.temporal.keys import KeyRing, PayloadKey

if TYPE_CHECKING:
    from byteport.codec.readers import Readers

BODY = b'{"payloads": []}'
READER = EncryptingCodec(KeyRing((PayloadKey(b"k" * 32),))).for_readers()


class Anybody:
    async def must_be_one(self, _: list[bytes]) -> None:
        return


class Receiver:
    """Sends one body without saying how long it is, and takes the answer when it likes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.takes = asyncio.Event()
        self.begun = asyncio.Event()
        self.status = 0

    async def receive(self) -> Message:
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.begun.set()
        await self.takes.wait()


@pytest.mark.parametrize(("body", "status"), [(BODY, 200), (b"canary", 400)])
async def test_room_is_held_until_an_answer_is_taken_and_given_back_whatever_it_was(body: bytes, status: int) -> None:
    limits, room = CodecLimits(), Room(10, 0.01)
    face = Face(cast("Readers", Anybody()), READER, "default", "https://ui.example", limits, room)

    async def ready() -> list[str]:
        return []

    app = application(face, ready)
    headers = [(b"x-namespace", b"default"), (b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "method": "POST", "path": "/decode", "headers": headers, "query_string": b""}
    for _ in range(BODIES + 1):
        receivers = [Receiver(body) for _ in range(BODIES)]
        asking = [asyncio.ensure_future(app(dict(scope), one.receive, one.send)) for one in receivers]
        await asyncio.gather(*(one.begun.wait() for one in receivers))
        if status == 200:
            with pytest.raises(Problem):
                async with room.holding(None):
                    pass
        for one in receivers:
            one.takes.set()
        await asyncio.gather(*asking)
        assert [one.status for one in receivers] == [status] * BODIES
    async with room.holding(None), room.holding(None):
        pass

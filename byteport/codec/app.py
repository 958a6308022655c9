"""The application: one path that decrypts, beside the probes. Nothing of a payload is kept, counted or logged.

Nothing encrypts: a message that somebody types into Temporal UI is bound to no workflow, and no worker needs it encrypted.
Comes after `readers`, `origins` and `room`; `assembly` puts it together.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from byteport.codec.origins import OnlyOurPage
from byteport.codec.readers import Readers
from byteport.codec.refusals import Refused, refusal
from byteport.codec.room import Room
from byteport.contracts.codec_face import CodecLimits
from byteport.errors import MalformedInput
from byteport.serving.at_once import AtOnce, Lines, Ready, probes
from byteport.serving.body import JSON, kind_of, read_body
from byteport.serving.guard import Guard, mistake, refused
from byteport.serving.metered import Metered, Told, nobody
from byteport.serving.problems import Code, Problem
from byteport.temporal.codec import EncryptingCodec, KeyMissing, Undecodable
from byteport.temporal.payloads_json import opened

DECODE = "/decode"
ENCODE = "/encode"
"""What Temporal UI asks for before it sends what somebody typed."""
NAMESPACE = "x-namespace"


@dataclass(frozen=True)
class Face:
    """What is needed to answer."""

    readers: Readers
    codec: EncryptingCodec
    """One for readers: it encrypts nothing."""
    namespace: str
    """Temporal's, whose payloads are decrypted here."""
    origin: str
    limits: CodecLimits
    room: Room
    """For bodies that are being opened."""


def application(face: Face, ready: Ready, told: Told = nobody) -> ASGIApp:
    """Everything, for TLS; `told` hears of each answer."""
    app = Starlette(
        routes=[
            *probes(ready),
            Route(DECODE, _Decode(face), methods=["POST"]),
            Route(ENCODE, _never, methods=["POST"]),
        ],
        exception_handlers={Problem: _on_problem, HTTPException: _on_http, Exception: _on_mistake},
    )
    app.router.redirect_slashes = False
    ours = OnlyOurPage(AtOnce(app, face.limits.concurrent), face.origin)
    return Guard(ours, face.limits, Metered(Lines(), told))


def health_application(ready: Ready, limits: CodecLimits) -> ASGIApp:
    """Probes alone, for the port in clear."""
    return Guard(Starlette(routes=probes(ready)), limits, Lines())


class _Decode:
    """Answers `POST /decode`. Not a function, since its answer is sent before the room that it takes is given back."""

    def __init__(self, face: Face) -> None:
        self._face = face

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        face, request = self._face, Request(scope, receive)
        headers = request.headers
        await face.readers.must_be_one([value.encode("latin-1") for value in headers.getlist("authorization")])
        if headers.getlist(NAMESPACE) != [face.namespace]:
            says = f"send `X-Namespace: {face.namespace}`; of others nothing is decrypted"
            raise Problem(Refused.OTHER_NAMESPACE, says)
        if kind_of(request) != JSON:
            raise Problem(Code.MEDIA_TYPE_REFUSED, "send payloads as application/json")
        async with face.room.holding(headers.get("content-length")):
            plain = await _plain(await read_body(request, face.limits, gzip=False), face.codec)
            await Response(plain, media_type=JSON)(scope, receive, send)


async def _never(_: Request) -> Response:
    """The same to everybody. No 5xx, which Temporal UI would ask again for."""
    raise Problem(
        Refused.NEVER_ENCRYPTS,
        "what is typed into Temporal UI cannot be bound to its workflow here; answer plans on the approvals page or by `byteport approve`",
    )


async def _plain(body: bytes, codec: EncryptingCodec) -> bytes:
    try:
        plain, _ = await opened(body, codec)
    except MalformedInput as error:
        raise Problem(Refused.NOT_PAYLOADS, error.message) from None
    except KeyMissing as error:
        raise Problem(Refused.KEY_MISSING, error.message) from None
    except Undecodable as error:
        raise Problem(Refused.UNDECODABLE, error.message) from None
    return plain


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    refused(request.scope, error)
    return refusal(error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = Code.METHOD_NOT_ALLOWED if error.status_code == 405 else Code.NOT_FOUND
    problem = Problem(code, f"there is POST {DECODE}, and nothing that encrypts")
    answered = await _on_problem(request, problem)
    if code is Code.METHOD_NOT_ALLOWED:
        answered.headers["Allow"] = "POST"
    return answered


async def _on_mistake(request: Request, _: Exception) -> Response:
    return await _on_problem(request, mistake(request.scope))

"""A codec server: Temporal UI and Temporal's CLI show payloads through it to the people who may read them.

Temporal's own protocol: POST `/decode` with payloads as JSON. This is the sandbox's, on loopback for its own UI, and to
no page of any other origin; an installation runs `byteport codec` (`byteport/codec`), where people show who they are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from aiohttp import web

from byteport.errors import MalformedInput, PermanentError
from byteport.temporal.codec import EncryptingCodec
from byteport.temporal.keys import Ring
from byteport.temporal.payloads_json import opened

LARGEST = 4 << 20

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def codec_app(ring: Ring, allowed_origin: str) -> web.Application:
    """The server's application; only pages of `allowed_origin` (such as `http://127.0.0.1:8233`) are answered."""
    codec = EncryptingCodec(ring).for_readers()

    async def decode(request: web.Request) -> web.Response:
        try:
            plain, _ = await opened(await request.read(), codec)
        except MalformedInput as error:
            return web.Response(status=400, text=error.message)
        except PermanentError as error:
            return web.Response(status=422, text=error.message)
        return web.Response(body=plain, content_type="application/json")

    async def encode(request: web.Request) -> web.Response:
        """A message typed into the UI cannot be bound to its workflow here; it goes as it is, and is taken as such."""
        return web.Response(body=await request.read(), content_type="application/json")

    async def preflight(_: web.Request) -> web.Response:
        return web.Response()

    @web.middleware
    async def only_our_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if not _is_loopback(request.host) or origin not in (None, allowed_origin):
            return web.Response(status=403, text="not for this page")
        response = await handler(request)
        response.headers["Access-Control-Allow-Origin"] = allowed_origin
        response.headers["Access-Control-Allow-Headers"] = "content-type, x-namespace, authorization"
        response.headers["Access-Control-Allow-Methods"] = "POST"
        return response

    app = web.Application(middlewares=[only_our_pages], client_max_size=LARGEST)
    for path, handler in (("/decode", decode), ("/encode", encode)):
        app.router.add_post(path, handler)
        app.router.add_options(path, preflight)
    return app


def _is_loopback(host: str) -> bool:
    """Whether the page asked for this machine by an address: a name may have been made to point here."""
    name = host.rsplit(":", 1)[0].strip("[]")
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"

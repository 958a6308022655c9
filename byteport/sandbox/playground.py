"""Something to break in a sandbox that is up: one healthy application, and a person's way to hurt it.

`daemon.py` serves it on loopback to whoever can read the sandbox's state file; `byteport sandbox break` asks.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from aiohttp import web

from byteport.domain.ceilings import ALL, Ceiling
from byteport.domain.policy import Mode
from byteport.errors import BytePortError, MalformedInput, Unavailable
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.demo.hands import Hands
from byteport.sandbox.strains import Strain, Strainer, strain

NAMESPACE = "playground"
APP = "web"
CEILING = Ceiling(mode=Mode.AUTO, rollback=(APP,), hpa=(ALL,))
"""What the administrator gives; how far the agent goes is in the sandbox's policy."""
READY_SECONDS = 60.0
ASK_SECONDS = 90.0
TOKEN = "X-Sandbox-Token"  # noqa: S105  the header's name
RELEASES = frozenset({Fault.IMAGE, Fault.CONFIG, Fault.CRASH})
"""Faults that come with a release; the others befall one live pod."""


class Playground:
    """One namespace that the agent may look at, with a Deployment of two replicas."""

    def __init__(self, hands: Hands, strainer: Strainer) -> None:
        self._hands = hands
        self._strainer = strainer
        self._version = 0
        self._given = False
        self._turn = asyncio.Lock()

    async def hurt(self, fault: Fault | Strain) -> str:
        """Make sure that there is something healthy, then break it; returns what was done, for a person."""
        async with self._turn:
            if not self._given:
                await self._hands.make_namespace(NAMESPACE)
                await self._release(None)
                await self._hands.enable(NAMESPACE, CEILING)
                self._given = True
            if isinstance(fault, Strain):
                return await strain(self._strainer, NAMESPACE, fault)
            await self._available()
            if fault in RELEASES:
                await self._release(fault)
                return f"released version {self._version} of {NAMESPACE}/deployment/{APP} with fault {fault.value}"
            pods = await self._hands.pods(NAMESPACE, APP)
            pod: str = min(pod["metadata"]["name"] for pod in pods)
            await self._hands.sicken(NAMESPACE, pod, fault)
            return f"pod {NAMESPACE}/{pod} of {NAMESPACE}/deployment/{APP} has fault {fault.value}"

    async def _release(self, fault: Fault | None) -> None:
        self._version += 1
        await self._hands.deploy(NAMESPACE, APP, version=self._version, fault=fault)

    async def _available(self) -> None:
        """Something must serve; what was broken before may still be."""
        loop = asyncio.get_running_loop()
        end = loop.time() + READY_SECONDS
        while loop.time() < end:
            status = (await self._hands.deployment(NAMESPACE, APP)).get("status", {})
            if status.get("availableReplicas", 0) >= 1:
                return
            await asyncio.sleep(0.2)
        raise Unavailable(f"{NAMESPACE}/{APP} is not available after {READY_SECONDS:.0f} s")


def playground_app(playground: Playground, token: str) -> web.Application:
    """POST /break with `{"fault": …}` and the token of the state file."""

    async def hurt(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get(TOKEN, ""), token):
            return web.json_response({"error": "not allowed"}, status=403)
        try:
            fault = _named(json.loads(await request.read())["fault"])
            return web.json_response({"done": await playground.hurt(fault)})
        except (ValueError, KeyError, TypeError):
            return web.json_response({"error": "no such fault"}, status=400)
        except BytePortError as error:
            return web.json_response({"error": error.message}, status=503)

    app = web.Application()
    app.router.add_post("/break", hurt)
    return app


OFFERED = sorted([*(set(Fault) - {Fault.HELD}), *Strain])
"""A held pod is for tests, which then play its kubelet."""


def _named(word: str) -> Fault | Strain:
    """Raises `ValueError` for a word that is not offered."""
    if word not in OFFERED:
        raise ValueError(word)
    return Strain(word) if word in set(Strain) else Fault(word)


def ask(url: str, token: str, fault: str, progress: Callable[[str], None]) -> str:
    """Ask a running sandbox to break something. Raises `Unavailable` or `MalformedInput`."""
    try:
        _named(fault)
    except ValueError:
        raise MalformedInput("fault", f"must be one of {', '.join(OFFERED)}") from None
    progress(f"breaking: {fault}")
    request = urllib.request.Request(  # noqa: S310  the address is the sandbox's own, on loopback
        f"{url}/break", data=json.dumps({"fault": fault}).encode(), headers={TOKEN: token}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=ASK_SECONDS) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
            return str(answer["done"])
    except urllib.error.HTTPError as error:
        raise Unavailable(f"the sandbox answers {error.code}") from None
    except (OSError, ValueError) as error:
        raise Unavailable(f"the sandbox at {url} cannot be reached ({type(error).__name__})") from None

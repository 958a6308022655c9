"""Serves `health.py` over HTTP to whoever may reach the port: a kubelet's probes, and a person with curl.

`/livez` is answered by the very loop that does the work, so that no answer is an answer too. Nothing of a cluster, a run or
a setting is in what it says: names of our own parts, and error codes.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from byteport.errors import ConfigError
from workers.health import Health

SETTING = "telemetry.health_address"
LIVE, READY = "/livez", "/readyz"


@contextlib.asynccontextmanager
async def health_served(address: str | None, health: Health, say: Callable[[str], None]) -> AsyncIterator[None]:
    """Answer at `ip:port` while inside, and say where; with no address nothing is opened.

    Raises `ConfigError` when the port cannot be had.
    """
    try:
        if address is None:
            yield
            return
        runner = web.AppRunner(_app(health), access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await _listen(runner, address)
            host = address.rpartition(":")[0]
            say(f"health at http://{host}:{runner.addresses[0][1]}{LIVE} and {READY}")
            yield
        finally:
            await runner.cleanup()
    finally:
        await health.close()


async def _listen(runner: web.AppRunner, address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        await web.TCPSite(runner, host.strip("[]"), int(port)).start()
    except OSError as error:
        raise ConfigError(SETTING, f"{address} cannot be listened on: {error.strerror or 'no such address'}") from None


def _app(health: Health) -> web.Application:
    async def live(_: web.Request) -> web.Response:
        return _answer(health.deaths())

    async def ready(_: web.Request) -> web.Response:
        return _answer(await health.lacks())

    app = web.Application(client_max_size=0)
    app.router.add_get(LIVE, live)
    app.router.add_get(READY, ready)
    return app


def _answer(wrong: list[str]) -> web.Response:
    return web.Response(status=503 if wrong else 200, text="".join(f"{line}\n" for line in wrong or ["ok"]))

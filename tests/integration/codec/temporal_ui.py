"""The real Temporal UI with people's sign-in: its server, built once from its Go module, of the version that the locked dev server has.

The dev server's own UI signs nobody in. This one does, as in production: over TLS, by OpenID Connect, with the settings that
`docs/how-to/codec-server.md` names. About half a minute of one processor's time the first time; kept in the cache.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from byteport.errors import ConfigError, Unavailable
from byteport.sandbox.children import Child, free_port
from byteport.sandbox.controlplane.build import find_go
from tests.integration.codec.ui_provider import CLIENT, SECRET
from tests.integration.console.room import Certificates

VERSION = "v2.54.1"
MODULE = "github.com/temporalio/ui-server/v2"
HOST = "temporal.example.com"
READY_SECONDS = 60.0
ATTEMPTS = 3
"""A port that was free may be taken before the server binds it."""


@dataclass(frozen=True)
class TemporalUi:
    """One that serves on loopback; a browser that is told so finds it as `https://temporal.example.com`."""

    port: int
    log: Path


def program() -> Path:
    """The server, built now if need be. Skips where there is no Go, or no module proxy."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "byteport" / "temporal-ui" / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "server").exists():
            _build(folder)
    return folder / "server"


def _build(folder: Path) -> None:
    try:
        go = find_go()
    except ConfigError as error:
        pytest.skip(f"expected: no Temporal UI here, and no Go to build it ({error.message})")
    part = folder / "part"
    environment = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(part), "GOTOOLCHAIN": "local", "GOWORK": "off"}
    command = [str(go), "install", "-trimpath", "-ldflags", "-s -w", f"{MODULE}/cmd/server@{VERSION}"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"expected: Temporal UI cannot be built here: {done.stderr.strip()[-300:]}")
    (part / "server").replace(folder / "server")
    shutil.rmtree(part)


@asynccontextmanager
async def temporal_ui(
    folder: Path, tls: Certificates, temporal: str, issuer: str, codec: dict[str, Any]
) -> AsyncIterator[TemporalUi]:
    """Serve while inside; `temporal` is the frontend's address, `codec` what its settings say of the codec server."""
    for attempt in range(1, ATTEMPTS + 1):
        port = free_port()
        _configure(folder, port, tls, temporal, issuer, codec)
        argv = [str(program()), "--root", str(folder), "--config", "config", "--env", "production", "start"]
        child = await Child.start("Temporal UI", argv, log=folder / "ui.log", env={"SSL_CERT_FILE": str(tls.ca)})
        try:
            await _ready(child, port, tls)
            break
        except Unavailable:
            await child.stop()
            if attempt == ATTEMPTS:
                raise
    try:
        yield TemporalUi(port, child.log)
    finally:
        await child.stop()


def _configure(folder: Path, port: int, tls: Certificates, temporal: str, issuer: str, codec: dict[str, Any]) -> None:
    provider = {
        "label": "Identity provider",
        "type": "oidc",
        "providerUrl": issuer,
        "clientId": CLIENT,
        "clientSecret": SECRET,
        "scopes": ["openid", "profile", "groups", "codec"],
        "callbackUrl": f"https://{HOST}/auth/sso/callback",
    }
    settings = {
        "temporalGrpcAddress": temporal,
        "host": "127.0.0.1",
        "port": port,
        "enableUi": True,
        "disableNewsFetch": True,
        "defaultNamespace": "default",
        "cors": {"allowOrigins": [f"https://{HOST}"]},
        "uiServerTLS": {"certFile": str(tls.certificate), "keyFile": str(tls.key)},
        "auth": {"enabled": True, "providers": [provider]},
        "codec": codec,
    }
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "production.yaml").write_text(yaml.safe_dump(settings))


async def _ready(child: Child, port: int, tls: Certificates) -> None:
    end, context = time.monotonic() + READY_SECONDS, ssl.create_default_context(cafile=tls.ca)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
        while time.monotonic() < end:
            child.must_run()
            try:
                async with http.get(f"https://localhost:{port}/api/v1/settings") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    raise Unavailable(f"Temporal UI is not ready after {READY_SECONDS:.0f} s; its log is {child.log}")

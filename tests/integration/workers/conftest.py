"""A Temporal server, and the settings of an installation that uses it."""

import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from byteport.boundary.choices import Choices
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from byteport.sandbox.home import Home
from tests.integration.cli.conftest import PROGRAM, Said

UID = "00000000-0000-0000-0000-000000000001"


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    started = await DevServer.start(DevServerOptions(folder=tmp_path_factory.mktemp("temporal"), ui=False))
    yield started
    await started.stop()


class Installation:
    """A folder with keys, policy and settings, and the worker's process in it."""

    def __init__(self, folder: Path, address: str) -> None:
        self.home = Home(folder / ".byteport")
        self.home.make_keys()
        self.home.write_policy({"mode": "dry_run"}, overwrite=True)
        self.configure(temporal_address=address)

    def configure(
        self,
        *,
        temporal_address: str,
        kubeconfig: Path | None = None,
        uid: str = UID,
        boundary: Choices | None = None,
        health_address: str | None = None,
    ) -> None:
        extra: dict[str, Any] = {"telemetry": {"log_level": "warning", "health_address": health_address}}
        self.settings = self.home.write_config(
            cluster_name="test",
            cluster_uid=uid,
            temporal_address=temporal_address,
            kubeconfig=kubeconfig,
            boundary=boundary,
            extra=extra,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, "worker", *arguments],
            cwd=self.home.folder.parent,
            env={n: v for n, v in os.environ.items() if not n.startswith(("BYTEPORT_", "KUBE"))}
            | {"HOME": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def doctor(self) -> list[dict[str, str]]:
        """What `byteport doctor` finds, each with `name`, `outcome` and `finding`."""
        ended = subprocess.run(
            [PROGRAM, "doctor", "--json"],
            cwd=self.home.folder.parent,
            env={n: v for n, v in os.environ.items() if not n.startswith(("BYTEPORT_", "KUBE"))}
            | {"HOME": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        found: list[dict[str, str]] = json.loads(ended.stdout)
        return found

    def run(self, *arguments: str) -> Said:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return Said(process.returncode, out, err)


def until_serving(process: subprocess.Popen[str]) -> str:
    """The line by which a worker says that it serves. Fails with what it said instead."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("serving "):
            return line
    raise AssertionError("".join(said))


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> int:
    process.send_signal(number)
    process.communicate(timeout=30)
    return process.returncode


@pytest.fixture
def installed(server: DevServer, tmp_path: Path) -> Installation:
    return Installation(tmp_path, server.address)

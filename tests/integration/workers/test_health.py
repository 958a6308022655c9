"""A worker process as a kubelet asks it, while what it rests on comes and goes, and while it ends."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from byteport.cli.exits import Exit
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from tests.integration.workers.conftest import UID, Installation, end, until_serving

WITHIN_SECONDS = 20.0
OK = (200, "ok\n")


@pytest_asyncio.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[DevServer]:
    """One that the test may end."""
    started = await DevServer.start(DevServerOptions(folder=tmp_path / "temporal", ui=False))
    yield started
    await started.stop()


def asked(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(url: str, wanted: tuple[int, str]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while (found := asked(url)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def told_where(process: subprocess.Popen[str]) -> str:
    """The address that the worker prints before it serves."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("health at "):
            return line.removeprefix("health at ").partition("/livez")[0]
    raise AssertionError("it ended without saying where")


def play(installed: Installation, server_gone: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    process = installed.start("--process", "rest")
    try:
        where = told_where(process)
        until_serving(process)
        until(f"{where}/readyz", OK)
        assert asked(f"{where}/livez") == OK
        ledger = installed.settings.ledger.path
        assert ledger is not None
        ledger.rename(ledger.with_suffix(".away"))
        until(f"{where}/readyz", (503, "ledger: does not answer (unavailable)\n"))
        ledger.with_suffix(".away").rename(ledger)
        until(f"{where}/readyz", OK)
        loop.call_soon_threadsafe(server_gone.set)
        until(f"{where}/readyz", (503, "temporal: does not answer (unavailable)\n"))
        assert asked(f"{where}/livez") == OK
    finally:
        process.kill()
        process.communicate(timeout=30)


@pytest.mark.slow
async def test_it_is_ready_while_temporal_and_the_ledger_answer_and_lives_all_the_while(
    own_server: DevServer, tmp_path: Path
) -> None:
    installed = Installation(tmp_path, own_server.address)
    installed.configure(temporal_address=own_server.address, uid=UID, health_address="127.0.0.1:0")
    gone = asyncio.Event()
    playing = asyncio.create_task(asyncio.to_thread(play, installed, gone, asyncio.get_running_loop()))
    waiting = asyncio.create_task(gone.wait())
    await asyncio.wait({playing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    await own_server.kill()
    await playing


@pytest.mark.slow
async def test_the_endpoint_ends_with_the_process(server: DevServer, installed: Installation) -> None:
    installed.configure(temporal_address=server.address, health_address="127.0.0.1:0")
    process = await asyncio.to_thread(installed.start, "--process", "control")
    where = await asyncio.to_thread(told_where, process)
    await asyncio.to_thread(until_serving, process)
    await asyncio.to_thread(until, f"{where}/readyz", OK)
    assert await asyncio.to_thread(end, process, signal.SIGTERM) == Exit.OK

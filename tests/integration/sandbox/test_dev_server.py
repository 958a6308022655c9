"""A real Temporal server that is ready when it says so, and ends with whoever started it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from temporalio.client import Client

from byteport.errors import Unavailable
from byteport.sandbox.children import Child
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from byteport.temporal.attributes import TYPES


async def test_it_is_ready_with_our_search_attributes_and_ends_when_told(tmp_path: Path) -> None:
    server = await DevServer.start(DevServerOptions(folder=tmp_path, ui=False))
    client = await Client.connect(server.address)
    for name in TYPES:
        assert [run async for run in client.list_workflows(f"{name} IS NOT NULL")] == []
    await server.stop()
    with pytest.raises(Unavailable, match=r"ended with code .*temporal\.log"):
        server.must_run()


async def test_executions_survive_a_restart_where_they_are_kept(tmp_path: Path) -> None:
    options = DevServerOptions(folder=tmp_path, keep=True, ui=False)
    first = await DevServer.start(options)
    client = await Client.connect(first.address)
    await client.start_workflow("Any", id="kept", task_queue="none")
    await first.stop()
    second = await DevServer.start(options)
    try:
        described = await (await Client.connect(second.address)).get_workflow_handle("kept").describe()
        assert described.workflow_type == "Any"
    finally:
        await second.stop()


async def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    child = await Child.start("stubborn", [sys.executable, "-c", stubborn], log=tmp_path / "log")
    await asyncio.to_thread(until_written, tmp_path / "log", "up\n")
    await child.stop()
    assert not child.running


def until_written(path: Path, text: str) -> None:
    end = time.monotonic() + 20
    while path.read_text() != text:
        assert time.monotonic() < end, f"{path} never held {text!r}"
        time.sleep(0.02)


def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, pathlib, sys\n"
        "from byteport.sandbox.children import Child\n"
        "async def main():\n"
        "    child = await Child.start('sleep', ['/bin/sleep', '60'], log=pathlib.Path(sys.argv[1]) / 'log')\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    end = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < end, "the child outlived its parent"
        time.sleep(0.05)

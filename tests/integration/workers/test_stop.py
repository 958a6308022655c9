"""The end of a worker, at whatever moment it is told."""

import asyncio
from pathlib import Path

import pytest

from byteport.sandbox.assembly import ClusterKind, Wanted, assembled
from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.home import Home
from byteport.settings import installation
from byteport.temporal.connect import connect
from byteport.temporal.keys import read_key_ring
from tests.integration.workers.conftest import Installation
from workers.processes import ROLES, Process
from workers.run import serve


@pytest.mark.parametrize("yields", [0, 1, 5, 50])
async def test_a_worker_that_is_told_to_stop_while_it_starts_stops(
    server: DevServer, installed: Installation, yields: int
) -> None:
    settings = installed.settings
    client = await connect(settings.temporal, read_key_ring(installed.home.payload_key), identity="test")
    stop = asyncio.Event()

    async def stop_soon() -> None:
        for _ in range(yields):
            await asyncio.sleep(0)
        stop.set()

    uid = installation(settings).cluster_uid
    serving = serve(client, ROLES[Process.CONTROL], uid, {}, stop=stop)
    await asyncio.wait_for(asyncio.gather(serving, stop_soon()), 20)


async def test_an_assembled_sandbox_ends_everything_that_it_started(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    wanted = Wanted(Home(tmp_path / "home"), ClusterKind.SIMULATED, {"mode": "dry_run"})
    async with assembled(wanted, lambda _: None) as sandbox:
        sandbox.must_run()
    assert sandbox.worker.done()
    assert {task.get_name() for task in asyncio.all_tasks() - before if not task.done()} == set()

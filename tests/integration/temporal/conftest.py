"""One real Temporal server for this folder, and clients of it with our converter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from byteport.sandbox.dev_server import DevServer, DevServerOptions
from byteport.temporal.config import TemporalConfig
from byteport.temporal.connect import connect
from byteport.temporal.keys import KeyRing, make_key_file, read_key_ring

MOST_MESSAGES = 50
"""That one run may have on this server; 10,000 is usual."""


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    options = DevServerOptions(
        folder=tmp_path_factory.mktemp("temporal"),
        ui=False,
        dynamic_config={"history.maximumSignalsPerExecution": str(MOST_MESSAGES)},
    )
    started = await DevServer.start(options)
    yield started
    await started.stop()


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    path = tmp_path / "payload.key"
    make_key_file(path)
    return read_key_ring(path)


@pytest_asyncio.fixture
async def client(server: DevServer, ring: KeyRing) -> Client:
    return await connect(TemporalConfig(address=server.address), ring, identity="test")


@pytest_asyncio.fixture
async def raw(server: DevServer) -> Client:
    """A client that decodes nothing: what the server itself, its database and its backups hold."""
    return await Client.connect(server.address)

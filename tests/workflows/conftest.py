"""One Temporal server with time skipping for this folder, and for each test an installation of its own on it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from byteport.audit.verify import Verdict
from byteport.domain.failures import Failure
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows import remediation, restored
from tests.workflows.boxes import Boxing, boxing
from tests.workflows.remediation import Remediation, Waiting
from tests.workflows.world import SKIPPING_SERVER, World, installed


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    folder = tmp_path_factory.mktemp("temporal")
    started = await DevServer.start(DevServerOptions(folder=folder, ui=False, dynamic_config=dict(SKIPPING_SERVER)))
    yield started
    await started.stop()


@pytest.fixture
def namespace() -> str:
    """The Temporal namespace of one test."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest_asyncio.fixture
async def world(server: DevServer, namespace: str, tmp_path: Path) -> AsyncIterator[World]:
    """After every test the log verifies."""
    async with installed(server, namespace, tmp_path) as made:
        yield made
        if made.records:
            assert [report.intact for report in made.log.verify_all()] == [Verdict.INTACT]


@pytest.fixture
def cluster(world: World) -> SimulatedCluster:
    return world.cluster


@pytest_asyncio.fixture
async def bad_release(world: World) -> Remediation:
    """A release that never served, in dry run: its rollback waits for a yes."""
    return await remediation.bad_release(world)


@pytest_asyncio.fixture
async def crash_loop(world: World) -> Remediation:
    """A pod that crashes by itself, in auto."""
    world.policy(mode="auto")
    return await remediation.crash_loop(world)


@pytest_asyncio.fixture
async def crash_to_come(world: World) -> Remediation:
    """A pod crashes, in auto, and nobody has been told yet."""
    world.policy(mode="auto")
    await world.one_pod_crashes()
    return await remediation.remediation_of(world, Failure.CRASHLOOP)


@pytest_asyncio.fixture
async def half_bad(world: World) -> Waiting:
    """A rollback that ada has agreed to and grace has not, of a release of which one pod serves."""
    return await restored.half_bad(world)


@pytest_asyncio.fixture
async def one(server: DevServer, namespace: str) -> AsyncIterator[Boxing]:
    """What one time box needs, and no box yet."""
    async with boxing(server, namespace) as made:
        yield made

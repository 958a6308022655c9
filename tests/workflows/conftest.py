"""One Temporal server with time skipping for this folder, and for each test an installation of its own on it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.audit.log import AuditLog
from byteport.audit.verify import Verdict
from byteport.domain.failures import Failure
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows.remediation import Remediation, remediation_of
from tests.workflows.world import SKIPPING_SERVER, World, installed


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    folder = tmp_path_factory.mktemp("temporal")
    started = await DevServer.start(DevServerOptions(folder=folder, ui=False, dynamic_config=dict(SKIPPING_SERVER)))
    yield started
    await started.stop()


@pytest_asyncio.fixture
async def world(server: DevServer, tmp_path: Path) -> AsyncIterator[World]:
    """After every test the log verifies."""
    async with installed(server, f"test-{uuid.uuid4().hex[:12]}", tmp_path) as made:
        yield made
        if made.records:
            assert [report.intact for report in AuditLog(made.ledger_file).verify_all()] == [Verdict.INTACT]


@pytest.fixture
def cluster(world: World) -> SimulatedCluster:
    return world.cluster


@pytest_asyncio.fixture
async def bad_release(world: World) -> Remediation:
    """`shop/web:2` never served, in dry run: the remediation that was told of it."""
    await world.a_release_fails()
    remediation = await remediation_of(world, Failure.BAD_ROLLOUT)
    await remediation.report()
    return remediation


@pytest_asyncio.fixture
async def crash_loop(world: World) -> Remediation:
    """One of `shop/web`'s three pods crashes by itself, in auto: the remediation that was told of it."""
    world.policy(mode="auto")
    await world.one_pod_crashes()
    remediation = await remediation_of(world, Failure.CRASHLOOP)
    await remediation.report()
    return remediation

"""One Temporal server for this folder; for each test a place to work in, and an agent whose invariants are checked.

`place` is the simulated cluster. `any_place` is that, and the real control plane by way of a gateway.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from tests.agent.agent import Agent
from tests.agent.places import Place
from tests.agent.real import RealPlace, through_a_gateway
from tests.agent.running import quick, running
from tests.agent.simulated import SimulatedPlace
from tests.cluster.conftest import control_plane
from tests.faults.invariants import check

__all__ = ["control_plane"]

SKIPPING = {"frontend.WorkflowTimeSkippingEnabled": "true"}

Begin = Callable[..., AbstractAsyncContextManager[Agent]]
"""`begin(place, mode, **policy)`: an agent and its worker; when it ends well, every invariant has held."""


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    folder = tmp_path_factory.mktemp("temporal")
    started = await DevServer.start(DevServerOptions(folder=folder, ui=False, dynamic_config=SKIPPING))
    yield started
    await started.stop()


@pytest.fixture
def place() -> SimulatedPlace:
    return SimulatedPlace()


@pytest_asyncio.fixture
async def on_control_plane(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[RealPlace]:
    async with through_a_gateway(control_plane, tmp_path) as place:
        yield place


@pytest.fixture(
    params=[
        pytest.param("place", id="simulated"),
        pytest.param("on_control_plane", id="control-plane", marks=pytest.mark.control_plane),
    ]
)
def any_place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def begin(server: DevServer, tmp_path: Path) -> Begin:
    @asynccontextmanager
    async def begun(place: Place, mode: str, **policy: Any) -> AsyncIterator[Agent]:
        made = running(server, tmp_path / "home", place, quick(mode, place.namespace, **policy))
        async with made as agent, agent.worker():
            yield agent
            await check(agent)

    return begun

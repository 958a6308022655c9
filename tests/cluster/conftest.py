"""One real control plane for the whole session, and a namespace of its own for every test that wants one.

Nothing here skips: programs that are missing are built when the tests have been collected, before the first one's
time limit runs. Another folder's conftest may import `control_plane` and `namespace`; it is the same control plane.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from byteport.sandbox.controlplane import ControlPlane, Progress, ensure_built
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from tests.agent.real import RealPlace, directly, forget
from tests.cluster.workloads import Namespace

RUNNING = pytest.StashKey[ControlPlane]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the control plane, once, if a test that was chosen needs it."""
    if not any("control_plane" in getattr(item, "fixturenames", ()) for item in session.items):
        return
    told: set[str] = set()

    def tell(progress: Progress) -> None:
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and progress.step not in told:
            told.add(progress.step)
            terminal.write_line(progress.step)

    ensure_built(tell)


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    """A real API server with controllers, scheduler and three simulated nodes, ended when the session ends."""
    stash = request.config.stash
    if RUNNING not in stash:
        plane = ControlPlane(tmp_path_factory.mktemp("control-plane")).start()
        request.config.add_cleanup(plane.stop)
        stash[RUNNING] = plane
    return stash[RUNNING]


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[Namespace]:
    """A new, empty namespace, deleted with everything in it when the test ends."""
    namespace = Namespace(control_plane, f"test-{secrets.token_hex(4)}")
    namespace.create()
    yield namespace
    forget(control_plane, namespace.name)
    namespace.delete()


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[DevServer]:
    """A Temporal server of the test's own."""
    started = await DevServer.start(DevServerOptions(folder=tmp_path / "temporal", ui=False))
    yield started
    await started.stop()


@pytest_asyncio.fixture
async def place(control_plane: ControlPlane) -> AsyncIterator[RealPlace]:
    """A namespace on the control plane, and the agent's own account, which speaks to the API server itself."""
    async with directly(control_plane) as found:
        yield found

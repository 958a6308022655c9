"""One control plane with one real node, for the whole session. Where there can be none, these tests skip.

`Host` is taken before anything is started: the last tests compare with it. Programs that are missing are fetched and
built when the tests have been collected, before the first one's time limit runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from byteport.sandbox.controlplane import ControlPlane, Progress, ensure_built
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from byteport.sandbox.realnode import RealNode, ensure_programs, why_not
from tests.agent.real import NAMESPACED, RealPlace, directly
from tests.node.host import Host, host

HERE = Path(__file__).parent
BEFORE = pytest.StashKey[Host]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They all need a real node; where this machine cannot have one, each says why."""
    ours = [item for item in items if HERE in item.path.parents]
    lacking = why_not() if ours else None
    for item in ours:
        item.add_marker(pytest.mark.real_node)
        if lacking is not None:
            item.add_marker(pytest.mark.skip(f"expected: this machine can have no real node: {lacking}"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing, if a test that was chosen needs it; and look at the machine before anything is started."""
    chosen = [item for item in session.items if HERE in item.path.parents]
    if not chosen or any(item.get_closest_marker("skip") for item in chosen):
        return
    session.config.stash[BEFORE] = host()
    told: set[str] = set()

    def tell(progress: Progress) -> None:
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and progress.step not in told:
            told.add(progress.step)
            terminal.write_line(progress.step)

    ensure_built(tell)
    ensure_programs(tell)


@pytest.fixture(scope="session")
def before(request: pytest.FixtureRequest) -> Host:
    """The machine as it was before the first node."""
    return request.config.stash[BEFORE]


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A real API server with controllers and scheduler, and one simulated node, where the agent's own pod finds a place.

    That pod is made before the real node comes: it stands for a process, and its image is nowhere to be pulled.
    """
    with ControlPlane(tmp_path_factory.mktemp("control-plane"), nodes=1) as plane:
        plane.agent_kubeconfig(NAMESPACED)
        yield plane


@pytest.fixture(scope="session")
def node(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    """The real node, Ready."""
    with RealNode(control_plane, tmp_path_factory.mktemp("real-node")) as node:
        yield node


@pytest_asyncio.fixture
async def place(node: RealNode) -> AsyncIterator[RealPlace]:
    """A namespace whose pods run on the real node, and the agent's own account."""
    async with directly(node.plane) as found:
        yield found


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[DevServer]:
    """A Temporal server of the test's own."""
    started = await DevServer.start(DevServerOptions(folder=tmp_path / "temporal", ui=False))
    yield started
    await started.stop()

"""Every scenario as a test of its own, with short settle times: `pytest -m scenarios`. Left out of `make test`, since
`make scenarios` runs them several at a time and prints the scores.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from byteport.sandbox.dev_server import DevServer
from tests.scenarios.catalogue import scenarios
from tests.scenarios.hosts import SHORT_SETTLE, ControlPlaneHost, SimulatedHost, temporal
from tests.scenarios.model import Cluster, Scenario

pytestmark = [pytest.mark.scenarios, pytest.mark.timeout(400), pytest.mark.asyncio(loop_scope="module")]


def shown_on(cluster: Cluster) -> list[Scenario]:
    return [scenario for scenario in scenarios() if cluster in scenario.shown_on]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    async with temporal(tmp_path_factory.mktemp("temporal")) as started:
        yield started


@pytest.fixture(scope="module")
def simulated(server: DevServer, tmp_path_factory: pytest.TempPathFactory) -> SimulatedHost:
    return SimulatedHost(server, tmp_path_factory.mktemp("simulated"), SHORT_SETTLE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def control_plane(server: DevServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlaneHost]:
    plays = len(shown_on(Cluster.CONTROL_PLANE))
    async with ControlPlaneHost.open(
        server, tmp_path_factory.mktemp("control-plane"), SHORT_SETTLE, plays=plays, at_once=1
    ) as host:
        yield host


async def right_and_nothing_broken(host: SimulatedHost | ControlPlaneHost, scenario: Scenario) -> None:
    judgement = await host.play(scenario)
    assert judgement.broken == ()
    assert judgement.wrong == (), judgement.did


@pytest.mark.parametrize("scenario", shown_on(Cluster.SIMULATED), ids=lambda scenario: scenario.name)
async def test_on_the_simulated_cluster(simulated: SimulatedHost, scenario: Scenario) -> None:
    await right_and_nothing_broken(simulated, scenario)


@pytest.mark.control_plane
@pytest.mark.parametrize("scenario", shown_on(Cluster.CONTROL_PLANE), ids=lambda scenario: scenario.name)
async def test_on_the_real_control_plane(control_plane: ControlPlaneHost, scenario: Scenario) -> None:
    await right_and_nothing_broken(control_plane, scenario)

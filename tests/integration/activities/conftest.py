"""The bench that the tests of this folder work on: simulated, or (for what must hold on both) also the real one."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.kubernetes.client import connect, kube_system_uid
from byteport.domain.warrants import Warrant
from tests.agent.real import CLUSTER_WIDE, forget
from tests.cluster.conftest import control_plane
from tests.integration.activities.asking import VERB
from tests.integration.activities.autoscaled import autoscaled, raised, raising, restore
from tests.integration.activities.bench import Bench
from tests.integration.activities.real_bench import RealBench
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.integration.cluster_port.stages import RealStage

__all__ = ["control_plane"]

BOTH = [
    pytest.param("simulated", id="simulated"),
    pytest.param("control-plane", id="control-plane", marks=pytest.mark.control_plane),
]


@pytest.fixture
def bench(tmp_path: Path) -> SimulatedBench:
    return SimulatedBench(tmp_path)


@pytest.fixture
async def deletion(bench: SimulatedBench) -> Warrant:
    """A yes to deleting the pod that crashes."""
    return bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=False)


@pytest.fixture
async def rollback(bench: SimulatedBench) -> Warrant:
    """A yes to going back to the first release."""
    await bench.a_release_fails()
    return bench.warrant(await bench.rollback(), auto=False)


@pytest.fixture
async def raise_(bench: SimulatedBench) -> Warrant:
    """A yes to raising the floor from 2 to 5 for an hour."""
    await autoscaled(bench)
    return bench.warrant(await raising(bench), auto=False)


@pytest.fixture
async def restoring(bench: SimulatedBench) -> Warrant:
    """The ledger's grant for taking such a raise back, which was done."""
    await autoscaled(bench)
    plan = await raised(bench)
    bench.count_from_here()
    return restore(bench, plan)


@pytest.fixture(params=VERB)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def warrant(kind: str, request: pytest.FixtureRequest) -> Warrant:
    """Each of the acts that leave a trace."""
    name = {"raise": "raise_", "restore": "restoring"}.get(kind, kind)
    found: Warrant = request.getfixturevalue(name)
    return found


@pytest.fixture(params=BOTH)
async def any_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Each test that asks for it runs on the simulated cluster and on the real control plane."""
    if request.param == "simulated":
        yield SimulatedBench(tmp_path)
        return
    plane = request.getfixturevalue("control_plane")
    namespace = f"activities-{secrets.token_hex(4)}"
    async with (
        await connect(plane.kubeconfig) as admin,
        await connect(plane.agent_kubeconfig(CLUSTER_WIDE)) as port,
    ):
        stage = RealStage(plane, admin, namespace)
        await stage.begin()
        yield RealBench(tmp_path, plane, port, stage, await kube_system_uid(admin))
        forget(plane, namespace)
        plane.kubectl("delete", "namespace", namespace, "--wait=false")

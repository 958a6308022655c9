"""The bench that the tests of this folder work on: simulated, or (for what must hold on both) also the real one."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.kubernetes.client import connect, kube_system_uid
from tests.cluster.conftest import control_plane
from tests.integration.activities.bench import Bench, SimulatedBench
from tests.integration.activities.real_bench import RealBench, declared_rules
from tests.integration.cluster_port.stages import RealStage

__all__ = ["control_plane"]

BOTH = [
    pytest.param("simulated", id="simulated"),
    pytest.param("control-plane", id="control-plane", marks=pytest.mark.control_plane),
]


@pytest.fixture
def bench(tmp_path: Path) -> SimulatedBench:
    return SimulatedBench(tmp_path)


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
        await connect(plane.agent_kubeconfig(declared_rules())) as port,
    ):
        stage = RealStage(plane, admin, namespace)
        await stage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        yield RealBench(tmp_path, plane, port, stage, await kube_system_uid(admin))
        plane.kubectl("delete", "namespace", namespace, "--wait=false")

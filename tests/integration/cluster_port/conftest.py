"""The fixture `stage`: a test that asks for it runs on the simulated cluster, and on the real control plane.

`make test` chooses the first by the mark, `make test-cluster` the second. `port` is the real port in front of `server`,
which misbehaves as it is told to.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.kubernetes.client import KubernetesCluster, connect
from activities.kubernetes.credentials import load_credentials
from tests.cluster.conftest import control_plane
from tests.integration.cluster_port.liar import Liar, liar
from tests.integration.cluster_port.stages import RealStage, SimulatedStage, Stage

__all__ = ["control_plane"]

BOTH = [
    pytest.param("simulated", id="simulated"),
    pytest.param("control-plane", id="control-plane", marks=pytest.mark.control_plane),
]


@pytest.fixture(params=BOTH)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A cluster with one empty namespace of the test's own."""
    namespace = f"suite-{secrets.token_hex(4)}"
    item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    if request.param == "simulated":
        simulated = SimulatedStage(namespace)
        await simulated.apply(item)
        yield simulated
        return
    plane = request.getfixturevalue("control_plane")
    async with await connect(plane.kubeconfig) as port:
        real = RealStage(plane, port, namespace)
        await real.apply(item)
        yield real
        plane.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Liar]:
    async with liar(tmp_path) as said:
        yield said


@pytest.fixture
async def port(server: Liar) -> AsyncIterator[KubernetesCluster]:
    async with KubernetesCluster(await load_credentials(server.kubeconfig, None), call_seconds=0.5) as cluster:
        yield cluster

"""The fixture `stage`: a test that asks for it runs on the simulated cluster, and on the real control plane.

`make test` chooses the first by the mark, `make test-cluster` the second. `port` is the real port in front of `server`,
which misbehaves as it is told to.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.kubernetes.client import CALL_SECONDS, KubernetesCluster
from activities.kubernetes.credentials import load_credentials
from tests.cluster.conftest import control_plane
from tests.integration.cluster_port.liar import Liar, hangs, liar
from tests.integration.cluster_port.stages import SimulatedStage, Stage, namespace_of, real_stage

__all__ = ["control_plane"]

BOTH = [
    pytest.param("simulated", id="simulated"),
    pytest.param("control-plane", id="control-plane", marks=pytest.mark.control_plane),
]


@pytest.fixture(params=BOTH)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A cluster with one empty namespace of the test's own."""
    if request.param == "simulated":
        simulated = SimulatedStage(f"suite-{secrets.token_hex(4)}")
        await simulated.apply(namespace_of(simulated))
        yield simulated
        return
    async with real_stage(request.getfixturevalue("control_plane")) as real:
        yield real


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Liar]:
    async with liar(tmp_path) as said:
        yield said


@pytest.fixture
async def port(request: pytest.FixtureRequest, server: Liar) -> AsyncIterator[KubernetesCluster]:
    """Impatient only where the test is about a server that hangs: any other answers, however busy the machine is."""
    given = getattr(request.node, "callspec", None)
    seconds = 0.5 if given is not None and hangs in given.params.values() else CALL_SECONDS
    async with KubernetesCluster(await load_credentials(server.kubeconfig, None), call_seconds=seconds) as cluster:
        yield cluster

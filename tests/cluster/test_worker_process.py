"""`byteport worker` against a real API server: it starts with the rights of an installation, and not with one less."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.kubernetes.client import connect, kube_system_uid
from byteport.boundary.names import CLUSTER_ROLE
from byteport.boundary.remedies import UPGRADE
from byteport.cli.exits import Exit
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from tests.agent.real import NAMESPACED
from tests.integration.workers.conftest import Installation, end, until_serving

pytestmark = pytest.mark.timeout(300)


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[DevServer]:
    started = await DevServer.start(DevServerOptions(folder=tmp_path / "temporal", ui=False))
    yield started
    await started.stop()


@pytest_asyncio.fixture
async def uid(control_plane: ControlPlane) -> str:
    async with await connect(control_plane.kubeconfig) as admin:
        return await kube_system_uid(admin)


@pytest.mark.claim("C-008")
async def test_the_declared_rights_are_enough_and_the_worker_hands_over_on_sigterm(
    control_plane: ControlPlane, server: DevServer, uid: str, tmp_path: Path
) -> None:
    kubeconfig = await asyncio.to_thread(control_plane.agent_kubeconfig, NAMESPACED)
    installed = Installation(tmp_path, server.address)
    installed.configure(temporal_address=server.address, kubeconfig=kubeconfig, uid=uid, boundary=NAMESPACED)
    process = await asyncio.to_thread(installed.start)
    assert uid in await asyncio.to_thread(until_serving, process)
    assert await asyncio.to_thread(end, process) == Exit.OK


@pytest.mark.claim("C-008")
async def test_one_right_less_is_named_and_nothing_starts(
    control_plane: ControlPlane, server: DevServer, uid: str, tmp_path: Path
) -> None:
    kubeconfig = await asyncio.to_thread(control_plane.agent_kubeconfig, NAMESPACED)
    installed = Installation(tmp_path, server.address)
    installed.configure(temporal_address=server.address, kubeconfig=kubeconfig, uid=uid, boundary=NAMESPACED)
    path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{CLUSTER_ROLE}"
    whole = await asyncio.to_thread(control_plane.api.call, "GET", path)
    for rule in (less := copy.deepcopy(whole))["rules"]:
        if rule["resources"] == ["nodes"] and rule["apiGroups"] == [""]:
            rule["verbs"].remove("list")
    try:
        await asyncio.to_thread(control_plane.api.call, "PUT", path, less)
        said = await asyncio.to_thread(installed.run)
    finally:
        del whole["metadata"]["resourceVersion"]
        await asyncio.to_thread(control_plane.api.call, "PUT", path, whole)
    assert said.code == Exit.REFUSED
    logged, error = said.err.splitlines()
    assert logged.endswith(f"the boundary is not whole: not granted: list nodes; {UPGRADE}")
    assert error == f"error: the cluster does not grant list nodes; {UPGRADE}"


async def test_another_cluster_than_the_settings_name_is_refused(
    control_plane: ControlPlane, server: DevServer, tmp_path: Path
) -> None:
    kubeconfig = await asyncio.to_thread(control_plane.agent_kubeconfig, NAMESPACED)
    installed = Installation(tmp_path, server.address)
    installed.configure(temporal_address=server.address, kubeconfig=kubeconfig, boundary=NAMESPACED)
    said = await asyncio.to_thread(installed.run)
    assert said.code == Exit.USAGE
    assert said.err.startswith("error: cluster.uid: ")

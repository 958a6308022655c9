"""A prune on the real control plane: the agent's own credential, one command in the helper's pod, and the disk has room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes.client import connect, kube_system_uid
from byteport.contracts.kubernetes import ReadSituation, Seen
from byteport.domain.failures import Failure
from byteport.domain.plans import PRUNE_ARGV, PruneImagesPlan, Runtime
from byteport.domain.targets import Target
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.sandbox.controlplane import AGENT_USER, ControlPlane
from byteport.sandbox.controlplane.node_disks import HELPER_NAMESPACE, NodeDisks
from byteport.sandbox.simulated import Filling
from tests.agent.real import CLUSTER_WIDE
from tests.integration.activities.real_bench import RealBench
from tests.integration.cluster_port.stages import RealStage

JSON = dict[str, Any]

NODE = "node-3"


@pytest.fixture
async def bench(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[RealBench]:
    """A worker under the boundary, in cluster sight; a node 90 % full of images, labelled, with a helper on it."""
    disks = NodeDisks(control_plane)
    async with (
        await connect(control_plane.kubeconfig) as admin,
        await connect(control_plane.agent_kubeconfig(CLUSTER_WIDE)) as port,
    ):
        made = RealBench(
            tmp_path, control_plane, port, RealStage(control_plane, admin, "shop"), await kube_system_uid(admin)
        )
        disks.install_helper(NODE)
        control_plane.kubectl("label", "node", NODE, f"{ENABLED_LABEL}=true", "--overwrite")
        disks.fill(NODE, Filling.IMAGES, percent=90)
        yield made
        control_plane.kubectl("label", "node", NODE, f"{ENABLED_LABEL}-")
        disks.mend(NODE)


async def look(bench: RealBench) -> Seen:
    target = Target(cluster_uid=bench.uid, namespace="", kind="Node", name=NODE)

    async def with_helper() -> Seen | None:
        seen = await bench.nodes.look(ReadSituation(target=target, failure=Failure.DISK))
        return seen if seen.situation.node is not None and seen.situation.node.helper is not None else None

    return await bench.stage.eventually(with_helper)


def percent(seen: Seen) -> float:
    assert seen.situation.node is not None
    return max(mounted.percent for mounted in seen.situation.node.filesystems)


def commands(plane: ControlPlane, since: int) -> list[str]:
    """Commands that the API server's own audit log says the agent ran and that were no question."""
    events = plane.audit_events(user=AGENT_USER, verbs=("get", "create"), since=since)
    uris = {
        event["auditID"]: event["requestURI"] for event in events if event["objectRef"].get("subresource") == "exec"
    }
    return [uri for uri in uris.values() if "prune" in uri]


@pytest.mark.claim("C-021", "C-213")
async def test_the_agent_prunes_a_labelled_node_once_and_no_other(
    bench: RealBench, control_plane: ControlPlane
) -> None:
    since = control_plane.audit_position()
    seen = await look(bench)
    assert seen.enabled
    assert percent(seen) == 90
    node = seen.situation.node
    assert node is not None
    assert node.helper is not None
    target = seen.situation.target
    plan = PruneImagesPlan(target=target, helper=node.helper, runtime=Runtime.CONTAINERD)
    warrant = bench.warrant(plan, auto=False)
    await bench.act(warrant)
    assert percent(await look(bench)) < 80
    (command,) = commands(control_plane, since)
    assert f"/namespaces/{HELPER_NAMESPACE}/pods/{node.helper.name}/exec?" in command
    assert command.count("command=") == len(PRUNE_ARGV[Runtime.CONTAINERD])
    with pytest.raises(ApplicationError) as caught:
        await bench.act(warrant, attempt=2, on=bench.new_mutations())
    assert caught.value.type == "unknown_outcome"
    control_plane.kubectl("label", "node", NODE, f"{ENABLED_LABEL}-")
    with pytest.raises(ApplicationError) as caught:
        await bench.act(bench.warrant(plan, auto=False))
    assert caught.value.type == "not_permitted"
    assert len(commands(control_plane, since)) == 1

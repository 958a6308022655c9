"""Full disks of the real control plane's nodes, and what the whole agent makes of them.

The watch sees the node's condition and its kubelet's events by itself; df, du and the prune are run in the node
helper's pod by the agent's own ServiceAccount. The API server's own audit log tells which commands were run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from byteport.audit.words import Decision, Event, Result
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.ids import remediation_id
from byteport.domain.plans import PRUNE_ARGV, Runtime
from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import Target
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.node_commands import HELPER_NAME, is_read, pod_logs
from byteport.kubernetes.port import NO_POD
from byteport.sandbox.controlplane import AGENT_USER, ControlPlane
from byteport.sandbox.controlplane.node_disks import HELPER_NAMESPACE, NodeDisks
from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.simulated import Filling
from byteport.sandbox.strains import deployment
from tests.agent.agent import Agent
from tests.agent.places import APP, eventually
from tests.agent.real import CLUSTER_WIDE, RealPlace, directly
from tests.agent.running import quick, running
from tests.cluster.at_work import WATCHING, lasted, told
from tests.faults.invariants import check

JSON = dict[str, Any]

OURS, NOT_OURS = "node-1", "node-2"
PRUNE = PRUNE_ARGV[Runtime.CONTAINERD]
SETTLE_SECONDS = 0.5

pytestmark = pytest.mark.timeout(600)


@pytest_asyncio.fixture
async def place(control_plane: ControlPlane) -> AsyncIterator[RealPlace]:
    """In cluster sight: with less, nobody can tell whose images a prune would take, and a person is asked."""
    async with directly(control_plane, CLUSTER_WIDE) as found:
        yield found


@pytest_asyncio.fixture
async def disks(control_plane: ControlPlane) -> AsyncIterator[NodeDisks]:
    """A helper on two nodes, of which one is labelled; both are well when the test ends."""
    found = NodeDisks(control_plane)
    for node in (OURS, NOT_OURS):
        await asyncio.to_thread(found.install_helper, node)
        await eventually(f"the helper on {node}", partial(is_ready, control_plane, node))
    await asyncio.to_thread(control_plane.kubectl, "label", "node", OURS, f"{ENABLED_LABEL}=true", "--overwrite")
    yield found
    await asyncio.to_thread(control_plane.kubectl, "label", "node", OURS, f"{ENABLED_LABEL}-")
    for node in (OURS, NOT_OURS):
        await asyncio.to_thread(found.mend, node)
        await eventually(f"{node} without a taint", partial(is_untainted, control_plane, node))


async def is_ready(plane: ControlPlane, node: str) -> bool:
    pod = await called(plane, f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods/{HELPER_NAME}-{node}")
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


async def is_untainted(plane: ControlPlane, node: str) -> bool:
    return not (await called(plane, f"/api/v1/nodes/{node}"))["spec"].get("taints")


async def called(plane: ControlPlane, path: str) -> JSON:
    return await asyncio.to_thread(plane.api.call, "GET", path)


@asynccontextmanager
async def kubelet(disks: NodeDisks, node: str) -> AsyncIterator[None]:
    """While inside, the node's status follows a prune in its helper."""

    async def settle() -> None:
        while True:
            await asyncio.to_thread(disks.settle, node)
            await asyncio.sleep(SETTLE_SECONDS)

    settling = asyncio.create_task(settle())
    try:
        yield
    finally:
        settling.cancel()
        with suppress(asyncio.CancelledError):
            await settling


@asynccontextmanager
async def at_work(server: DevServer, place: RealPlace, folder: Path) -> AsyncIterator[Agent]:
    policy = quick("auto", place.namespace)
    async with running(server, folder, place, policy, settings=WATCHING) as agent, agent.worker():
        yield agent


async def node_of(place: RealPlace, name: str) -> Target:
    item = await called(place.plane, f"/api/v1/nodes/{name}")
    return Target(cluster_uid=place.uid, namespace="", kind="Node", name=name, uid=item["metadata"]["uid"])


def commands(plane: ControlPlane, since: int) -> list[tuple[str, tuple[str, ...]]]:
    """Each command that the agent ran in a pod since then, with the pod's name, in order.

    Without those of the self-check, in a pod that there cannot be: it asks whether they are refused.
    """
    found = plane.audit_events(user=AGENT_USER, verbs=("get", "create"), since=since)
    execs = {one["auditID"]: one for one in found if one["objectRef"].get("subresource") == "exec"}
    asked = [(one["objectRef"]["name"], parse_qs(urlsplit(one["requestURI"]).query)) for one in execs.values()]
    return [(name, tuple(query["command"])) for name, query in asked if name != NO_POD]


def prunes(plane: ControlPlane, since: int) -> list[tuple[str, tuple[str, ...]]]:
    """Those that do more than look."""
    return [(pod, argv) for pod, argv in commands(plane, since) if not is_read(argv)]


async def test_a_disk_full_of_images_is_pruned_once_and_verified_on_the_labelled_node_alone(
    server: DevServer, place: RealPlace, disks: NodeDisks, tmp_path: Path
) -> None:
    plane, since = place.plane, place.plane.audit_position()
    async with at_work(server, place, tmp_path / "home") as agent, kubelet(disks, OURS):
        for node in (NOT_OURS, OURS):
            await asyncio.to_thread(disks.fill, node, Filling.IMAGES, percent=90)
        injected = place.clock()
        closed = await agent.until_closed(remediation_id(await node_of(place, OURS), Failure.DISK))
        lasted("full disk to verified prune", injected, place.clock())
        assert (closed.decision, closed.result, closed.cause) == (Decision.ACTED, Result.SUCCESS, Cause.DISK_IMAGES)
        assert prunes(plane, since) == [(f"{HELPER_NAME}-{OURS}", PRUNE)]
        assert {pod for pod, _ in commands(plane, since)} == {f"{HELPER_NAME}-{OURS}"}
        acts = [record for record in agent.records() if record.action_id]
        assert [one.event for one in acts] == [Event.STARTED, Event.FINISHED]
        assert {NOT_OURS in record.target for record in agent.records()} == {False}
        assert [run for run, _, _ in await agent.runs() if NOT_OURS in run] == []
        assert place.attempts() == []
        await check(agent)


async def test_a_disk_full_of_a_pods_logs_is_told_with_pod_and_path(
    server: DevServer, place: RealPlace, disks: NodeDisks, tmp_path: Path
) -> None:
    since = place.plane.audit_position()
    await place.enable()
    item = deployment(place.namespace, APP)
    item["spec"] |= {"replicas": 1}
    item["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": OURS}
    await place.apply(item)
    await place.serves()
    (pod,) = await place.pods()
    path = pod_logs(place.namespace, pod["metadata"]["name"], pod["metadata"]["uid"])
    assert path is not None
    async with at_work(server, place, tmp_path / "home") as agent:
        await asyncio.to_thread(disks.fill, OURS, Filling.LOGS, percent=93, path=path)
        injected = place.clock()
        notice = await told(agent, lambda one: one.rung == 1)
        lasted("full disk to the page", injected, place.clock())
        state = await agent.until(remediation_id(await node_of(place, OURS), Failure.DISK), Phase.ESCALATED)
        assert (state.cause, state.decision) == (Cause.DISK_LOGS, Decision.ESCALATED)
        assert Reason.NOT_IMAGES in notice.reasons
        said = "\n".join(notice.evidence)
        assert f"{place.namespace}/{pod['metadata']['name']}" in said
        assert path in said
        assert prunes(place.plane, since) == []
        assert agent.records(event=Event.STARTED) == []
        await check(agent)

"""Full disks of the control plane's nodes: what its API server shows of them, and what the helper answers there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from byteport.domain.plans import PRUNE_ARGV, Runtime
from byteport.kubernetes.disk_output import read_disk_output
from byteport.kubernetes.node_commands import DF, HELPER_LABEL, HELPER_NAME, du
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.controlplane.node_disks import HELPER_NAMESPACE, NodeDisks
from byteport.sandbox.simulated import Filling
from tests.cluster.workloads import eventually

JSON = dict[str, Any]

NODE = "node-2"
PRUNE = PRUNE_ARGV[Runtime.CONTAINERD]


@pytest.fixture
def node_disks(control_plane: ControlPlane) -> Iterator[NodeDisks]:
    """A helper on one node, Ready; the node is well when the test ends."""
    node_disks = NodeDisks(control_plane)
    node_disks.install_helper(NODE)
    eventually(lambda: _is_ready(_helper(control_plane)))
    assert _helper(control_plane)["metadata"]["labels"][HELPER_LABEL] == HELPER_NAME
    yield node_disks
    node_disks.mend(NODE)
    eventually(lambda: not _node(control_plane)["spec"].get("taints"))


def _helper(plane: ControlPlane) -> JSON:
    return plane.api.call("GET", f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods/{HELPER_NAME}-{NODE}")


def _is_ready(pod: JSON) -> bool:
    conditions = pod["status"].get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _node(plane: ControlPlane) -> JSON:
    return plane.api.call("GET", f"/api/v1/nodes/{NODE}")


def _run(plane: ControlPlane, *argv: str) -> str:
    name = _helper(plane)["metadata"]["name"]
    return plane.kubectl("exec", "--namespace", HELPER_NAMESPACE, name, "--container", "helper", "--", *argv)


def _percent(plane: ControlPlane) -> set[float]:
    return {mounted.percent for mounted in read_disk_output(_run(plane, *DF).splitlines()).mounts}


def test_a_disk_full_of_images_presses_and_is_well_after_a_prune(
    control_plane: ControlPlane, node_disks: NodeDisks
) -> None:
    node_disks.fill(NODE, Filling.IMAGES, percent=90)
    assert _percent(control_plane) == {90}
    assert not node_disks.settle(NODE)
    taints = eventually(lambda: _node(control_plane)["spec"].get("taints"))
    assert [taint["key"] for taint in taints] == ["node.kubernetes.io/disk-pressure"]
    assert len(_node(control_plane)["status"]["images"]) > 5
    assert _run(control_plane, *PRUNE).startswith("Deleted: registry.example/ci/build:")
    assert max(_percent(control_plane)) < 20
    assert node_disks.settle(NODE)
    eventually(lambda: not _node(control_plane)["spec"].get("taints"))
    assert len(_node(control_plane)["status"]["images"]) < 5
    assert _node(control_plane)["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://")


def test_a_disk_full_of_logs_is_measured_where_they_lie_and_stays_full(
    control_plane: ControlPlane, node_disks: NodeDisks
) -> None:
    where = node_disks.fill(NODE, Filling.LOGS, percent=93)
    assert _run(control_plane, *du(where)).split()[1] == "/var/log/journal"
    _run(control_plane, *PRUNE)
    assert _percent(control_plane) == {93}


def test_its_kubelet_says_that_it_freed_too_little(control_plane: ControlPlane, node_disks: NodeDisks) -> None:
    node_disks.fill(NODE, Filling.IMAGES, percent=88)
    selector = f"involvedObject.name%3D{NODE},reason%3DFreeDiskSpaceFailed"
    events = control_plane.api.call("GET", f"/api/v1/namespaces/default/events?fieldSelector={selector}")["items"]
    assert events
    assert all("bytes eligible to free" in event["message"] for event in events)

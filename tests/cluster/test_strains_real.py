"""What `byteport sandbox break` does to load and disks, on the real control plane."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.controlplane.node_disks import HELPER_NAMESPACE, NodeDisks
from byteport.sandbox.strains import BUSY, LEAKY, NODE, PlaneStrainer, Strain, strain
from tests.cluster.workloads import Namespace, eventually

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def strainer(control_plane: ControlPlane) -> AsyncIterator[PlaneStrainer]:
    strainer = PlaneStrainer(control_plane)
    yield strainer
    await strainer.close()


@pytest.fixture
def well(control_plane: ControlPlane) -> Iterator[None]:
    """The node is well again when the test ends."""
    yield
    NodeDisks(control_plane).mend(NODE)
    eventually(lambda: not control_plane.api.call("GET", f"/api/v1/nodes/{NODE}")["spec"].get("taints"))


def _limited(namespace: Namespace) -> str:
    path = f"/apis/autoscaling/v2/namespaces/{namespace.name}/horizontalpodautoscalers/{BUSY}"
    conditions = (namespace.plane.api.call("GET", path).get("status") or {}).get("conditions") or []
    return next((str(one["reason"]) for one in conditions if one["type"] == "ScalingLimited"), "")


@pytest.mark.parametrize(
    ("what", "reason"), [(Strain.LOAD_SURGE, "ScaleUpLimit"), (Strain.LOAD_AT_MAX, "TooManyReplicas")]
)
async def test_a_surge_is_more_than_the_autoscaler_may_answer(
    namespace: Namespace, strainer: PlaneStrainer, what: Strain, reason: str
) -> None:
    await strain(strainer, namespace.name, what)
    eventually(lambda: _limited(namespace) == reason, within=120)


async def test_a_workload_stands_close_to_its_memory_limit(namespace: Namespace, strainer: PlaneStrainer) -> None:
    await strain(strainer, namespace.name, Strain.MEMORY_LEAK)
    namespace.await_available(LEAKY)
    said = namespace.plane.kubectl("top", "pods", "--namespace", namespace.name, "--no-headers")
    assert [line.split()[2] for line in said.splitlines()] == ["240Mi", "240Mi"]


async def test_a_nodes_status_follows_a_prune_in_its_helper(
    control_plane: ControlPlane, strainer: PlaneStrainer, well: None
) -> None:
    await strain(strainer, "default", Strain.DISK_IMAGES)
    helper = f"byteport-node-helper-{NODE}"
    prune = ("exec", helper, "--namespace", HELPER_NAMESPACE, "--", "crictl", "rmi", "--prune")
    assert control_plane.kubectl(*prune).startswith("Deleted: ")
    assert strainer.settle(NODE)
    node = control_plane.api.call("GET", f"/api/v1/nodes/{NODE}")
    assert next(one["status"] for one in node["status"]["conditions"] if one["type"] == "DiskPressure") == "False"
    assert node["metadata"]["labels"]["byteport.io/enabled"] == "true"

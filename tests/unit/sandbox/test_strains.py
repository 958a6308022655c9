"""What `byteport sandbox break` does to load, memory and disks, on the simulated cluster."""

from __future__ import annotations

import pytest

from byteport.cli.sandbox import FAULTS
from byteport.kubernetes.port import AUTOSCALERS, DEPLOYMENTS, JSON, NODES, POD_METRICS
from byteport.kubernetes.quantities import quantity
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.simulated import ManualClock, SimulatedCluster
from byteport.sandbox.strains import BUSY, LIMIT_MIB, NODE, SimulatedStrainer, Strain, strain

HOME = "playground"


@pytest.fixture
def cluster() -> SimulatedCluster:
    return SimulatedCluster(ManualClock())


async def _strained(cluster: SimulatedCluster, what: Strain, seconds: float) -> str:
    said = await strain(SimulatedStrainer(cluster), HOME, what)
    cluster.advance(seconds)
    return said


async def _autoscaler(cluster: SimulatedCluster) -> dict[str, str]:
    status: JSON = (await cluster.get(AUTOSCALERS, HOME, BUSY))["status"]
    return {item["type"]: item["reason"] for item in status["conditions"]}


def test_the_command_offers_every_fault_and_every_strain() -> None:
    assert set(FAULTS) == {*Fault, *Strain} - {Fault.HELD}  # that one is for tests, which then play the kubelet


@pytest.mark.parametrize(("what", "percent"), [(Strain.DISK_IMAGES, 90), (Strain.DISK_LOGS, 92)])
async def test_a_disk_is_full_on_an_enrolled_node_with_the_helper(
    cluster: SimulatedCluster, what: Strain, percent: int
) -> None:
    said = await _strained(cluster, what, 1)
    assert f"{percent} % full" in said
    node = await cluster.get(NODES, "", NODE)
    assert node["metadata"]["labels"]["byteport.io/enabled"] == "true"
    assert next(one["status"] for one in node["status"]["conditions"] if one["type"] == "DiskPressure") == "True"
    assert cluster.disk(NODE).filesystems()[0].percent == percent


async def test_a_leak_stands_close_to_its_limit_and_grows(cluster: SimulatedCluster) -> None:
    await _strained(cluster, Strain.MEMORY_LEAK, 60)
    shares = []
    for _ in range(2):
        item = (await cluster.list(POD_METRICS, HOME)).items[0]
        shares.append(float(quantity(item["containers"][0]["usage"]["memory"]) or 0) / (LIMIT_MIB << 20))
        cluster.advance(300)
    assert 0.92 < shares[0] < shares[1] <= 1.0


async def test_a_surge_finds_an_autoscaler_that_is_slower_than_it(cluster: SimulatedCluster) -> None:
    await _strained(cluster, Strain.LOAD_SURGE, 90)
    assert (await _autoscaler(cluster))["ScalingLimited"] == "ScaleUpLimit"
    assert 2 < (await cluster.get(DEPLOYMENTS, HOME, BUSY))["spec"]["replicas"] < 5


async def test_a_surge_finds_an_autoscaler_at_its_maximum(cluster: SimulatedCluster) -> None:
    await _strained(cluster, Strain.LOAD_AT_MAX, 90)
    assert (await _autoscaler(cluster))["ScalingLimited"] == "TooManyReplicas"
    assert (await cluster.get(DEPLOYMENTS, HOME, BUSY))["spec"]["replicas"] == 2

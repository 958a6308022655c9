"""The metrics API of the simulated cluster: what it measures, when, and how it fails."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from byteport.errors import MalformedInput, NotPermitted, PermanentError, TargetGone, Unavailable
from byteport.kubernetes.port import JSON, NODE_METRICS, POD_METRICS, PODS
from byteport.sandbox.simulated import ManualClock, Right, SimulatedCluster

START = datetime(2030, 1, 1, tzinfo=UTC)
MEBIBYTE = 1024 * 1024


@pytest.fixture
async def cluster() -> SimulatedCluster:
    cluster = SimulatedCluster(ManualClock(START))
    await cluster.deploy("shop/web", image="web:1", replicas=2)
    cluster.advance(15)
    return cluster


async def _used(cluster: SimulatedCluster) -> list[tuple[float, int]]:
    """Cores and bytes of every measured pod of the namespace, by name."""
    found = []
    for item in (await cluster.list(POD_METRICS, "shop")).items:
        (container,) = item["containers"]
        usage = container["usage"]
        found.append((int(usage["cpu"].removesuffix("n")) / 1e9, int(usage["memory"].removesuffix("Ki")) * 1024))
    return found


async def _pods(cluster: SimulatedCluster) -> list[JSON]:
    return (await cluster.list(PODS, "shop")).items


async def test_a_measurement_has_the_form_that_metrics_server_gives_it(cluster: SimulatedCluster) -> None:
    await cluster.set_usage("shop", "web", "web", cpu="250m", memory="64Mi")
    cluster.advance(16)
    name = (await _pods(cluster))[0]["metadata"]["name"]
    item = await cluster.get(POD_METRICS, "shop", name)
    assert (item["apiVersion"], item["kind"]) == ("metrics.k8s.io/v1beta1", "PodMetrics")
    assert item["metadata"]["labels"]["app"] == "web"
    assert (item["timestamp"], item["window"]) == ("2030-01-01T00:00:30Z", "15s")
    assert item["containers"] == [{"name": "web", "usage": {"cpu": "250000000n", "memory": "65536Ki"}}]


async def test_what_changes_within_a_window_is_seen_when_the_next_one_ends(cluster: SimulatedCluster) -> None:
    cluster.advance(5)
    await cluster.set_usage("shop", "web", "web", cpu="1")
    assert {cpu for cpu, _ in await _used(cluster)} == {0.001}
    cluster.advance(9)
    assert {cpu for cpu, _ in await _used(cluster)} == {0.001}
    cluster.advance(1)
    assert {cpu for cpu, _ in await _used(cluster)} == {1.0}


async def test_a_pod_is_measured_from_the_first_window_that_ends_after_its_start(cluster: SimulatedCluster) -> None:
    await cluster.scale("shop/web", 3)
    cluster.advance(3)
    assert len(await _pods(cluster)) == 3
    assert len(await _used(cluster)) == 2
    cluster.advance(12)
    assert len(await _used(cluster)) == 3


async def test_ready_pods_share_a_load_so_that_replicas_lower_what_each_uses(cluster: SimulatedCluster) -> None:
    await cluster.set_load("shop", "web", cpu_cores_total=2, memory_total="200Mi", cpu_each=0, memory_each="10Mi")
    cluster.advance(15)
    assert await _used(cluster) == [(1.0, 110 * MEBIBYTE)] * 2
    await cluster.scale("shop/web", 4)
    cluster.advance(30)
    assert await _used(cluster) == [(0.5, 60 * MEBIBYTE)] * 4


async def test_a_leak_grows_with_a_containers_age_and_starts_again_with_it(cluster: SimulatedCluster) -> None:
    await cluster.set_load("shop", "web", memory_each=0, leak_per_minute="1Mi")
    cluster.advance(600)
    before = await _used(cluster)
    assert all(10 * MEBIBYTE <= memory <= 11 * MEBIBYTE for _, memory in before)
    await cluster.remove(PODS, "shop", (await _pods(cluster))[0]["metadata"]["name"])
    cluster.advance(60)
    assert sorted(memory < 2 * MEBIBYTE for _, memory in await _used(cluster)) == [False, True]


async def test_a_container_uses_no_more_than_its_limits(cluster: SimulatedCluster) -> None:
    item = await cluster.deploy("shop/web", image="web:1")
    container = item["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"limits": {"cpu": "200m", "memory": "32Mi"}}
    await cluster.apply(item)
    await cluster.set_usage("shop", "web", "web", cpu="3", memory="1Gi")
    cluster.advance(30)
    assert set(await _used(cluster)) == {(0.2, 32 * MEBIBYTE)}


async def test_a_figure_for_one_pod_wins_over_the_load_of_its_deployment(cluster: SimulatedCluster) -> None:
    name = (await _pods(cluster))[0]["metadata"]["name"]
    await cluster.set_load("shop", "web", cpu_cores_total=2, cpu_each=0)
    await cluster.set_usage("shop", name, "web", cpu="70m")
    cluster.advance(15)
    assert sorted(cpu for cpu, _ in await _used(cluster)) == [0.07, 1.0]


async def test_a_node_uses_what_its_pods_do_unless_it_is_told_otherwise(cluster: SimulatedCluster) -> None:
    await cluster.set_usage("shop", "web", "web", cpu="500m", memory="1Gi")
    await cluster.set_node_usage("node-3", cpu=15, memory="63Gi")
    cluster.advance(15)
    nodes = {item["metadata"]["name"]: item["usage"] for item in (await cluster.list(NODE_METRICS, "")).items}
    assert nodes["node-3"] == {"cpu": "15000000000n", "memory": f"{63 * MEBIBYTE}Ki"}
    assert sorted(nodes[name]["cpu"] for name in ("node-1", "node-2")) == ["600000000n", "600000000n"]
    assert (await cluster.get(NODE_METRICS, "", "node-1"))["kind"] == "NodeMetrics"


async def test_pods_that_run_may_be_missing_from_the_metrics(cluster: SimulatedCluster) -> None:
    name = (await _pods(cluster))[0]["metadata"]["name"]
    await cluster.unmeasure("shop", name, "web")
    cluster.advance(15)
    assert len(await _used(cluster)) == 1
    with pytest.raises(TargetGone):
        await cluster.get(POD_METRICS, "shop", name)


async def test_stalled_metrics_grow_old(cluster: SimulatedCluster) -> None:
    await cluster.stall_metrics()
    cluster.advance(300)
    item = (await cluster.list(POD_METRICS, "shop")).items[0]
    assert item["timestamp"] == "2030-01-01T00:00:15Z"


async def test_an_absent_metrics_api_is_not_found_and_a_broken_one_unavailable(cluster: SimulatedCluster) -> None:
    await cluster.metrics_available(False)
    with pytest.raises(TargetGone):
        await cluster.list(POD_METRICS, "shop")
    await cluster.metrics_available(False, broken=True)
    with pytest.raises(Unavailable):
        await cluster.list(NODE_METRICS, "")
    await cluster.metrics_available(True)
    assert len(await _used(cluster)) == 2


async def test_metrics_are_read_by_selector_and_by_right_and_are_not_watched(cluster: SimulatedCluster) -> None:
    assert len((await cluster.list(POD_METRICS, "", labels="app=web")).items) == 2
    assert (await cluster.list(POD_METRICS, "shop", labels="app=other")).items == []
    with pytest.raises(NotPermitted):
        await anext(cluster.watch(POD_METRICS, "shop", resource_version="1"))
    cluster.access.grant(Right("watch", POD_METRICS))
    with pytest.raises(PermanentError):
        await anext(cluster.watch(POD_METRICS, "shop", resource_version="1"))
    cluster.access.revoke(Right("list", POD_METRICS))
    with pytest.raises(NotPermitted):
        await cluster.list(POD_METRICS, "shop")


@pytest.mark.parametrize("amount", ["lots", "-1", "1 Mi"])
async def test_an_amount_that_is_none_is_refused(cluster: SimulatedCluster, amount: str) -> None:
    with pytest.raises(MalformedInput):
        await cluster.set_usage("shop", "web", "web", memory=amount)

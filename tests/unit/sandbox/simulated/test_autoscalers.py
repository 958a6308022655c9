"""The simulated autoscaler controller: when it scales, how fast, what it says, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from byteport.errors import PermanentError
from byteport.kubernetes.port import AUTOSCALERS, DEPLOYMENTS, EVENTS, JSON, PODS, Attribution
from byteport.sandbox.simulated import ManualClock, SimulatedCluster

START = datetime(2030, 1, 1, tzinfo=UTC)
BY = Attribution("a1", "", "byteport-agent")
AT_ONCE = {"scaleDown": {"stabilizationWindowSeconds": 0}}


def _autoscaler(name: str = "web", **spec: Any) -> JSON:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 10,
            "metrics": [_cpu(50)],
            **spec,
        },
    }


def _cpu(percent: int) -> JSON:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


@pytest.fixture
async def cluster() -> SimulatedCluster:
    """Two replicas of one core requested each, old enough for their CPU to count."""
    cluster = SimulatedCluster(ManualClock(START))
    item = await cluster.deploy("shop/web", image="web:1", replicas=2)
    item["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1", "memory": "1Gi"}}
    await cluster.apply(item)
    await cluster.set_load("shop", "web", cpu_cores_total=1, cpu_each=0)
    cluster.advance(600)
    return cluster


async def _replicas(cluster: SimulatedCluster) -> int:
    return int((await cluster.get(DEPLOYMENTS, "shop", "web"))["spec"]["replicas"])


async def _status(cluster: SimulatedCluster, name: str = "web") -> JSON:
    status: JSON = (await cluster.get(AUTOSCALERS, "shop", name))["status"]
    return status


async def _reasons(cluster: SimulatedCluster) -> dict[str, tuple[str, str]]:
    return {item["type"]: (item["status"], item["reason"]) for item in (await _status(cluster))["conditions"]}


async def _events(cluster: SimulatedCluster) -> set[str]:
    about = "involvedObject.kind=HorizontalPodAutoscaler"
    return {item["reason"] for item in (await cluster.list(EVENTS, "shop", fields=about)).items}


async def _patch_floor(cluster: SimulatedCluster, floor: int) -> None:
    operation = {"op": "replace", "path": "/spec/minReplicas", "value": floor}
    await cluster.patch(AUTOSCALERS, "shop", "web", [operation], by=BY)


async def test_a_load_at_its_target_is_left_as_it_is(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler())
    cluster.advance(60)
    assert await _replicas(cluster) == 2
    status = await _status(cluster)
    assert (status["currentReplicas"], status["desiredReplicas"]) == (2, 2)
    current = {"averageUtilization": 50, "averageValue": "500m"}
    assert status["currentMetrics"] == [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]
    assert await _reasons(cluster) == {
        "AbleToScale": ("True", "ReadyForNewScale"),
        "ScalingActive": ("True", "ValidMetricFound"),
        "ScalingLimited": ("False", "DesiredWithinRange"),
    }


async def test_within_a_tenth_of_the_target_nothing_happens(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler())
    await cluster.set_load("shop", "web", cpu_cores_total="1100m", cpu_each=0)
    cluster.advance(60)
    assert await _replicas(cluster) == 2
    await cluster.set_load("shop", "web", cpu_cores_total="1120m", cpu_each=0)
    cluster.advance(60)
    assert await _replicas(cluster) == 3


async def test_a_surge_doubles_the_replicas_at_most_and_says_so(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler(maxReplicas=20))
    cluster.advance(15)
    await cluster.set_load("shop", "web", cpu_cores_total=6, cpu_each=0)
    cluster.advance(16)
    assert await _replicas(cluster) == 4
    assert (await _reasons(cluster))["ScalingLimited"] == ("True", "ScaleUpLimit")
    assert (await _reasons(cluster))["AbleToScale"] == ("True", "SucceededRescale")
    assert "SuccessfulRescale" in await _events(cluster)
    cluster.advance(120)
    assert await _replicas(cluster) == 12
    status = await _status(cluster)
    assert status["currentMetrics"][0]["resource"]["current"]["averageUtilization"] == 50
    assert status["lastScaleTime"]
    managers = {
        entry["manager"] for entry in (await cluster.get(DEPLOYMENTS, "shop", "web"))["metadata"]["managedFields"]
    }
    assert "kube-controller-manager" in managers


async def test_a_policy_of_one_pod_a_minute_is_kept(cluster: SimulatedCluster) -> None:
    policies = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    await cluster.apply(_autoscaler(behavior={"scaleUp": {"policies": policies}}))
    await cluster.set_load("shop", "web", cpu_cores_total=4, cpu_each=0)
    seen = []
    for _ in range(4):
        cluster.advance(60)
        seen.append(await _replicas(cluster))
    assert seen == [3, 4, 5, 6]
    assert (await _reasons(cluster))["ScalingLimited"] == ("True", "ScaleUpLimit")


async def test_at_its_ceiling_it_wants_more_than_it_may(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler(maxReplicas=3))
    await cluster.set_load("shop", "web", cpu_cores_total=6, cpu_each=0)
    cluster.advance(120)
    assert await _replicas(cluster) == 3
    assert (await _reasons(cluster))["ScalingLimited"] == ("True", "TooManyReplicas")
    assert (await _status(cluster))["currentMetrics"][0]["resource"]["current"]["averageUtilization"] == 200


async def test_it_scales_down_after_five_minutes_and_not_below_its_floor(cluster: SimulatedCluster) -> None:
    await cluster.scale("shop/web", 6)
    await cluster.set_load("shop", "web", cpu_cores_total=3, cpu_each=0)
    cluster.advance(600)
    await cluster.apply(_autoscaler())
    cluster.advance(30)
    await cluster.set_load("shop", "web", cpu_cores_total="100m", cpu_each=0)
    cluster.advance(280)
    assert await _replicas(cluster) == 6
    assert (await _reasons(cluster))["AbleToScale"] == ("True", "ScaleDownStabilized")
    cluster.advance(60)
    assert await _replicas(cluster) == 2
    cluster.advance(30)
    assert (await _reasons(cluster))["ScalingLimited"] == ("True", "TooFewReplicas")


async def test_a_raised_floor_is_obeyed_at_the_next_look_even_without_metrics(cluster: SimulatedCluster) -> None:
    await cluster.metrics_available(False)
    await cluster.apply(_autoscaler(behavior=AT_ONCE))
    cluster.advance(20)
    assert (await _reasons(cluster))["ScalingActive"] == ("False", "FailedGetResourceMetric")
    assert {"FailedGetResourceMetric", "FailedComputeMetricsReplicas"} <= await _events(cluster)
    await _patch_floor(cluster, 5)
    assert await _replicas(cluster) == 2
    cluster.advance(15)
    assert await _replicas(cluster) == 5


async def test_a_floor_that_is_put_back_lets_it_go_down_again(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler(behavior=AT_ONCE))
    await _patch_floor(cluster, 5)
    cluster.advance(60)
    assert await _replicas(cluster) == 5
    await _patch_floor(cluster, 2)
    cluster.advance(30)
    assert await _replicas(cluster) == 2


@pytest.mark.parametrize("broken", [False, True])
async def test_without_metrics_it_does_nothing_and_goes_on_saying_so(cluster: SimulatedCluster, broken: bool) -> None:
    await cluster.apply(_autoscaler())
    await cluster.metrics_available(False, broken=broken)
    await cluster.set_load("shop", "web", cpu_cores_total=8, cpu_each=0)
    cluster.advance(3 * 3600)
    assert await _replicas(cluster) == 2
    assert "FailedGetResourceMetric" in await _events(cluster)


async def test_a_container_without_a_request_blinds_it(cluster: SimulatedCluster) -> None:
    item = await cluster.get(DEPLOYMENTS, "shop", "web")
    item["spec"]["template"]["spec"]["containers"][0]["resources"] = {}
    await cluster.apply(item, _autoscaler())
    cluster.advance(60)
    condition = (await _status(cluster))["conditions"][1]
    assert (condition["type"], condition["reason"]) == ("ScalingActive", "FailedGetResourceMetric")
    assert "missing request for cpu in container web" in condition["message"]


async def test_scaled_to_zero_it_is_off(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler())
    await cluster.scale("shop/web", 0)
    cluster.advance(60)
    assert await _replicas(cluster) == 0
    assert (await _reasons(cluster))["ScalingActive"] == ("False", "ScalingDisabled")


async def test_without_its_deployment_it_cannot_scale(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler())
    await cluster.remove(DEPLOYMENTS, "shop", "web")
    cluster.advance(60)
    assert (await _reasons(cluster))["AbleToScale"] == ("False", "FailedGetScale")


async def test_more_replicas_than_its_ceiling_are_taken_away_at_once(cluster: SimulatedCluster) -> None:
    await cluster.scale("shop/web", 8)
    await cluster.apply(_autoscaler(maxReplicas=4))
    cluster.advance(16)
    assert await _replicas(cluster) == 4


async def test_two_for_one_deployment_blind_each_other(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler(), _autoscaler("web-two"))
    await cluster.set_load("shop", "web", cpu_cores_total=8, cpu_each=0)
    cluster.advance(60)
    assert (await _reasons(cluster))["ScalingActive"] == ("False", "AmbiguousSelector")
    assert await _replicas(cluster) == 2


async def test_the_metric_that_asks_for_most_decides(cluster: SimulatedCluster) -> None:
    target = {"type": "AverageValue", "averageValue": "10"}
    queue = {"type": "External", "external": {"metric": {"name": "queue"}, "target": target}}
    await cluster.apply(_autoscaler(metrics=[_cpu(50), queue]))
    await cluster.set_metric("shop", "queue", 70)
    cluster.advance(120)
    assert await _replicas(cluster) == 7
    await cluster.set_metric("shop", "queue", None)
    cluster.advance(900)
    assert await _replicas(cluster) == 7  # a metric that fails keeps it from going down
    assert (await _reasons(cluster))["ScalingActive"] == ("False", "FailedGetExternalMetric")


async def test_memory_is_scaled_by_as_well(cluster: SimulatedCluster) -> None:
    target = {"type": "Utilization", "averageUtilization": 50}
    memory = {"type": "Resource", "resource": {"name": "memory", "target": target}}
    await cluster.apply(_autoscaler(metrics=[memory]))
    await cluster.set_load("shop", "web", memory_total="3Gi", memory_each=0)
    cluster.advance(180)
    assert await _replicas(cluster) == 6


async def test_a_leak_that_no_replica_helps_against_drives_it_to_its_ceiling(cluster: SimulatedCluster) -> None:
    target = {"type": "Utilization", "averageUtilization": 50}
    memory = {"type": "Resource", "resource": {"name": "memory", "target": target}}
    await cluster.apply(_autoscaler(metrics=[memory], maxReplicas=5))
    await cluster.set_load("shop", "web", memory_each=0, leak_per_minute="10Mi")
    cluster.advance(4 * 3600)
    assert await _replicas(cluster) == 5


async def test_three_days_at_rest_are_caught_up_in_one_step(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler())
    cluster.advance(3 * 86400)
    await cluster.set_load("shop", "web", cpu_cores_total="1500m", cpu_each=0)
    cluster.advance(15)
    assert await _replicas(cluster) == 3


async def test_after_hours_without_metrics_a_raised_floor_is_obeyed_in_the_next_period(
    cluster: SimulatedCluster,
) -> None:
    await cluster.metrics_available(False)
    await cluster.apply(_autoscaler())
    cluster.advance(3 * 3600)
    await _patch_floor(cluster, 5)
    cluster.advance(15)
    assert await _replicas(cluster) == 5


async def test_after_hours_of_a_leak_a_surge_is_seen_in_the_next_period(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler())
    await cluster.set_load("shop", "web", cpu_cores_total=1, cpu_each=0, leak_per_minute="1Ki")
    cluster.advance(3 * 3600)
    await cluster.set_load("shop", "web", cpu_cores_total=2, cpu_each=0, leak_per_minute="1Ki")
    cluster.advance(16)
    assert await _replicas(cluster) == 4


async def test_how_often_it_looks_can_be_chosen(cluster: SimulatedCluster) -> None:
    await cluster.set_autoscaler_period(1)
    await cluster.apply(_autoscaler())
    await _patch_floor(cluster, 4)
    cluster.advance(1)
    assert await _replicas(cluster) == 4


async def test_new_pods_start_cold_and_their_cpu_does_not_count_at_first(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler())
    cluster.advance(15)
    name = (await cluster.list(PODS, "shop")).items[0]["metadata"]["name"]
    await cluster.remove(PODS, "shop", name)
    cluster.advance(16)
    assert await _replicas(cluster) == 2


@pytest.mark.parametrize(
    "spec",
    [
        {"minReplicas": 11},
        {"minReplicas": 0},
        {"maxReplicas": 0},
        {"minReplicas": -1},
        {"scaleTargetRef": {"kind": "Deployment"}},
    ],
)
async def test_what_the_api_server_refuses_is_refused(cluster: SimulatedCluster, spec: JSON) -> None:
    with pytest.raises(PermanentError):
        await cluster.apply(_autoscaler(**spec))


async def test_a_floor_above_the_ceiling_is_refused_by_patch_too(cluster: SimulatedCluster) -> None:
    await cluster.apply(_autoscaler())
    with pytest.raises(PermanentError):
        await _patch_floor(cluster, 11)


async def test_what_is_left_out_is_filled_in(cluster: SimulatedCluster) -> None:
    item = _autoscaler(behavior=AT_ONCE)
    del item["spec"]["minReplicas"], item["spec"]["metrics"]
    await cluster.apply(item)
    spec = (await cluster.get(AUTOSCALERS, "shop", "web"))["spec"]
    assert spec["minReplicas"] == 1
    assert spec["metrics"] == [_cpu(80)]
    assert spec["behavior"]["scaleUp"]["policies"][0] == {"type": "Pods", "value": 4, "periodSeconds": 15}
    assert spec["behavior"]["scaleDown"] == {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    }

"""Metrics, and autoscalers that go by them: what they ask for, what holds them back, what they say."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.errors import NotPermitted, PermanentError, PreconditionFailed, TargetGone, Unavailable
from byteport.kubernetes.port import AUTOSCALERS, DEPLOYMENTS, JSON, NODE_METRICS, POD_METRICS
from byteport.kubernetes.quantities import quantity
from byteport.sandbox.controlplane import MetricsState
from byteport.sandbox.simulated import Right
from tests.integration.cluster_port.stages import BY, Stage

WITHIN = 90.0
"""A test waits for several looks of the autoscaler, and for what it does."""

pytestmark = pytest.mark.timeout(300)

ASKS = {"requests": {"cpu": "1", "memory": "64Mi"}}
AT_ONCE = {"scaleDown": {"stabilizationWindowSeconds": 0}}


def _autoscaler(stage: Stage, **spec: Any) -> JSON:
    target = {"type": "Utilization", "averageUtilization": 50}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": stage.namespace, "name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 6,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": AT_ONCE,
            **spec,
        },
    }


@pytest.fixture
async def web(stage: Stage) -> JSON:
    """Two replicas that ask for a core each."""
    await stage.deploy("web", replicas=2, resources=ASKS)
    return await stage.complete("web")


async def _condition(stage: Stage, type_: str) -> JSON:
    item = await stage.port.get(AUTOSCALERS, stage.namespace, "web")
    conditions = (item.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == type_), {})


async def _says(stage: Stage, type_: str, reason: str) -> JSON:
    async def look() -> JSON | None:
        found = await _condition(stage, type_)
        return found if found.get("reason") == reason else None

    return await stage.eventually(look, within=WITHIN)


async def _has(stage: Stage, replicas: int) -> None:
    async def look() -> bool:
        return bool((await stage.deployment("web"))["spec"]["replicas"] == replicas)

    await stage.eventually(look, within=WITHIN)


async def _set_floor(stage: Stage, floor: int, *tests: JSON) -> JSON:
    operations = [*tests, {"op": "replace", "path": "/spec/minReplicas", "value": floor}]
    return await stage.port.patch(AUTOSCALERS, stage.namespace, "web", operations, by=BY)


async def _measured(stage: Stage, count: int) -> list[JSON]:
    async def look() -> list[JSON] | None:
        items = (await stage.port.list(POD_METRICS, stage.namespace)).items
        return items if len(items) == count else None

    return await stage.eventually(look, within=WITHIN)


async def test_what_containers_use_is_told_with_its_time_and_window(stage: Stage, web: JSON) -> None:
    (item, other) = await _measured(stage, 2)
    assert item["metadata"]["name"] != other["metadata"]["name"]
    assert item["metadata"]["labels"]["app"] == "web"
    assert item["timestamp"].endswith("Z")
    assert item["window"].endswith("s")
    (container,) = item["containers"]
    assert container["name"] == "app"
    assert quantity(container["usage"]["cpu"]) == quantity("1m")
    assert quantity(container["usage"]["memory"]) == quantity("1Mi")
    one = await stage.port.get(POD_METRICS, stage.namespace, item["metadata"]["name"])
    assert (one["kind"], one["apiVersion"]) == ("PodMetrics", "metrics.k8s.io/v1beta1")
    nodes = (await stage.port.list(NODE_METRICS, "")).items
    assert {node["metadata"]["name"] for node in nodes} == {"node-1", "node-2", "node-3"}
    assert all(set(node["usage"]) == {"cpu", "memory"} for node in nodes)
    with pytest.raises(TargetGone):
        await stage.port.get(POD_METRICS, stage.namespace, "nobody")


async def test_the_ready_pods_of_a_deployment_share_its_load(stage: Stage, web: JSON) -> None:
    await stage.set_load("web", cpu_total="3", memory_total="128Mi")

    async def look() -> bool:
        items = (await stage.port.list(POD_METRICS, stage.namespace, labels="app=web")).items
        used = [item["containers"][0]["usage"] for item in items]
        cpu = {quantity(usage["cpu"]) for usage in used}
        return len(items) == 2 and cpu == {quantity("1500m")} and {quantity(u["memory"]) for u in used} == {64 * 2**20}

    await stage.eventually(look, within=WITHIN)


@pytest.mark.parametrize(("state", "error"), [(MetricsState.ABSENT, TargetGone), (MetricsState.BROKEN, Unavailable)])
async def test_an_absent_metrics_api_and_a_broken_one_are_told_apart(
    stage: Stage, state: MetricsState, error: type[Exception]
) -> None:
    async with stage.metrics(state):
        with pytest.raises(error):
            await stage.port.list(POD_METRICS, stage.namespace)


async def test_metrics_are_a_right_of_their_own(stage: Stage) -> None:
    assert await stage.port.review("list", POD_METRICS, stage.namespace)
    async with stage.without(Right("list", POD_METRICS)) as port:
        with pytest.raises(NotPermitted):
            await port.list(POD_METRICS, stage.namespace)


async def test_a_load_below_its_target_leaves_it_at_its_floor(stage: Stage, web: JSON) -> None:
    await stage.apply(_autoscaler(stage))
    condition = await _says(stage, "ScalingActive", "ValidMetricFound")
    assert condition["status"] == "True"
    status = (await stage.port.get(AUTOSCALERS, stage.namespace, "web"))["status"]
    assert (status["currentReplicas"], status["desiredReplicas"]) == (2, 2)
    current = status["currentMetrics"][0]["resource"]
    assert current == {"name": "cpu", "current": {"averageUtilization": 0, "averageValue": "1m"}}
    assert (await _condition(stage, "ScalingLimited"))["reason"] == "TooFewReplicas"


async def test_a_surge_scales_it_to_its_ceiling_where_it_says_that_it_wants_more(stage: Stage, web: JSON) -> None:
    await stage.apply(_autoscaler(stage, maxReplicas=3))
    await stage.set_load("web", cpu_total="4")
    await _has(stage, 3)
    assert (await _says(stage, "ScalingLimited", "TooManyReplicas"))["status"] == "True"


async def test_a_raised_floor_is_obeyed_and_a_restored_one_too(stage: Stage, web: JSON) -> None:
    await stage.apply(_autoscaler(stage))
    await _says(stage, "ScalingActive", "ValidMetricFound")
    before = await stage.port.get(AUTOSCALERS, stage.namespace, "web")
    await _set_floor(stage, 4, {"op": "test", "path": "/spec/minReplicas", "value": 2})
    await _has(stage, 4)
    await stage.complete("web", within=WITHIN)
    await _set_floor(stage, 2, {"op": "test", "path": "/spec/minReplicas", "value": 4})
    await _has(stage, 2)
    after = await stage.port.get(AUTOSCALERS, stage.namespace, "web")
    assert after["spec"] == before["spec"]


async def test_a_floor_that_somebody_else_has_moved_is_not_set(stage: Stage, web: JSON) -> None:
    await stage.apply(_autoscaler(stage))
    with pytest.raises(PreconditionFailed):
        await _set_floor(stage, 4, {"op": "test", "path": "/spec/minReplicas", "value": 3})
    item = await stage.port.get(AUTOSCALERS, stage.namespace, "web")
    assert item["spec"]["minReplicas"] == 2


async def test_a_floor_above_the_ceiling_is_no_valid_object(stage: Stage, web: JSON) -> None:
    await stage.apply(_autoscaler(stage))
    with pytest.raises(PermanentError):
        await _set_floor(stage, 7)


async def test_a_raised_floor_is_noted_as_the_patchers(stage: Stage, web: JSON) -> None:
    await stage.apply(_autoscaler(stage))
    after = await _set_floor(stage, 4)
    mine = [entry for entry in after["metadata"]["managedFields"] if entry["manager"] == BY.field_manager]
    assert "f:minReplicas" in mine[0]["fieldsV1"]["f:spec"]


async def test_an_autoscaler_is_kept_with_its_defaults_and_counts_changes_of_its_spec(stage: Stage, web: JSON) -> None:
    item = _autoscaler(stage)
    del item["spec"]["minReplicas"], item["spec"]["metrics"]
    await stage.apply(item)
    kept = await stage.port.get(AUTOSCALERS, stage.namespace, "web")
    assert kept["spec"]["minReplicas"] == 1
    target = {"type": "Utilization", "averageUtilization": 80}
    assert kept["spec"]["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert kept["spec"]["behavior"] == {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Pods", "value": 4, "periodSeconds": 15},
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        },
    }
    assert kept["metadata"]["generation"] == 1
    await _says(stage, "ScalingActive", "ValidMetricFound")
    assert (await _set_floor(stage, 2))["metadata"]["generation"] == 2


async def test_without_metrics_it_says_why_and_obeys_its_floor_all_the_same(stage: Stage, web: JSON) -> None:
    async with stage.metrics(MetricsState.ABSENT):
        await stage.apply(_autoscaler(stage))
        condition = await _says(stage, "ScalingActive", "FailedGetResourceMetric")
        assert condition["status"] == "False"
        assert "unable to fetch metrics from resource metrics API" in condition["message"]
        await _set_floor(stage, 3)
        await _has(stage, 3)


async def test_without_a_request_it_is_blind_and_names_the_container(stage: Stage) -> None:
    await stage.deploy("web", replicas=2)
    await stage.complete("web")
    await stage.apply(_autoscaler(stage))
    await stage.set_load("web", cpu_total="4")

    async def look() -> bool:
        condition = await _condition(stage, "ScalingActive")
        return "missing request for cpu in container app of Pod web-" in condition.get("message", "")

    await stage.eventually(look, within=WITHIN)
    assert (await stage.deployment("web"))["spec"]["replicas"] == 2


async def test_scaled_to_zero_it_is_off(stage: Stage, web: JSON) -> None:
    await stage.apply(_autoscaler(stage))
    operation = {"op": "replace", "path": "/spec/replicas", "value": 0}
    await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", [operation], by=BY)
    assert (await _says(stage, "ScalingActive", "ScalingDisabled"))["status"] == "False"
    assert (await stage.deployment("web"))["spec"]["replicas"] == 0


async def test_without_its_deployment_it_cannot_scale(stage: Stage) -> None:
    await stage.apply(_autoscaler(stage))
    condition = await _says(stage, "AbleToScale", "FailedGetScale")
    assert condition["status"] == "False"
    assert 'deployments.apps "web" not found' in condition["message"]


async def test_two_for_one_deployment_blind_each_other(stage: Stage, web: JSON) -> None:
    other = _autoscaler(stage)
    other["metadata"]["name"] = "web-two"
    await stage.apply(_autoscaler(stage), other)
    assert (await _says(stage, "ScalingActive", "AmbiguousSelector"))["status"] == "False"

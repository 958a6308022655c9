"""An autoscaler is read as its controller means it, in both API versions, and whatever is damaged in it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteport.domain.targets import Target
from byteport.kubernetes.autoscaler_reading import autoscalers_of, read_autoscaler
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_UNTIL, rest_digest
from byteport.kubernetes.scaling import AutoscalerReading, Blindness, Brake, Measure, Misfit
from byteport.kubernetes.scaling_reading import read_scaling
from byteport.kubernetes.world import World, world_of
from tests.builders.memory import autoscaler
from tests.builders.mutilate import JUNK
from tests.builders.objects import JSON, NOW, event, owner, pod, stamp
from tests.builders.sampled import examples

TARGET = Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web")


def hpa(**more: Any) -> JSON:
    return autoscaler(**{"metric": "cpu", "usage": 186, "target": 40, "floor": 3, "ceiling": 60, **more})


def read(item: JSON, *beside: JSON) -> AutoscalerReading:
    return read_autoscaler(world_of(NOW, [item, *beside]), item)


def deployment(**spec: Any) -> JSON:
    containers = [{"name": "web", "resources": {"requests": {"cpu": "1"}}}]
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "d-1"},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }


def test_bounds_counts_and_the_binding_metric_are_read() -> None:
    found = read(hpa())
    assert (found.floor, found.ceiling, found.current, found.asks) == (3, 60, 4, 19)
    assert found.binding is not None
    assert found.binding.measures(Measure.CPU)
    assert found.rest_digest == rest_digest(hpa(floor=5))
    assert found.rest_digest != rest_digest(hpa(ceiling=61))


def test_a_missing_floor_is_one_and_a_floor_of_zero_is_zero() -> None:
    item = hpa()
    del item["spec"]["minReplicas"]
    assert read(item).floor == 1
    assert read(hpa(floor=0)).floor == 0


BRAKES = [
    ("ScalingLimited", "True", "TooManyReplicas", Brake.AT_MAX),
    ("ScalingLimited", "True", "ScaleUpLimit", Brake.RATE),
    ("ScalingLimited", "True", "TooFewReplicas", Brake.NONE),
    ("ScalingLimited", "True", "ScaleDownLimit", Brake.NONE),
    ("ScalingLimited", "False", "DesiredWithinRange", Brake.NONE),
    ("ScalingActive", "False", "FailedGetResourceMetric", Brake.BLIND),
    ("ScalingActive", "False", "ScalingDisabled", Brake.OFF),
    ("ScalingActive", "Unknown", "", Brake.RATE),
    ("AbleToScale", "False", "FailedGetScale", Brake.UNABLE),
    ("AbleToScale", "False", "FailedUpdateScale", Brake.UNABLE),
    ("AbleToScale", "False", "BackoffBoth", Brake.RATE),
]


@pytest.mark.parametrize(("kind", "status", "reason", "brake"), BRAKES)
def test_what_holds_it_back_is_its_conditions_word(kind: str, status: str, reason: str, brake: Brake) -> None:
    item = hpa()
    for condition in item["status"]["conditions"]:
        if condition["type"] == kind:
            condition |= {"status": status, "reason": reason}
    assert read(item).brake is brake


def test_scaling_up_that_its_owner_forbids_is_off() -> None:
    item = hpa()
    item["spec"]["behavior"] = {"scaleUp": {"selectPolicy": "Disabled"}}
    assert read(item).brake is Brake.OFF


def test_a_workload_at_zero_is_off_whatever_the_conditions_say() -> None:
    assert read(hpa(), deployment(replicas=0)).brake is Brake.OFF


METRICS: list[tuple[JSON, JSON, float | None]] = [
    (
        {"type": "Resource", "resource": {"name": "cpu", "target": {"averageValue": "500m"}}},
        {"type": "Resource", "resource": {"name": "cpu", "current": {"averageValue": "1", "averageUtilization": 9}}},
        2.0,
    ),
    (
        {
            "type": "ContainerResource",
            "containerResource": {"name": "cpu", "container": "web", "target": {"averageUtilization": 50}},
        },
        {
            "type": "ContainerResource",
            "containerResource": {"name": "cpu", "container": "web", "current": {"averageUtilization": 75}},
        },
        1.5,
    ),
    (
        {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"averageValue": "1k"}}},
        {"type": "Pods", "pods": {"metric": {"name": "rps"}, "current": {"averageValue": "1500"}}},
        1.5,
    ),
    (
        {
            "type": "Object",
            "object": {
                "metric": {"name": "rps"},
                "describedObject": {"kind": "Ingress", "name": "a"},
                "target": {"value": "10"},
            },
        },
        {
            "type": "Object",
            "object": {
                "metric": {"name": "rps"},
                "describedObject": {"kind": "Ingress", "name": "a"},
                "current": {"value": "5"},
            },
        },
        0.5,
    ),
    (
        {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"averageValue": "30"}}},
        {
            "type": "External",
            "external": {"metric": {"name": "queue"}, "current": {"averageValue": "90", "value": "9"}},
        },
        3.0,
    ),
    (
        {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 50}}},
        {"type": "Resource", "resource": {"name": "memory", "current": {"averageUtilization": 75}}},
        None,
    ),
    ({"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 0}}}, {"type": ""}, None),
]


@pytest.mark.parametrize(("target", "current", "ratio"), METRICS)
def test_each_kind_of_metric_is_compared_with_its_own_target(target: JSON, current: JSON, ratio: float | None) -> None:
    item = hpa()
    item["spec"]["metrics"], item["status"]["currentMetrics"] = [target], [current]
    assert [metric.ratio for metric in read(item).metrics] == [ratio]


def test_the_metric_that_asks_for_most_binds() -> None:
    item = hpa()
    item["spec"]["metrics"].append(METRICS[4][0])
    item["status"]["currentMetrics"].append(METRICS[4][1])
    found = read(item)
    assert found.binding is not None
    assert (found.binding.name, found.asks) == ("cpu", 19)
    item["status"]["currentMetrics"][1]["external"]["current"]["averageValue"] = "900"
    assert (read(item).binding or found.binding).name == "queue"


def test_the_first_api_version_is_read_as_well() -> None:
    conditions = hpa(limited="TooManyReplicas")["status"]["conditions"]
    item = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "annotations": {"autoscaling.alpha.kubernetes.io/conditions": json.dumps(conditions)},
        },
        "spec": {"maxReplicas": 8, "targetCPUUtilizationPercentage": 50, "scaleTargetRef": {"kind": "Deployment"}},
        "status": {"currentReplicas": 8, "desiredReplicas": 8, "currentCPUUtilizationPercentage": 120},
    }
    found = read(item)
    assert (found.brake, found.hot, found.asks, found.floor) == (Brake.AT_MAX, True, 20, 1)


def test_the_mark_of_a_floor_of_ours_is_read() -> None:
    item = hpa(floor=8)
    item["metadata"]["annotations"] = {
        FLOOR_BEFORE: "3",
        FLOOR_UNTIL: stamp(-30),
        "byteport.io/action-id": "a" * 64,
    }
    item["metadata"]["managedFields"] = [
        {"manager": "helm", "operation": "Update", "time": stamp(90), "fieldsV1": {"f:spec": {"f:minReplicas": {}}}},
        {"manager": "byteport", "operation": "Update", "time": stamp(9), "fieldsV1": {"f:spec": {"f:minReplicas": {}}}},
        {"manager": "later", "operation": "Update", "time": stamp(1), "fieldsV1": {"f:spec": {"f:maxReplicas": {}}}},
    ]
    found = read(item)
    assert (found.floor_before, found.floor_manager, found.stands, found.applied_by) == (3, "byteport", True, "")
    assert found.floor_until is not None
    assert found.floor_until > NOW


@pytest.mark.parametrize("value", ["-1", "3 ", "three", "1e3", "", None, 3, "9" * 30])
def test_a_mark_that_is_no_number_is_none(value: object) -> None:
    item = hpa()
    item["metadata"]["annotations"] = {FLOOR_BEFORE: value}
    assert read(item).floor_before is None


def blind(message: str = "", reason: str = "FailedGetResourceMetric") -> JSON:
    item = hpa()
    item["status"]["conditions"][1] |= {"status": "False", "reason": reason, "message": message}
    return item


def test_a_pod_of_the_workload_itself_is_no_stray() -> None:
    workload = deployment()
    replica_set = {
        "kind": "ReplicaSet",
        "metadata": {
            "name": "web-1",
            "namespace": "shop",
            "uid": "r-1",
            "ownerReferences": [owner("Deployment", "web", "d-1")],
        },
    }
    own = pod("web-1-a", labels={"app": "web"}, owners=[owner("ReplicaSet", "web-1", "r-1")])
    assert read(blind(), workload, replica_set, own).blindness is Blindness.UNKNOWN
    stray = pod("debug", labels={"app": "web"})
    found = read(blind(), workload, replica_set, own, stray)
    assert (found.blindness, found.culprit) == (Blindness.STRAY_POD, "container web of Pod/debug")


def test_a_pod_beside_that_can_be_measured_blinds_nobody() -> None:
    sized = {"name": "web", "resources": {"requests": {"cpu": "1"}}}
    beside = pod("other", labels={"app": "web"}, containers=[sized])
    assert read(blind(), deployment(), beside).blindness is Blindness.UNKNOWN


def test_what_makes_it_is_misfit_when_its_operator_was_refused_for_its_bounds() -> None:
    item = hpa(limited="")
    item["metadata"]["ownerReferences"] = [owner("ScaledObject", "web", api="keda.sh/v1alpha1")]
    about = {"kind": "ScaledObject", "metadata": {"name": "web", "namespace": "shop"}}
    said = "spec.maxReplicas: Invalid value: 10: must be greater than or equal to `minReplicas`"
    refused = event(about, "ScaledObjectCheckFailed", said, last=4)
    assert read(item, refused).misfit is Misfit.MIN_OVER_MAX
    old = event(about, "ScaledObjectCheckFailed", said, first=500, last=400)
    assert read(item, old).misfit is None


def test_only_autoscalers_that_name_the_workload_are_its() -> None:
    other = hpa()
    other["spec"]["scaleTargetRef"] = {"kind": "StatefulSet", "name": "web"}
    world = world_of(NOW, [other, hpa()])
    assert [item["spec"]["scaleTargetRef"]["kind"] for item in autoscalers_of(world, TARGET)] == ["Deployment"]


def test_a_workload_without_one_is_read_without_one() -> None:
    assert read_scaling(world_of(NOW, [deployment()]), TARGET).autoscaler is None


def paths(value: object, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in an object, itself excluded."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in ((*way, key), *paths(item, (*way, key)))]
    if isinstance(value, list):
        return [found for key, item in enumerate(value) for found in ((*way, key), *paths(item, (*way, key)))]
    return []


PLACES = paths(hpa())


@settings(max_examples=examples(200), deadline=None)
@given(place=st.sampled_from(PLACES), junk=st.sampled_from(JUNK))
def test_whatever_is_damaged_nothing_raises_and_nothing_of_it_leaves(place: tuple[Any, ...], junk: Any) -> None:
    item = copy.deepcopy(hpa())
    at: Any = item
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = junk
    world = World(now=NOW, objects=(item, deployment()), complete=False)
    found = read_scaling(world, TARGET)
    assert found.model_validate_json(found.model_dump_json()) == found
    assert isinstance(read_autoscaler(world, item), AutoscalerReading)

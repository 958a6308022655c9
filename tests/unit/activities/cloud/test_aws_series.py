"""Which of CloudWatch's metrics are ours: one machine or one pod each, of this cluster, and one series for each of them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.cloud.aws_series import AGENT, EC2, INSIGHTS, MEASURES, Measure, Series, chosen, of_machine, of_metric
from byteport.contracts.cloud import Metric

MACHINES = {"i-1": False, "i-2": True}
NODE = {"ClusterName": "prod", "InstanceId": "i-1", "NodeName": "n1"}
POD = {"ClusterName": "prod", "Namespace": "shop", "PodName": "web", "FullPodName": "web-1"}


def measure(name: str) -> Measure:
    return next(one for one in MEASURES if one.name == name)


def series(name: str, **dimensions: str) -> Series | None:
    return of_metric(measure(name), dimensions, "prod", MACHINES)


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [
        ("node_cpu_utilization", NODE | {"ClusterName": "elsewhere"}),
        ("node_cpu_utilization", NODE | {"InstanceId": "i-of-others"}),
        ("node_cpu_utilization", {"ClusterName": "prod"}),
        ("node_cpu_utilization", NODE | {"AutoScalingGroupName": "g"}),
        ("pod_memory_utilization_over_pod_limit", {key: POD[key] for key in ("ClusterName", "Namespace", "PodName")}),
        ("pod_memory_utilization_over_pod_limit", POD | {"FullPodName": "../etc"}),
        ("pod_memory_utilization_over_pod_limit", POD | {"Namespace": ""}),
        ("mem_used_percent", {"InstanceId": "i-of-others"}),
        ("mem_used_percent", {"host": "n1"}),
        ("disk_used_percent", {"InstanceId": "i-1", "path": "/mnt/volume"}),
        ("disk_used_percent", {"InstanceId": "i-1"}),
    ],
)
@pytest.mark.claim("C-405")
def test_what_is_of_no_one_machine_or_pod_of_ours_is_left_out(name: str, dimensions: dict[str, str]) -> None:
    assert series(name, **dimensions) is None


def test_a_machine_is_measured_by_the_minute_only_where_it_is_paid_for() -> None:
    slow, quick = (of_machine(name, detailed=detailed) for name, detailed in MACHINES.items())
    assert (slow.period.total_seconds(), quick.period.total_seconds()) == (300, 60)


def test_the_better_measure_of_one_machine_is_taken_whatever_the_order() -> None:
    found = [
        of_machine("i-1", detailed=False),
        series("node_cpu_utilization", **NODE),
        series("mem_used_percent", InstanceId="i-1", ImageId="ami", InstanceType="m5"),
        series("mem_used_percent", InstanceId="i-1"),
        series("node_memory_utilization", **NODE | {"InstanceId": "i-2"}),
    ]
    kept = chosen([one for one in found if one is not None])
    assert {(one.subject.provider_id, one.metric, one.namespace, len(one.dimensions)) for one in kept} == {
        ("i-1", Metric.CPU, INSIGHTS, 3),
        ("i-1", Metric.MEMORY, AGENT, 1),
        ("i-2", Metric.MEMORY, INSIGHTS, 3),
    }


names = st.sampled_from([one.name for one in MEASURES])
values = st.sampled_from(["", "prod", "i-1", "i-2", "shop", "web-1", "/", "/var", "../x", "É"])
keys = st.sampled_from(["ClusterName", "InstanceId", "NodeName", "Namespace", "PodName", "FullPodName", "path", "x"])


@given(
    st.lists(st.tuples(names, st.dictionaries(keys, values, max_size=5)), max_size=20),
    st.randoms(use_true_random=False),
)
def test_whatever_is_listed_each_metric_of_each_subject_is_asked_for_once(
    listed: list[tuple[str, dict[str, str]]], chance: random.Random
) -> None:
    found = [one for name, dimensions in listed if (one := series(name, **dimensions)) is not None]
    kept = chosen(found)
    chance.shuffle(found)
    assert chosen(found) == kept
    assert len({(one.subject, one.metric, one.part) for one in kept}) == len(kept)
    assert all(one.namespace != EC2 for one in kept)
    assert all(one.subject.provider_id in MACHINES or one.subject.kind == "Pod" for one in kept)

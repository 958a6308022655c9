"""What containers use, joined with what they may have; and what is not believed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.measurements import with_measurements
from byteport.kubernetes.scaling import ScalingReading
from byteport.kubernetes.usage import MOST_CONTAINERS, UsageReading, memory_share, read_usage, window_seconds
from byteport.kubernetes.world import World
from tests.builders.asking import deployment
from tests.builders.memory import LIMIT, Measured, pod_metrics
from tests.builders.objects import NOW, container, owner, status


def read(shop: Measured) -> UsageReading:
    return read_usage(shop.world(), deployment())


def test_use_is_joined_with_requests_and_limits_of_the_very_pod() -> None:
    one = read(Measured(share=0.5)).usage[0]
    assert (one.memory, one.memory_limit, one.memory_request) == (LIMIT // 2, LIMIT, LIMIT // 2)
    assert (one.cpu, one.cpu_request, one.cpu_limit, one.window_seconds) == (0.5, 0.5, None, 30.0)
    assert memory_share(one) == 0.5


def test_a_limit_without_a_request_is_the_request_too() -> None:
    shop = Measured()
    shop.pods[0]["spec"]["containers"][0]["resources"] = {"limits": {"memory": str(LIMIT)}}
    assert next(one for one in read(shop).usage if one.pod == shop.name_of(0)).memory_request == LIMIT


def test_a_limit_that_was_changed_in_place_is_the_one_that_counts() -> None:
    shop = Measured(share=0.5)
    for pod in shop.pods:
        pod["status"]["containerStatuses"][0]["resources"] = {"limits": {"memory": str(LIMIT // 2)}}
    assert {memory_share(one) for one in read(shop).usage} == {1.0}


def test_native_sidecars_are_measured_and_init_containers_are_not() -> None:
    shop = Measured()
    shop.pods[0]["spec"]["initContainers"] = [container("proxy", restartPolicy="Always"), container("migrate")]
    shop.metrics[0]["containers"] += [
        {"name": name, "usage": {"cpu": "1m", "memory": "1Mi"}} for name in ("proxy", "migrate", "unheard-of")
    ]
    own = [one.container for one in read(shop).usage if one.pod == shop.name_of(0)]
    assert sorted(own) == ["proxy", "web"]


def test_pods_of_others_finished_ones_and_those_on_their_way_out_are_left_out() -> None:
    shop = Measured()
    shop.pods[0]["metadata"]["ownerReferences"] = [owner("StatefulSet", "db")]
    shop.pods[1]["status"]["phase"] = "Succeeded"
    shop.pods[2]["metadata"]["deletionTimestamp"] = "2026-03-10T08:59:00Z"
    assert {one.pod for one in read(shop).usage} == {shop.name_of(3)}


def test_several_measurements_of_one_pod_are_its_history() -> None:
    shop = Measured(share=0.9).measure([0.7] * 4, at=2).measure([0.8] * 4, at=1)
    found = read(shop)
    assert [round(sample.worst_memory_share, 2) for sample in found.earlier] == [0.7, 0.8]
    assert found.sample is not None
    assert (found.sample.pods, found.sample.memory) == (4, 4 * int(0.9 * LIMIT))


def test_nodes_are_not_scraped_at_one_moment_and_yet_it_is_one_sample() -> None:
    shop = Measured()
    shop.metrics = [pod_metrics(pod, memory=LIMIT // 2, at=0.2 + index / 20) for index, pod in enumerate(shop.pods)]
    found = read(shop)
    assert (found.earlier, found.sample.pods if found.sample else 0) == ((), 4)


@pytest.mark.parametrize("memory", ["-5", str(2 * LIMIT), str(2**61), "1e400", "much"])
def test_a_figure_that_cannot_be_is_none(memory: str) -> None:
    shop = Measured()
    shop.metrics[0] = pod_metrics(shop.pods[0], memory=memory)
    own = [one for one in read(shop).usage if one.pod == shop.name_of(0)]
    assert [one.memory for one in own] in ([None], [])


def test_more_than_its_node_has_cannot_be_even_without_a_limit() -> None:
    shop = Measured()
    for pod in shop.pods:
        pod["spec"]["containers"][0]["resources"] = {}
    shop.metrics = [pod_metrics(pod, memory="65Gi") for pod in shop.pods]
    assert read(shop).absurd


@pytest.mark.parametrize("window", [None, "", "0s", "-1s", "15", "1d", "s", "99h99m99s"])
def test_a_measurement_without_a_window_is_not_used(window: Any) -> None:
    shop = Measured()
    for item in shop.metrics:
        item["window"] = window
    assert (read(shop).usage, read(shop).absurd) == ((), True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("15s", 15), ("1m0.5s", 60.5), ("1m", 60), ("30.512s", 30.512), ("1h", 3600)]
)
def test_windows_are_go_durations(text: str, seconds: float) -> None:
    assert window_seconds(text) == seconds


def test_a_clock_in_the_future_is_not_believed() -> None:
    shop = Measured().only([0.9] * 4, at=-5)
    assert read(shop).usage == ()


def test_pods_that_run_without_any_measurement_say_that_metrics_are_missing() -> None:
    shop = Measured().started(60, 60, 60, 60)
    shop.metrics = []
    assert read(shop).missing
    assert {one.memory_limit for one in read(shop).unmeasured} == {LIMIT}


def test_pods_that_began_just_now_are_not_missed_yet() -> None:
    shop = Measured().started(1, 1, 1, 1)
    shop.metrics = []
    assert not read(shop).missing


def test_saved_objects_without_measurements_miss_nothing() -> None:
    shop = Measured().started(60, 60, 60, 60)
    shop.metrics = []
    assert not read_usage(shop.world(complete=False), deployment()).missing


def test_a_large_workload_keeps_its_fullest_and_adds_up_all() -> None:
    shop = Measured(replicas=600, share=0.5)
    shop.only([0.99] + [0.5] * 599)
    found = read(shop)
    assert len(found.usage) <= MOST_CONTAINERS
    assert max(memory_share(one) or 0 for one in found.usage) == pytest.approx(0.99)
    assert found.sample is not None
    assert found.sample.pods == 600


def test_samples_of_earlier_looks_come_before_those_of_the_world() -> None:
    shop = Measured().measure([0.8] * 4, at=2)
    before = read(shop).sample
    assert before is not None
    kept = before.model_copy(update={"at": NOW - timedelta(minutes=9)})
    filled = with_measurements(ScalingReading(earlier=(kept,)), shop.world(), deployment())
    assert [sample.at for sample in filled.earlier] == [kept.at, NOW - timedelta(minutes=2)]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(timestamp=anything, window=anything, containers=anything, resources=anything, statuses=anything)
def test_it_never_raises_whatever_it_reads(**parts: Any) -> None:
    shop = Measured()
    shop.metrics[0] |= {"timestamp": parts["timestamp"], "window": parts["window"], "containers": parts["containers"]}
    shop.pods[1]["spec"]["containers"][0]["resources"] = parts["resources"]
    world = World(now=NOW, objects=tuple(shop.objects()))
    shop.pods[2]["status"]["containerStatuses"] = parts["statuses"]
    assert with_measurements(ScalingReading(), world, deployment()).usage


def test_a_status_alone_makes_no_container() -> None:
    shop = Measured()
    shop.pods[0]["status"]["containerStatuses"] = [status("ghost")]
    assert {one.container for one in read(shop).usage} == {"web"}

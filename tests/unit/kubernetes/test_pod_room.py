"""How many more pods would find a place, and whether any wait for one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.pod_room import PodRoom, read_pod_room
from byteport.kubernetes.usage import own_pods
from tests.builders.asking import deployment
from tests.builders.memory import MI, Measured
from tests.builders.objects import event, node, simple, stamp


def room(shop: Measured) -> PodRoom:
    world = shop.world()
    return read_pod_room(world, deployment(), own_pods(world, deployment()))


def quota(shop: Measured, **hard: str) -> None:
    limits = {key.replace("_", "."): value for key, value in hard.items()}
    shop.extra.append(simple("ResourceQuota", f"q{len(shop.extra)}", spec={"hard": limits}, status={"hard": limits}))


def small(shop: Measured, *, cpu: str, pods: str = "110") -> Measured:
    for item in shop.nodes:
        item["status"]["allocatable"] = {"cpu": cpu, "memory": "64Gi", "pods": pods}
    return shop


@pytest.mark.parametrize(("cpu", "more"), [("500m", 0), ("1", 1), ("1100m", 1), ("2", 3)])
def test_a_node_takes_what_its_pods_leave(cpu: str, more: int) -> None:
    shop = small(Measured(replicas=1, nodes=1), cpu=cpu)
    assert room(shop).room == more


def test_the_scarcest_resource_decides_and_the_number_of_pods_is_one() -> None:
    assert room(small(Measured(replicas=1, nodes=1), cpu="64", pods="3")).room == 2


def test_pods_of_other_workloads_take_their_place_and_finished_ones_none() -> None:
    shop = small(Measured(replicas=3, nodes=1), cpu="2")
    shop.pods[1]["metadata"]["ownerReferences"] = []
    shop.pods[2]["status"]["phase"] = "Succeeded"
    assert room(shop).room == 2


@pytest.mark.parametrize("trouble", ["cordoned", "tainted", "not ready"])
def test_a_node_that_takes_no_pods_has_no_room(trouble: str) -> None:
    shop = small(Measured(replicas=1, nodes=1), cpu="64")
    if trouble == "cordoned":
        shop.nodes[0]["spec"] = {"unschedulable": True}
    elif trouble == "tainted":
        shop.nodes[0]["spec"] = {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}
    else:
        shop.nodes[0]["status"]["conditions"][-1]["status"] = "False"
    assert room(shop).room == 0


def test_a_quota_may_leave_less_than_the_nodes() -> None:
    shop = Measured()
    quota(shop, pods="6")
    quota(shop, limits_memory=str(5000 * MI))
    shop.extra[0]["status"]["used"] = {"pods": "4"}
    shop.extra[1]["status"]["used"] = {"limits.memory": str(4000 * MI)}
    assert room(shop).room == 1


def test_without_nodes_and_quotas_nobody_can_tell() -> None:
    shop = Measured()
    shop.nodes = []
    assert room(shop).room is None


def test_nodes_that_do_not_say_what_they_have_tell_nothing() -> None:
    shop = Measured()
    shop.nodes = [node("node-1")]
    assert room(shop).room is None


def test_pods_that_wait_for_a_node_are_counted_with_the_oldest_wait() -> None:
    shop = Measured()
    for index, minutes in ((0, 3), (1, 9)):
        del shop.pods[index]["spec"]["nodeName"]
        shop.pods[index]["metadata"]["creationTimestamp"] = stamp(minutes)
    found = room(shop)
    assert (found.pending, found.pending_since and stamp(found.pending_since)) == (2, stamp(9))


@pytest.mark.parametrize(
    ("asked", "born", "worked"), [(60, 55, True), (60, 70, False), (60, 10, False), (1600, 1590, False)]
)
def test_a_scale_up_worked_when_a_node_came_soon_after_it_within_the_day(
    asked: float, born: float, worked: bool
) -> None:
    shop = Measured()
    shop.events.append(event(shop.pods[0], "TriggeredScaleUp", kind="Normal", first=asked, last=asked))
    shop.nodes[0]["metadata"]["creationTimestamp"] = stamp(born)
    assert (room(shop).scale_up_worked_at is not None) is worked


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(allocatable=anything, hard=anything, spec=anything)
def test_it_never_raises_whatever_it_reads(allocatable: Any, hard: Any, spec: Any) -> None:
    shop = Measured()
    shop.nodes[0]["status"]["allocatable"] = allocatable
    shop.pods[0]["spec"] = spec
    shop.extra.append(simple("ResourceQuota", "q", spec={"hard": hard}, status=hard))
    found = room(shop)
    assert found.room is None or found.room >= 0

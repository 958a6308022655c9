"""What raises the memory signal, and what does not."""

from __future__ import annotations

import pytest

from byteport.domain.failures import Failure
from byteport.domain.signals import Signal
from byteport.kubernetes.memory_symptoms import memory_symptoms
from byteport.kubernetes.world import World
from tests.builders.memory import Measured
from tests.builders.objects import JSON, NOW, event, node


def raised(*objects: JSON, complete: bool = True) -> list[Signal]:
    return memory_symptoms(World(now=NOW, objects=objects, complete=complete), "cluster-1")


@pytest.mark.parametrize(("share", "seen"), [(0.5, 0), (0.89, 0), (0.90, 1), (0.99, 1)])
def test_a_container_at_ninety_percent_of_its_limit_raises_the_signal(share: float, seen: int) -> None:
    found = raised(*Measured(share=share).objects())
    assert [signal.target.ref for signal in found] == ["shop/Deployment/web"] * seen
    assert all(signal.failure is Failure.MEMORY and signal.value >= signal.threshold for signal in found)


def test_the_threshold_is_a_setting() -> None:
    world = Measured(share=0.8).world()
    assert len(memory_symptoms(world, "cluster-1", percent=75)) == 1


def test_many_full_pods_of_one_workload_are_one_signal() -> None:
    found = raised(*Measured(replicas=8).only([0.91, 0.95, 0.99, 0.5, 0.5, 0.5, 0.5, 0.5]).objects())
    assert [round(signal.value) for signal in found] == [99]


def test_the_same_measurement_told_twice_is_one_observation() -> None:
    first, second = raised(*Measured().objects()), raised(*Measured().objects())
    assert first[0].evidence_digest == second[0].evidence_digest


def test_an_old_measurement_raises_nothing() -> None:
    assert raised(*Measured().only([0.99] * 4, at=10).objects()) == []


def test_a_container_without_a_limit_raises_nothing() -> None:
    shop = Measured(share=0.99)
    for pod in shop.pods:
        pod["spec"]["containers"][0]["resources"] = {}
    assert raised(*shop.objects()) == []


def test_memory_pressure_raises_the_signal_on_the_node() -> None:
    found = raised(node("node-a", pressure="MemoryPressure"), node("node-b"))
    assert [(signal.target.kind, signal.target.namespace, signal.target.name) for signal in found] == [
        ("Node", "", "node-a")
    ]


@pytest.mark.parametrize(("minutes", "seen"), [(5, 1), (59, 1), (61, 0)])
def test_a_system_oom_raises_it_though_every_condition_is_green(minutes: float, seen: int) -> None:
    host = node("node-a")
    assert len(raised(host, event(host, "SystemOOM", first=90, last=minutes))) == seen


def test_a_system_oom_of_a_node_that_was_not_saved_is_told_all_the_same() -> None:
    happened = event(node("node-a"), "SystemOOM", last=5)
    assert len(raised(happened, complete=False)) == 1
    assert raised(happened) == []


def test_another_pressure_is_not_memory() -> None:
    assert raised(node("node-a", pressure="DiskPressure")) == []


def test_a_healthy_cluster_raises_nothing() -> None:
    assert raised(*Measured(share=0.4).objects()) == []

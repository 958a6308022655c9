"""Memory of a node: told, never treated, and told apart from a reading that cannot be right."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.domain.plans import Refused
from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import Target
from byteport.kubernetes.world import World
from tests.builders.asking import CLUSTER, Answer
from tests.builders.memory import GI, ask_memory
from tests.builders.objects import JSON, NOW, event, node, stamp, uid_of

NODE = Target(cluster_uid=CLUSTER, namespace="", kind="Node", name="node-a", uid=uid_of("Node", "node-a"))


def host(pressure: str = "", **more: Any) -> JSON:
    found = node("node-a", pressure=pressure, **more)
    found["metadata"]["labels"]["byteport.io/enabled"] = "true"
    found["status"]["capacity"] = {"memory": "32Gi"}
    return found


def uses(memory: str, *, at: float = 0.5) -> JSON:
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "NodeMetrics",
        "metadata": {"name": "node-a"},
        "timestamp": stamp(at),
        "window": "30s",
        "usage": {"cpu": "1", "memory": memory},
    }


def asked(*objects: JSON, free: str = "") -> Answer:
    return ask_memory(World(now=NOW, objects=objects, node_output=free), NODE)


def facts(answer: Answer) -> dict[str, Any]:
    return {fact.name: fact.value for fact in answer.diagnosis.facts}


def test_memory_pressure_on_a_node_is_a_persons_and_raises_nothing() -> None:
    answer = asked(host("MemoryPressure"), uses("31Gi"))
    assert (answer.cause, answer.reasons) == (Cause.NODE_MEMORY, (Reason.NODE_UNDER_PRESSURE,))
    assert (answer.escalates, isinstance(answer.plan, Refused)) == (True, True)
    assert answer.diagnosis.culprit == "Node/node-a"


def test_pressure_without_any_figure_is_believed() -> None:
    assert asked(host("MemoryPressure")).cause is Cause.NODE_MEMORY


@pytest.mark.parametrize("status", ["Unknown", "Perhaps", None, 7])
def test_a_node_of_which_nothing_is_known_is_not_called_well(status: object) -> None:
    """A kubelet that has stopped leaves its conditions Unknown, and nobody measures anything any more."""
    silent = host()
    for condition in silent["status"]["conditions"]:
        condition["status"] = status
    answer = asked(silent)
    assert (answer.cause, answer.reasons) == (Cause.NODE_NOT_READY, (Reason.NODE_NOT_READY,))
    assert (answer.escalates, answer.acts) == (True, False)
    assert asked(silent, uses("20Gi")).diagnosis.silent


def test_a_ready_node_without_that_condition_and_without_figures_cannot_be_told() -> None:
    bare = host()
    bare["status"]["conditions"] = [one for one in bare["status"]["conditions"] if one["type"] != "MemoryPressure"]
    answer = asked(bare)
    assert (answer.cause, answer.reasons, answer.escalates) == (Cause.UNKNOWN, (Reason.CANNOT_TELL,), True)


def test_a_system_oom_is_the_nodes_trouble_though_its_condition_is_green() -> None:
    answer = asked(host(), uses("20Gi"), event(host(), "SystemOOM", "System OOM encountered", last=12))
    assert (answer.cause, answer.escalates) == (Cause.NODE_MEMORY, True)
    assert (facts(answer)["memory_condition"], facts(answer)["system_oom_seconds_ago"]) == ("False", 720)


def test_a_system_oom_long_ago_is_over() -> None:
    assert asked(host(), uses("20Gi"), event(host(), "SystemOOM", first=300, last=90)).diagnosis.silent


@pytest.mark.parametrize(("used", "silent"), [("20Gi", True), ("30Gi", True), ("30.5Gi", False), ("31.9Gi", False)])
def test_ninety_five_percent_of_a_node_decides(used: str, silent: bool) -> None:
    answer = asked(host(), uses(used))
    assert answer.diagnosis.silent is silent
    assert answer.acts is False


@pytest.mark.parametrize("used", ["1Gi", "8Gi", "-1", "64Gi"])
def test_pressure_whose_figures_say_the_opposite_is_a_reading_that_cannot_be(used: str) -> None:
    answer = asked(host("MemoryPressure"), uses(used))
    assert (answer.cause, answer.reasons) == (Cause.MEMORY_READING, (Reason.ABSURD_READING,))
    assert answer.escalates


def test_more_available_than_there_is_cannot_be() -> None:
    free = "total used free shared buff/cache available\nMem: 32000 1000 1000 0 0 99999\n"
    assert asked(host("MemoryPressure"), free=free).cause is Cause.MEMORY_READING


def test_the_helpers_free_decides_where_the_metrics_api_is_silent() -> None:
    free = "total used free shared buff/cache available\nMem: 32000 31000 200 0 800 900\n"
    answer = asked(host(), free=free)
    assert (answer.cause, facts(answer)["memory_percent"]) == (Cause.NODE_MEMORY, 97.2)


def test_a_system_oom_outweighs_a_figure_of_now() -> None:
    answer = asked(host("MemoryPressure"), uses("1Gi"), event(host(), "SystemOOM", last=2))
    assert answer.cause is Cause.NODE_MEMORY


def test_an_old_figure_says_nothing_against_pressure() -> None:
    assert asked(host("MemoryPressure"), uses("1Gi", at=30)).cause is Cause.NODE_MEMORY


def test_disk_pressure_is_another_runbooks() -> None:
    assert asked(host("DiskPressure"), uses("8Gi")).diagnosis.silent


def test_a_node_that_is_gone_is_silent() -> None:
    assert asked(uses("31Gi")).diagnosis.silent


def test_an_escalation_tells_condition_total_and_available() -> None:
    told = facts(asked(host("MemoryPressure"), uses("31Gi")))
    assert (told["memory_condition"], told["memory_bytes"], told["memory_available_bytes"]) == ("True", 32 * GI, GI)

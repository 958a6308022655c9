"""A node's memory as numbers, and what is not believed."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.node_memory import read_free, read_node_memory
from byteport.kubernetes.surroundings import Tri
from byteport.kubernetes.world import World

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
GI, MI = 2**30, 2**20

MODERN = """\
               total        used        free      shared  buff/cache   available
Mem:           32103       30010         402         120        1690        1605
Swap:              0           0           0
"""
OLD = """\
             total       used       free     shared    buffers     cached
Mem:         32103      31000       1103          0        200       4000
-/+ buffers/cache:      26800       5303
Swap:            0          0          0
"""


def node(*, condition: str = "False", capacity: object = "32Gi") -> dict[str, Any]:
    return {
        "kind": "Node",
        "metadata": {"name": "node-a", "uid": "n-1"},
        "status": {
            "capacity": {"memory": capacity},
            "conditions": [
                {"type": "MemoryPressure", "status": condition, "lastTransitionTime": "2026-03-10T08:30:00Z"}
            ],
        },
    }


def node_metrics(memory: object, *, at: datetime = NOW) -> dict[str, Any]:
    return {
        "kind": "NodeMetrics",
        "metadata": {"name": "node-a"},
        "timestamp": at.isoformat(),
        "window": "20s",
        "usage": {"cpu": "1", "memory": memory},
    }


def world(*objects: dict[str, Any]) -> World:
    return World(now=NOW, objects=objects)


def test_free_is_read_by_its_header() -> None:
    found = read_free(MODERN.splitlines())
    assert found is not None
    assert (found.total, found.available) == (32103 * MI, 1605 * MI)


def test_an_older_free_says_it_in_a_line_of_its_own() -> None:
    found = read_free(OLD.splitlines())
    assert found is not None
    assert found.available == 5303 * MI


def test_free_memory_is_not_taken_for_available_memory() -> None:
    found = read_free(["total used free", "Mem: 32103 31000 1103"])
    assert found is not None
    assert found.available is None


@pytest.mark.parametrize(
    "lines",
    [[], ["Mem:"], ["Mem: 31Gi 29Gi"], ["Mem: \x00 \x00"], ["Mem: nan inf"], ["Mem: ٣٢ ١"], ["sh: free: not found"]],
)
def test_what_free_did_not_say_is_nothing(lines: list[str]) -> None:
    assert read_free(lines) is None


def test_the_helpers_free_comes_before_the_metrics_api() -> None:
    item = node()
    read = read_node_memory(world(item, node_metrics("10Gi")), item, MODERN.splitlines())
    assert (read.memory_bytes, read.memory_available_bytes, read.absurd) == (32103 * MI, 1605 * MI, False)


def test_without_a_helper_the_metrics_api_is_believed() -> None:
    item = node(condition="True")
    read = read_node_memory(world(item, node_metrics("31Gi")), item)
    assert (read.memory_bytes, read.memory_available_bytes) == (32 * GI, 1 * GI)
    assert (read.memory_condition, read.absurd) == (Tri.TRUE, False)


@pytest.mark.parametrize("used", ["-1", "40Gi", "1e30", "0"])
def test_a_usage_that_cannot_be_is_absurd_and_no_number(used: str) -> None:
    item = node()
    read = read_node_memory(world(item, node_metrics(used)), item)
    assert (read.memory_available_bytes, read.absurd) == (None, True)


@pytest.mark.parametrize("at", [NOW - timedelta(hours=1), NOW + timedelta(hours=1)])
def test_an_old_measurement_and_one_of_the_future_are_none(at: datetime) -> None:
    item = node()
    read = read_node_memory(world(item, node_metrics("31Gi", at=at)), item)
    assert (read.memory_available_bytes, read.absurd) == (None, False)


@pytest.mark.parametrize(
    "line",
    [
        "Mem: 32103 1 1 1 1 99999",  # more available than there is
        "Mem: 32103 1 1 1 1 -5",
        "Mem: 128 20 100 0 8 108",  # the helper's own control group
        "Mem: 999999999999 1 1 1 1 1",
    ],
)
def test_a_free_that_cannot_be_is_absurd_and_no_number(line: str) -> None:
    item = node()
    read = read_node_memory(world(item), item, [MODERN.splitlines()[0], line])
    assert (read.memory_bytes, read.memory_available_bytes, read.absurd) == (32 * GI, None, True)


def test_a_system_oom_is_remembered_with_its_time() -> None:
    item = node()
    event = {
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {"kind": "Node", "name": "node-a"},
        "reason": "SystemOOM",
        "message": "System OOM encountered, victim process: java, pid: 21873",
        "lastTimestamp": "2026-03-10T08:48:00Z",
    }
    assert read_node_memory(world(item, event), item).system_oom_at == NOW - timedelta(minutes=12)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(status=anything, usage=anything, at=anything, lines=st.lists(st.text(max_size=80), max_size=6))
def test_it_never_raises_whatever_it_reads(status: object, usage: object, at: object, lines: list[str]) -> None:
    item = {"kind": "Node", "metadata": {"name": "node-a"}, "status": status}
    metrics = {"kind": "NodeMetrics", "metadata": {"name": "node-a"}, "timestamp": at, "usage": usage}
    read = read_node_memory(World(now=NOW, objects=(item, metrics)), item, [*lines, "Mem: " + "".join(lines)])
    assert read.memory_available_bytes is None or read.memory_available_bytes >= 0


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_what_is_available_is_never_more_than_there_is(total: int, available: int) -> None:
    item = node(capacity="none")
    lines = ["total used free shared buff/cache available", f"Mem: {total} 0 0 0 0 {available}"]
    read = read_node_memory(world(item), item, lines)
    assert read.absurd is (total == 0 or available > total)
    assert read.absurd == (read.memory_available_bytes is None)


@pytest.mark.parametrize("text", ["Mem: " + "9" * 1_000_000, "Mem: 1 " * 150_000, "total used\n" * 90_000])
def test_a_megabyte_is_read_in_no_time(text: str) -> None:
    began = time.process_time()
    read_free(text.splitlines())
    assert time.process_time() - began < 5

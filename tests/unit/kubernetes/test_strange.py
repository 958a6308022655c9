"""Objects that hold what cannot be are named, and an act upon them waits for a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from byteport.kubernetes.strange import is_strange

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


def pod(**changes: Any) -> dict[str, Any]:
    status = {
        "phase": "Running",
        "startTime": "2026-03-10T08:00:00Z",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-10T08:00:00Z"}],
        "containerStatuses": [{"name": "app", "state": {"running": {"startedAt": "2026-03-10T08:00:00Z"}}}],
    }
    metadata = {"name": "web-1", "creationTimestamp": "2026-03-10T08:00:00Z"}
    return {"kind": "Pod", "metadata": metadata | changes.pop("metadata", {}), "status": status | changes}


def test_an_ordinary_pod_is_not_strange() -> None:
    assert not is_strange(pod(), NOW)
    assert not is_strange({"kind": "Pod"}, NOW)


@pytest.mark.parametrize("when", ["2026-03-10T09:06:00Z", "2999-01-01T00:00:00Z"])
def test_a_time_in_the_future_is_strange(when: str) -> None:
    assert is_strange(pod(metadata={"creationTimestamp": when}), NOW)
    assert is_strange(pod(startTime=when), NOW)
    assert is_strange(pod(conditions=[{"type": "Ready", "status": "True", "lastTransitionTime": when}]), NOW)
    ended = {"terminated": {"finishedAt": when}}
    assert is_strange(pod(containerStatuses=[{"name": "app", "lastState": ended}]), NOW)


def test_clocks_that_are_a_little_apart_are_not_strange() -> None:
    assert not is_strange(pod(startTime="2026-03-10T09:04:00Z"), NOW)


def test_the_end_of_a_grace_period_lies_in_the_future_and_is_not_strange() -> None:
    assert not is_strange(pod(metadata={"deletionTimestamp": "2026-03-10T10:00:00Z"}), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"phase": "Quantum"},
        {"conditions": [{"type": "Ready", "status": "Perhaps"}]},
        {"conditions": [{"type": "Ready"}]},
        {"containerStatuses": [{"name": "app", "state": {"superposed": {}}}]},
    ],
)
def test_a_word_that_nobody_knows_is_strange(changes: dict[str, Any]) -> None:
    assert is_strange(pod(**changes), NOW)


@pytest.mark.parametrize(
    ("available", "ready", "replicas", "strange"),
    [(3, 3, 3, False), (0, 0, 0, False), (1, 2, 3, False), (3, 0, 3, True), (1, 1, 0, True), (2, 1, 3, True)],
)
def test_counts_that_do_not_add_up_are_strange(available: int, ready: int, replicas: int, strange: bool) -> None:
    status = {"availableReplicas": available, "readyReplicas": ready, "replicas": replicas}
    assert is_strange({"kind": "ReplicaSet", "metadata": {"name": "web-1"}, "status": status}, NOW) is strange

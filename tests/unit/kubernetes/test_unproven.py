"""What a Ready container that has failed before must still show: a kubelet calls it ready from its start to its next crash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from byteport.kubernetes.pod_reading import read_pod
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.world import World
from tests.builders.objects import JSON, NOW, pod, running, status, terminated, waiting


def read(*statuses: JSON, **more: Any) -> PodReading:
    item = pod("web-1", statuses=list(statuses), **more)
    found = read_pod(item, World(now=NOW, objects=(item,)), ())
    assert found is not None
    return found


def up_again(*, up: float, lasted: float, restarts: int = 1, code: int = 1, reason: str = "Error") -> JSON:
    """Running and ready for `up` seconds, after a run that lasted `lasted` seconds and failed."""
    ended = (up + 10) / 60
    last = terminated(code, reason, started=ended + lasted / 60, finished=ended)
    return status(state=running(up / 60), last=last, restarts=restarts)


@pytest.mark.parametrize(
    ("up", "lasted", "left"),
    [
        (1, 1, 59),
        (59, 1, 1),
        (60, 1, 0),
        (60, 90, 30),
        (90, 90, 0),
        (100, 580, 480),
        (61, 6 * 24 * 3600, 0),
        (1, 6 * 24 * 3600, 59),
    ],
)
def test_a_run_proves_something_when_it_has_outlasted_the_one_that_failed(up: float, lasted: float, left: int) -> None:
    assert read(up_again(up=up, lasted=lasted)).unproven_seconds == left


def test_a_container_that_exits_with_zero_again_and_again_is_no_better() -> None:
    assert read(up_again(up=1, lasted=1, code=0, reason="Completed")).unproven_seconds == 59


def test_one_that_never_failed_has_nothing_to_prove() -> None:
    assert read(status(state=running(0.01))).unproven_seconds == 0


def test_one_whose_node_restarted_did_not_fail() -> None:
    assert read(up_again(up=1, lasted=1, code=255, reason="Unknown")).unproven_seconds == 0


def test_one_that_backs_off_now_is_in_trouble_and_not_on_trial() -> None:
    down = status(state=waiting("CrashLoopBackOff"), last=terminated(1), restarts=2, ready=False)
    assert read(down, ready=False).unproven_seconds == 0


def test_a_native_sidecar_counts_and_an_init_container_does_not() -> None:
    ends = up_again(up=1, lasted=1)
    for restart, left in ({"restartPolicy": "Always"}, 59), ({}, 0):
        found = read(status(), init=[{"name": "proxy", **restart}], init_statuses=[ends | {"name": "proxy"}])
        assert found.unproven_seconds == left


def test_a_clock_that_is_behind_the_objects_asks_for_no_more_than_the_whole_time() -> None:
    found = up_again(up=1, lasted=1)
    found["state"] = {"running": {"startedAt": (NOW + timedelta(hours=3)).isoformat()}}
    assert read(found).unproven_seconds == 60


def crashed(*, minutes: float, restarts: int, ran: float = 1) -> PodReading:
    """Crash-looping without a readiness probe for `minutes`, its Ready condition lost at each crash."""
    last = terminated(1, started=0.1 + ran / 60, finished=0.1)
    down = status(state=waiting("CrashLoopBackOff"), last=last, restarts=restarts, ready=False)
    return read(down, ready=False, created=minutes, changed=0.1)


def test_a_pod_that_was_only_ever_ready_between_its_crashes_has_not_served() -> None:
    assert not crashed(minutes=2.8, restarts=4).was_ready


def test_a_pod_that_served_for_hours_before_its_crashes_has() -> None:
    assert crashed(minutes=300, restarts=4).was_ready
    assert crashed(minutes=20, restarts=6, ran=240).was_ready


def test_a_pod_that_served_for_a_while_and_was_not_ready_in_any_of_its_later_runs_has() -> None:
    down = status(
        state=waiting("CrashLoopBackOff"), last=terminated(1, started=2, finished=1.9), restarts=5, ready=False
    )
    assert read(down, ready=False, created=8, changed=6.7).was_ready


def test_a_pod_that_fell_out_long_after_it_was_restarted_has_served() -> None:
    restarted = status(state=running(200), last=terminated(1, started=201, finished=200.9), restarts=1, ready=False)
    assert read(restarted, ready=False, created=201, changed=30).was_ready


def test_a_pod_that_fell_out_without_a_crash_has_served() -> None:
    assert read(status(ready=False, started=True, state=running(200)), ready=False, created=201, changed=30).was_ready

"""The Deployment controller's arithmetic, by properties and by known examples of Kubernetes' own tests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.sandbox.simulated.scaling import (
    MAXIMUM,
    Bounds,
    bounds_of,
    new_size,
    old_sizes,
    proportional_sizes,
)

JSON = dict[str, Any]

counts = st.integers(min_value=0, max_value=20)


def _set(size: int, available: int = 0, maximum: int | None = None) -> JSON:
    annotations = {} if maximum is None else {MAXIMUM: str(maximum)}
    return {
        "metadata": {"annotations": annotations},
        "spec": {"replicas": size},
        "status": {"availableReplicas": available},
    }


def _deployment(replicas: int, surge: int | str, unavailable: int | str) -> JSON:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {"spec": {"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}}


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", Bounds(10, 3, 2)),
        (3, "25%", "25%", Bounds(3, 1, 0)),
        (1, "25%", "25%", Bounds(1, 1, 0)),
        (10, 0, 0, Bounds(10, 0, 1)),
        (10, 0, "5%", Bounds(10, 0, 1)),
        (2, 1, 5, Bounds(2, 1, 2)),
    ],
)
def test_a_surge_rounds_up_and_the_unavailable_round_down(
    replicas: int, surge: int | str, unavailable: int | str, expected: Bounds
) -> None:
    assert bounds_of(_deployment(replicas, surge, unavailable)) == expected


@given(counts, counts, counts, st.lists(st.tuples(counts, counts), max_size=3), counts, counts)
def test_a_step_of_a_rollout_keeps_within_its_bounds(
    replicas: int, surge: int, unavailable: int, old: list[tuple[int, int]], size: int, ready: int
) -> None:
    bounds = Bounds(replicas, surge, min(unavailable, replicas) or (0 if surge else 1))
    new = _set(size, min(size, ready))
    olds = [_set(total, min(total, available)) for total, available in old]
    grown = new_size(bounds, new, [new, *olds])
    assert grown <= max(bounds.replicas, 0)
    assert grown <= max(size, bounds.replicas + bounds.surge - sum(item["spec"]["replicas"] for item in olds), 0)
    sizes = old_sizes(bounds, new, olds)
    assert all(0 <= after <= item["spec"]["replicas"] for after, item in zip(sizes, olds, strict=True))
    before = new["status"]["availableReplicas"] + sum(item["status"]["availableReplicas"] for item in olds)
    left = new["status"]["availableReplicas"] + sum(
        min(after, item["status"]["availableReplicas"]) for after, item in zip(sizes, olds, strict=True)
    )
    assert left >= min(before, bounds.replicas - bounds.unavailable)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (_set(0), [_set(10, 10)], [8]),
        (_set(5, 0), [_set(8, 8)], [8]),
        (_set(5, 5), [_set(8, 8)], [3]),
        (_set(4, 0), [_set(8, 2), _set(2, 0)], [6, 2]),
        (_set(0), [_set(8, 8), _set(5, 0)], [8, 0]),
    ],
)
def test_unhealthy_old_replicas_go_first(new: JSON, old: list[JSON], expected: list[int]) -> None:
    assert old_sizes(Bounds(10, 3, 2), new, old) == expected


def test_a_change_of_replicas_amid_a_rollout_is_shared_out_by_size() -> None:
    # From Kubernetes' TestScale: 10 → 12 with 5 and 5, no surge.
    assert proportional_sizes(Bounds(12, 0, 1), [_set(5, maximum=10), _set(5, maximum=10)]) == [6, 6]
    assert proportional_sizes(Bounds(6, 0, 1), [_set(5, maximum=10), _set(5, maximum=10)]) == [3, 3]

"""Kubernetes quantities are exact, or they are none."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.quantities import demand, quantity

MEANT = [
    ("0", 0),
    ("1", 1),
    (3, 3),
    (1.5, Fraction(3, 2)),
    ("100m", Fraction(1, 10)),
    ("1.5", Fraction(3, 2)),
    (".5", Fraction(1, 2)),
    ("5.", 5),
    ("1k", 1000),
    ("1M", 10**6),
    ("1Mi", 2**20),
    ("1G", 10**9),
    ("1Gi", 2**30),
    ("12e3", 12000),
    ("1E", 10**18),
    ("1Ei", 2**60),
    ("1e-3", Fraction(1, 1000)),
    ("500n", Fraction(500, 10**9)),
    ("-1Mi", -(2**20)),
]


@pytest.mark.parametrize(("text", "number"), MEANT)
def test_a_quantity_is_the_number_that_the_api_server_takes_it_for(text: object, number: Fraction | int) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize(
    "text", ["", " ", "1MiB", "1mi", "Mi", "1 Gi x", "NaN", "inf", "0x10", "1e999", "--1", None, True, [], {}]
)
def test_what_is_no_quantity_is_none(text: object) -> None:
    assert quantity(text) is None


@given(st.one_of(st.text(), st.floats(), st.integers(), st.none()))
def test_anything_at_all_is_a_quantity_or_none(value: object) -> None:
    assert quantity(value) is None or isinstance(quantity(value), Fraction)


@given(st.integers(0, 2**63), st.sampled_from(["Ki", "Mi", "Gi", "k", "M", "G"]))
def test_a_suffix_multiplies(number: int, suffix: str) -> None:
    assert quantity(f"{number}{suffix}") == number * (quantity(f"1{suffix}") or 0)


def resources(cpu: str, **more: object) -> dict[str, object]:
    return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **more}


def test_sidecars_are_added_and_init_containers_count_by_the_largest() -> None:
    spec = {
        "containers": [resources("200m"), resources("300m")],
        "initContainers": [resources("100m", restartPolicy="Always"), resources("400m"), resources("250m")],
    }
    assert demand(spec)["requests.cpu"] == Fraction(6, 10)
    spec["initContainers"] = [resources("2")]
    assert demand(spec)["requests.cpu"] == 2


def test_a_limit_without_a_request_is_requested_too() -> None:
    spec = {"containers": [{"name": "c", "resources": {"limits": {"memory": "1Gi"}}}]}
    assert demand(spec)["requests.memory"] == demand(spec)["limits.memory"] == 2**30

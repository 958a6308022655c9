"""Kubernetes quantities are exact, or they are none."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.quantities import bytes_of, demand, percent, quantity

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


PRINTED = [
    ("114G", 114 * 2**30),
    ("3.1G", int(Fraction(31, 10) * 2**30)),
    ("44Ki", 44 * 2**10),
    ("44K", 44 * 2**10),
    ("6.2G", int(Fraction(62, 10) * 2**30)),
    ("15GiB", 15 * 2**30),
    ("143MB", 143 * 10**6),
    ("12.5kB", 12500),
    ("0", 0),
    ("0B", 0),
    ("512", 512),
    (" 1T ", 2**40),
]


@pytest.mark.parametrize(("text", "number"), PRINTED)
def test_a_printed_size_is_as_many_bytes_as_its_printer_meant(text: str, number: int) -> None:
    assert bytes_of(text) == number


@pytest.mark.parametrize(
    "text", ["", "-", "G", "1 G", "1,5G", "-1G", "1GG", "1Gib", "1m", "NaN", "1e9", "87%", None, 5, True, [], "9" * 41]
)
def test_what_is_no_printed_size_is_none(text: object) -> None:
    assert bytes_of(text) is None


@given(st.integers(0, 10**9), st.sampled_from("KMGTPE"))
def test_one_letter_is_binary_whatever_follows_it(number: int, letter: str) -> None:
    assert bytes_of(f"{number}{letter}") == bytes_of(f"{number}{letter}i") == quantity(f"{number}{letter}i")


@given(st.integers(0, 10**9), st.sampled_from("MGTPE"))
def test_a_letter_with_b_is_what_kubernetes_means_by_the_letter(number: int, letter: str) -> None:
    assert bytes_of(f"{number}{letter}B") == quantity(f"{number}{letter}")


@given(st.integers(0, 2**62))
def test_plain_bytes_come_back_as_they_are(number: int) -> None:
    assert bytes_of(str(number)) == bytes_of(f"{number}B") == quantity(number) == number


@given(st.integers(0, 9999), st.integers(0, 9999), st.sampled_from(["", "K", "M", "G", "Ti", "kB", "GB"]))
def test_sizes_of_one_suffix_keep_their_order(one: int, other: int, suffix: str) -> None:
    first, second = bytes_of(f"{one}{suffix}"), bytes_of(f"{other}{suffix}")
    assert first is not None
    assert second is not None
    assert (first < second) is (one < other)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.binary()))
def test_anything_at_all_is_a_size_or_none(value: object) -> None:
    found = bytes_of(value)
    assert found is None or found >= 0
    share = percent(value)
    assert share is None or share >= 0


@pytest.mark.parametrize(
    ("value", "number"),
    [("87%", 87), ("87", 87), (87, 87), (87.5, Fraction(175, 2)), ("0%", 0), (" 5 % ", 5), ("186%", 186)],
)
def test_a_percentage_is_the_number_before_its_sign(value: object, number: Fraction | int) -> None:
    assert percent(value) == number


@pytest.mark.parametrize(
    "value", ["", "-", "%", "-3%", "8 7%", "87%%", "1e2%", "NaN", float("nan"), float("inf"), -1, True, None, "9" * 12]
)
def test_what_is_no_percentage_is_none(value: object) -> None:
    assert percent(value) is None


@given(st.integers(0, 10**6), st.integers(0, 99))
def test_a_percentage_survives_being_written_and_read(whole: int, hundredths: int) -> None:
    assert percent(f"{whole}.{hundredths:02}%") == Fraction(whole * 100 + hundredths, 100)


@given(st.fractions(min_value=0, max_value=10**6), st.fractions(min_value=0, max_value=10**6))
def test_quantities_in_milli_keep_their_order(one: Fraction, other: Fraction) -> None:
    first, second = int(one * 1000), int(other * 1000)
    read_first, read_second = quantity(f"{first}m"), quantity(f"{second}m")
    assert read_first is not None
    assert read_second is not None
    assert (read_first < read_second) is (first < second)
    assert read_first * 1000 == first

"""One byte string for one value, whatever the order, and another for any other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.base import Frozen, Instant
from byteport.domain.canonical import canonical_bytes, digest

LARGEST = 2**53 - 1
text = st.text(st.characters(exclude_categories=["Cs"]))
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


class Colour(StrEnum):
    RED = "red"


class Thing(Frozen):
    at: Instant
    colour: Colour
    many: tuple[int, ...] = ()


def shuffled(value: Any) -> Any:
    """The same value with every mapping's keys in the opposite order."""
    if isinstance(value, dict):
        return {key: shuffled(item) for key, item in reversed(list(value.items()))}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(values)
def test_the_order_of_keys_does_not_count(value: Any) -> None:
    assert canonical_bytes(value) == canonical_bytes(shuffled(value))


@given(values)
def test_the_bytes_are_json_that_means_the_same(value: Any) -> None:
    """Every number as a double, which is what RFC 8785 has them be."""
    assert json.loads(canonical_bytes(value), parse_int=float) == value


@given(values, values)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    same = canonical_bytes(one) == canonical_bytes(other)
    assert (digest(one) == digest(other)) == same
    if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True):
        assert same


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": 2}, b'{"a":2,"b":1}'),
        ([1.0, 1e21, 1e-7, -0.0], b"[1,1e+21,1e-7,0]"),
        ('\u20ac\u0007\n"\\', b'"\xe2\x82\xac\\u0007\\n\\"\\\\"'),
        ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'.encode()),
        ({"e\u0301": 1, "\u00e9": 2}, '{"e\u0301":1,"\u00e9":2}'.encode()),
        (True, b"true"),
        (None, b"null"),
        ([], b"[]"),
    ],
)
def test_the_forms_of_rfc_8785(value: Any, expected: bytes) -> None:
    assert canonical_bytes(value) == expected


def test_a_digest_is_the_sha256_of_the_bytes() -> None:
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, -(2**53), "\ud800", {"a": "\udfff"}, {1: 2}, {"a": object()}, b"x"]
)
def test_what_json_cannot_hold_exactly_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical_bytes(value)


def test_a_model_is_its_json_form_with_times_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    one = Thing(at=datetime(2026, 3, 10, 11, tzinfo=east), colour=Colour.RED, many=(1, 2))
    other = Thing(at=datetime(2026, 3, 10, 9, tzinfo=UTC), colour=Colour.RED, many=(1, 2))
    assert (
        canonical_bytes(one) == canonical_bytes(other) == b'{"at":"2026-03-10T09:00:00Z","colour":"red","many":[1,2]}'
    )
    assert Thing.model_validate_json(canonical_bytes(one)) == one


def test_a_time_without_a_zone_is_no_time() -> None:
    with pytest.raises(ValueError, match="zone"):
        Thing(at=datetime(2026, 3, 10, 9), colour=Colour.RED)  # noqa: DTZ001

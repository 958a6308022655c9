"""Arrays of lines: taken apart as they were written, and refused before they are built."""

from __future__ import annotations

import time

import pytest

from byteport.api.elements import WINDOW, elements
from byteport.api.problems import LedgerCode
from byteport.contracts.ledger_api import ApiLimits
from byteport.serving.problems import Problem

LIMITS = ApiLimits()


def refused(body: bytes, limits: ApiLimits = LIMITS) -> Problem:
    with pytest.raises(Problem) as problem:
        elements(body, limits)
    return problem.value


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"[]", []),
        (b" [ ] \n", []),
        (b'[{"a": 1} ,\n{"a":1}]', [b'{"a": 1}', b'{"a":1}']),
        (b'[{"a":1,"a":2}]', [b'{"a":1,"a":2}']),
        ('["größer"]'.encode(), ['"größer"'.encode()]),
        (b"[" + b"1" * WINDOW + b"]", None),
        (b'["' + b"x" * (WINDOW * 3) + b'",2]', [b'"' + b"x" * (WINDOW * 3) + b'"', b"2"]),
        (b"[" + b"1" * (WINDOW - 1) + b"2" + b"]", None),
    ],
    ids=["empty", "space", "two", "twice", "umlaut", "digits", "long", "window"],
)
def test_elements_are_handed_on_as_they_were_written(body: bytes, found: list[bytes] | None) -> None:
    if found is None:
        assert refused(body).code is LedgerCode.LINE_REFUSED
    else:
        assert elements(body, LIMITS) == found


def test_a_number_that_ends_where_the_window_ends_is_not_cut() -> None:
    """Digits are one value only when what follows is no digit."""
    text = b" " * (WINDOW - 2)
    assert elements(b"[" + text + b"123456,7]", LIMITS) == [b"123456", b"7"]
    long = b"0." + b"1" * (WINDOW + 50)
    assert elements(b"[" + long + b"]", LIMITS) == [long]


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[1", b"[1,", b"[1,]", b"[1 2]", b"[1]x", b"[] []", b"{}", b"\xef\xbb\xbf[1]", b"[\xff]"]
)
def test_what_is_no_array_of_json_in_utf_8_is_refused(body: bytes) -> None:
    assert refused(body).code is LedgerCode.LINE_REFUSED


def test_another_encoding_is_refused() -> None:
    for encoding in ("utf-16", "utf-32"):
        assert refused("[1]".encode(encoding)).code is LedgerCode.LINE_REFUSED


def test_a_line_or_a_number_of_lines_too_many_is_told() -> None:
    limits = ApiLimits(lines=3, line_bytes=2000)
    assert len(elements(b"[1,2,3]", limits)) == 3
    assert refused(b"[1,2,3,4]", limits).code is LedgerCode.TOO_MANY_LINES
    for long in (b'"' + b"x" * 1999 + b'"', b"[" + b"1," * 1000 + b"1]", b'"' + "ö".encode() * 1000 + b'"'):
        problem = refused(b"[1," + long + b"]", limits)
        assert (problem.code, problem.line) == (LedgerCode.LINE_TOO_LARGE, 2)
    assert len(elements(b'["' + b"x" * 1998 + b'"]', limits)) == 1


@pytest.mark.parametrize("element", [b"1,", b"{},", b"[1],", b'"",'])
def test_millions_of_elements_are_refused_before_they_are_built(element: bytes) -> None:
    body = b"[" + element * ((8 << 20) // len(element)) + b"1]"
    began = time.process_time()
    assert refused(body).code is LedgerCode.TOO_MANY_LINES
    assert time.process_time() - began < 0.2


def test_millions_of_values_in_one_element_are_not_built_either() -> None:
    body = b"[[" + b"1," * (4 << 20) + b"1]]"
    began = time.process_time()
    assert refused(body).code is LedgerCode.LINE_TOO_LARGE
    assert time.process_time() - began < 1.0


def test_what_is_nested_too_deep_is_refused() -> None:
    assert refused(b"[" * 500_000 + b"]" * 500_000).code is LedgerCode.LINE_REFUSED

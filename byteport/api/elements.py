"""A JSON array of lines, taken apart element by element, so that what is too many or too long is refused before it is built.

Comes before `body`. Eight megabytes of `1,1,1` are four million values: read whole they take seconds and half a gigabyte
before anybody could count them. An element is handed on as it stands, so that what is refused in a line of NDJSON is
refused in an array too: a key twice, a byte order mark, what is not UTF-8.
"""

from __future__ import annotations

import json
import re

from byteport.api.problems import LedgerCode
from byteport.contracts.ledger_api import NDJSON, ApiLimits
from byteport.serving.problems import Problem

WINDOW = 16 << 10
"""Characters of an element that are looked at first. One that is longer is looked at again with eight times as many."""
_SPACE = re.compile(r"[ \t\r\n]*")


def elements(body: bytes, limits: ApiLimits) -> list[bytes]:
    """Each element, as it was written. Raises `Problem`."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(LedgerCode.LINE_REFUSED, "the body is not UTF-8", line=1) from None
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        raise Problem(LedgerCode.LINE_REFUSED, f"the body is no array; send one, or lines as {NDJSON}", line=1)
    found: list[bytes] = []
    at = _after_space(text, at + 1)
    closed = text[at : at + 1] == "]"
    while not closed:
        if len(found) == limits.lines:
            raise too_many(limits)
        number = len(found) + 1
        line, at = _element(text, at, number, limits)
        found.append(line)
        at = _after_space(text, at)
        closed = text[at : at + 1] == "]"
        if not closed and text[at : at + 1] != ",":
            raise _no_json(number)
        at = at + 1 if closed else _after_space(text, at + 1)
    if _after_space(text, at if found else at + 1) != len(text):
        raise _no_json(len(found) or 1)
    return found


def too_many(limits: ApiLimits) -> Problem:
    return Problem(LedgerCode.TOO_MANY_LINES, f"send at most {limits.lines} lines at once")


def too_long(number: int, limits: ApiLimits) -> Problem:
    return Problem(LedgerCode.LINE_TOO_LARGE, f"a line has at most {limits.line_bytes} bytes", line=number)


def _element(text: str, at: int, number: int, limits: ApiLimits) -> tuple[bytes, int]:
    """What begins at `at`, and where it ends."""
    size = min(WINDOW, limits.line_bytes)
    while True:
        window = text[at : at + size]
        whole = at + len(window) == len(text)
        try:
            _, end = _DECODER.raw_decode(window)
        except RecursionError:
            raise Problem(LedgerCode.LINE_REFUSED, "the line is nested too deep", line=number) from None
        except ValueError:
            end = len(window)
            if whole:
                raise _no_json(number) from None
        if end < len(window) or whole:  # what ends where the window ends may go on
            line = window[:end].encode()
            if len(line) > limits.line_bytes:
                raise too_long(number, limits)
            return line, at + end
        if size >= limits.line_bytes + 1:
            raise too_long(number, limits)
        size = min(size * 8, limits.line_bytes + 1)


_DECODER = json.JSONDecoder()


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _no_json(number: int) -> Problem:
    return Problem(LedgerCode.LINE_REFUSED, "the body is no JSON", line=number)

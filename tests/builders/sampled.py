"""What `make test` does a part of and `make test-slow` the whole: how large the part is, in one place.

`make test` asks for it by the hypothesis profile that `tests/conftest.py` registers; any other run does the whole. Comes
before the tests that go through every bundle, every pair or hundreds of examples.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import settings

WHOLE = "whole"
"""The profile of every other run."""
QUICK = "quick"
"""The profile of `make test`."""
FEWER = 5
"""It tries so many times fewer examples of a property."""

Value = TypeVar("Value")


def is_quick() -> bool:
    return settings.get_current_profile_name() == QUICK


def examples(count: int) -> int:
    """Of a property that is worth `count` examples. Hypothesis marks the test; `make test-slow` runs what it marks."""
    return max(1, count // FEWER) if is_quick() else count


def some(values: Sequence[Value], nth: int, *, of: str) -> Sequence[Value]:
    """All of them, or every `nth`, beginning at another one for each `of`. The test is marked `sampled`."""
    return values[zlib.crc32(of.encode()) % nth :: nth] if is_quick() else values


def one_in(nth: int, cases: Iterable[Any]) -> list[Any]:
    """Parameters of a test: every `nth` is for `make test`, the others are for `make test-slow`. Tuples are several."""
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*each, marks=pytest.mark.slow if at % nth else ()) for at, each in enumerate(values)]

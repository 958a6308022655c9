"""YAML that others wrote: what is nested too deeply, or there twice, is one error that names the line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from byteport.domain.yaml_text import DEEPEST, read_bounded, read_strict


@pytest.mark.parametrize("read", [read_bounded, read_strict])
@pytest.mark.parametrize("opening", ["[", "{a: ", "[{b: "])
def test_deep_nesting_is_refused_at_the_line_where_it_is_too_deep(read: Callable[[str], Any], opening: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match="nested too deeply") as refused:
        read("ok: 1\nx: " + opening * (DEEPEST + 1))
    assert refused.value.problem_mark is not None
    assert refused.value.problem_mark.line == 1


def test_what_people_write_is_read_as_ever() -> None:
    deep = "[" * DEEPEST + "]" * DEEPEST
    assert read_strict(f"a: {{b: [1, x]}}\nc: {deep}")["a"] == {"b": [1, "x"]}


def test_a_key_that_is_there_twice_is_refused_only_where_the_format_is_ours() -> None:
    assert read_bounded("a: 1\na: 2") == {"a": 2}
    with pytest.raises(yaml.MarkedYAMLError, match="the key a is there twice") as refused:
        read_strict("a: 1\na: 2")
    assert refused.value.problem_mark is not None
    assert refused.value.problem_mark.line == 1


def test_a_key_that_cannot_be_one_is_refused_too() -> None:
    with pytest.raises(yaml.YAMLError):
        read_strict("{[1]: 2}")

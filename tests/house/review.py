"""What a reviewer asks, by number: the questions that `docs/security/review.md` lists, and the tests that carry a number.

A test carries one in its name: `test_review_5_…`, `test_critique_0_7_and_b2_…`, `test_review_25_and_fault_30_…`. Everything
is read as text, so that nothing has to be collected. After it come `pages.py`, which lists the tests on the page, and
`test_review.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.house.tree import ROOT, python_files

PAGE = ROOT / "docs" / "security" / "review.md"
FAULTS = ROOT / "tests" / "faults" / "README.md"
ALL_SHOWN = "—"
"""In the column of what is missing."""


class List(StrEnum):
    """Where a number is from."""

    REVIEW = "review"
    CRITIQUE = "critique"
    FAULT = "fault"


class Number(NamedTuple):
    """`review 5`, `critique 0.7`, `critique B2`, `fault 30`."""

    list: List
    number: str


class Numbered(NamedTuple):
    """One test and the numbers that its name carries."""

    node: str
    numbers: tuple[Number, ...]


class Question(NamedTuple):
    """One row of a page."""

    asks: str
    missing: str


_TEST = re.compile(r"^ *(?:async )?def test_(\w+)\(", re.MULTILINE)
_NUMBER = re.compile(r"(?:(?P<list>review|critique|fault)_)?(?P<number>0_\d+|b\d|\d+)(?:_and_|_)")
_ROW = re.compile(r"^\| ([0-9B][0-9.]*) \| (.+) \| (.+) \|$", re.MULTILINE)
_FAULT_ROW = re.compile(r"^\| ([0-9][0-9, ]*) \| (.+) \| (.+) \|$", re.MULTILINE)


def numbers_of(name: str) -> tuple[Number, ...]:
    """The numbers with which a test's name begins, without its `test_`; a number alone is of the list before it."""
    found: list[Number] = []
    at, of = 0, ""
    while (match := _NUMBER.match(name, at)) and (match["list"] or of):
        of = match["list"] or of
        found.append(Number(List(of), _plain(match["number"])))
        at = match.end()
        if not match[0].endswith("_and_"):
            break
    return tuple(found)


def _plain(word: str) -> str:
    """`0_7` is 0.7, `b2` is B2, and `01` is 1."""
    return str(int(word)) if word.isdecimal() else word.replace("_", ".").upper()


@cache
def numbered() -> tuple[Numbered, ...]:
    """Every test that carries a number."""
    return tuple(
        Numbered(f"{path.relative_to(ROOT).as_posix()}::test_{name}", numbers)
        for path in sorted(python_files("tests"))
        if path.name.startswith("test_")
        for name in _TEST.findall(path.read_text())
        if (numbers := numbers_of(name))
    )


def tests_of(number: Number) -> list[str]:
    """The tests of a number."""
    return [one.node for one in numbered() if number in one.numbers]


def questions(text: str) -> dict[Number, Question]:
    """The rows of the page: those of whole numbers are the review's, the others the critique's."""
    return {
        Number(List.REVIEW if row.isdecimal() else List.CRITIQUE, row): Question(asks, missing)
        for row, asks, missing in _ROW.findall(text)
    }


def faults(text: str) -> dict[Number, str]:
    """Each fault of the faults' own page, and where it is shown."""
    found: dict[Number, str] = {}
    for rows, _, where in _FAULT_ROW.findall(text):
        for row in rows.split(","):
            number = Number(List.FAULT, row.strip())
            found[number] = f"{found.get(number, '')} {where}".strip()
    return found


def files_of(number: Number) -> set[str]:
    """Names of the files of a number's tests."""
    return {Path(node.partition("::")[0]).name for node in tests_of(number)}


def table() -> str:
    """For each question its tests, as the page shows them."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from ("## The tests", "", "| number | tests |", "|---|---|")
    for number in questions(PAGE.read_text()):
        tests = "<br>".join(f"`{node.removeprefix('tests/')}`" for node in tests_of(number))
        yield f"| {number.list.value} {number.number} | {tests or 'none'} |"

"""Every question of a reviewer has a test by its number or says what is missing, and no test carries a number of nobody's."""

from __future__ import annotations

import pytest

from tests.house import review
from tests.house.review import ALL_SHOWN, List, Number

ASKED = review.questions(review.PAGE.read_text())
FAULTS = review.faults(review.FAULTS.read_text())
WANTED = [
    *(Number(List.REVIEW, str(number)) for number in range(1, 26)),
    *(Number(List.CRITIQUE, f"0.{number}") for number in range(1, 11)),
    *(Number(List.CRITIQUE, f"B{number}") for number in range(1, 8)),
]


def test_the_page_lists_every_question_once_and_in_order() -> None:
    assert list(ASKED) == WANTED


def test_every_question_has_a_test_by_its_number_or_says_what_is_missing() -> None:
    silent = [number for number, row in ASKED.items() if not review.tests_of(number) and row.missing == ALL_SHOWN]
    assert silent == []


def test_every_fault_has_a_row_that_names_each_file_of_its_tests_or_says_that_there_is_none() -> None:
    wrong = []
    for number in (Number(List.FAULT, str(one)) for one in range(1, 33)):
        where = FAULTS.get(number, "")
        files = review.files_of(number)
        if not all(file in where for file in files) or (not files and not where.startswith("not yet")):
            wrong.append((number.number, sorted(files), where))
    assert wrong == []


def test_no_test_carries_a_number_that_no_page_has() -> None:
    known = {*ASKED, *FAULTS}
    assert [(one.node, number) for one in review.numbered() for number in one.numbers if number not in known] == []


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("review_5_every_forgery", [(List.REVIEW, "5")]),
        ("fault_01_worker_killed", [(List.FAULT, "1")]),
        ("fault_12_and_13_somebody", [(List.FAULT, "12"), (List.FAULT, "13")]),
        ("review_25_and_fault_30_two", [(List.REVIEW, "25"), (List.FAULT, "30")]),
        ("critique_0_7_and_b2_an_honest", [(List.CRITIQUE, "0.7"), (List.CRITIQUE, "B2")]),
        ("critique_0_10_what", [(List.CRITIQUE, "0.10")]),
        ("review_24_and_whatever", [(List.REVIEW, "24")]),
        ("two_builds_give_the_same_bytes", []),
        ("a_review_5_is_no_number", []),
        ("2_is_no_number", []),
    ],
)
def test_a_number_is_read_from_the_beginning_of_a_name(name: str, numbers: list[tuple[List, str]]) -> None:
    assert review.numbers_of(name) == tuple(Number(*one) for one in numbers)


PAGE = """
| 1 | May it? | — |
| B2 | And that? | the other half |
| fault | where | — |
"""


def test_a_row_is_a_number_a_question_and_what_is_missing() -> None:
    assert review.questions(PAGE) == {
        Number(List.REVIEW, "1"): review.Question("May it?", ALL_SHOWN),
        Number(List.CRITIQUE, "B2"): review.Question("And that?", "the other half"),
    }


def test_a_fault_may_have_several_rows_and_a_row_several_faults() -> None:
    text = "| 1, 2 | killed | `test_a.py` |\n| 2 | again | `test_b.py` |\n"
    assert review.faults(text) == {
        Number(List.FAULT, "1"): "`test_a.py`",
        Number(List.FAULT, "2"): "`test_a.py` `test_b.py`",
    }

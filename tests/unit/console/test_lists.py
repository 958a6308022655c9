"""A long list is cut into pages that leave nothing out and tell how much there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.console.lists import A_PAGE, number_of, part
from byteport.errors import MalformedInput
from byteport.temporal.views import MOST_COUNTED


@pytest.mark.claim("C-499")
@given(st.integers(0, 400), st.integers(1, 50))
def test_the_pages_of_a_list_hold_each_row_once_and_in_order(count: int, size: int) -> None:
    rows = list(range(count))
    first = part(rows, 1, size)
    assert [row for number in range(1, first.pages + 1) for row in part(rows, number, size).rows] == rows
    assert (first.total, first.whole) == (count, True)


@given(st.integers(0, MOST_COUNTED + 1), st.integers(1, 9999))
def test_a_page_beyond_the_last_is_the_last(count: int, number: int) -> None:
    shown = part(range(count), number)
    assert 1 <= shown.number <= shown.pages
    assert len(shown.rows) == min(A_PAGE, shown.total - (shown.number - 1) * A_PAGE) or not count


def test_more_than_are_counted_is_said() -> None:
    shown = part(range(MOST_COUNTED + 1), 1)
    assert (shown.total, shown.whole) == (MOST_COUNTED, False)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "x", "10000", "٣", "1 "])
def test_what_is_no_page_is_refused(text: str) -> None:
    with pytest.raises(MalformedInput):
        number_of(text)

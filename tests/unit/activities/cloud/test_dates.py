"""What a source says its time is: a stranger's text, which is a time with a zone or is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.cloud.dates import time_said


@given(st.integers(86_400, 200_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_a_date_of_https_is_that_moment(moment: datetime) -> None:
    assert time_said(format_datetime(moment, usegmt=True)) == moment


@given(st.none() | st.text(max_size=200))
def test_any_other_text_is_a_time_with_a_zone_or_none(text: str | None) -> None:
    said = time_said(text)
    assert said is None or said.utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", [None, "", "now", "Tue, 10 Mar 2026 25:00:00 GMT"])
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert time_said(text) is None

"""How long what is kept, and when a request is due, warned of and late: rules over numbers and times."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from byteport.domain.limits import Limits
from byteport.domain.retention import (
    RetentionConfig,
    Span,
    counted_for,
    numbers,
    removable,
    said,
    size,
    spans,
    times,
)

REQUESTED = datetime(2026, 3, 10, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEQS = st.sets(st.integers(min_value=1, max_value=200), max_size=60)


def test_a_body_is_kept_for_ninety_days_unless_the_settings_say_else() -> None:
    assert RetentionConfig().retention == timedelta(days=90)
    assert RetentionConfig(retention_days=30).retention == timedelta(days=30)


@pytest.mark.parametrize("days", [29, 0, -1, 3661])
def test_no_retention_is_shorter_than_what_the_agent_may_still_wait_for(days: int) -> None:
    with pytest.raises(ValidationError):
        RetentionConfig(retention_days=days)


def test_a_request_is_due_after_a_day_warned_of_before_three_and_late_after_three() -> None:
    of = times(REQUESTED, RetentionConfig())
    assert (of.due, of.warned, of.late) == (REQUESTED + 24 * HOUR, REQUESTED + 60 * HOUR, REQUESTED + 72 * HOUR)


def test_no_setting_lets_it_take_longer_than_72_hours_or_be_late_without_a_warning() -> None:
    with pytest.raises(ValidationError):
        RetentionConfig(erasure_hours=73)
    with pytest.raises(ValidationError, match="at least 12 less"):
        RetentionConfig(erasure_hours=24, erasure_delay_hours=13)
    of = times(REQUESTED, RetentionConfig(erasure_hours=24, erasure_delay_hours=12))
    assert of.due == of.warned == of.late - 12 * HOUR


def test_the_ledger_counts_by_names_for_an_hour_or_as_long_as_a_fix_that_did_not_hold() -> None:
    assert counted_for(Limits()) == timedelta(days=1)
    assert counted_for(Limits(not_again_seconds=0)) == HOUR
    assert counted_for(Limits(not_again_seconds=30 * 86400)) == timedelta(days=30)


@given(SEQS)
def test_spans_are_the_numbers_and_as_few_as_there_can_be(seqs: set[int]) -> None:
    found = spans(seqs)
    assert set(numbers(found)) == seqs
    assert size(found) == len(seqs)
    assert all(earlier.last + 1 < later.first for earlier, later in itertools.pairwise(found))


@given(SEQS, SEQS, st.integers(min_value=0, max_value=80))
def test_what_is_to_be_kept_is_never_removed_and_of_the_rest_the_lowest_go_first(
    candidates: set[int], kept: set[int], most: int
) -> None:
    removed = set(numbers(removable(candidates, kept=kept, most=most)))
    free = candidates - kept
    assert removed <= free
    assert len(removed) == min(most, len(free))
    assert not removed or max(removed) <= min(free - removed, default=201)


def test_a_person_reads_ranges_and_of_very_many_how_many_more() -> None:
    assert said((Span(3, 3), Span(7, 9))) == "3, 7-9"
    assert said((Span(1, 1), Span(3, 3), Span(5, 8)), most=2) == "1, 3, and 4 more"

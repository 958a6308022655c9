"""When measured values mean trouble: by times alone, whatever the order in which they came, and never twice for one stretch."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.measurements import FRESH, FUTURE, Above, Rule, Sample, is_plausible, shown

T = datetime(2026, 3, 10, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = Rule(85.0, timedelta(seconds=60))


def samples(*percents: float | None, every: timedelta = MINUTE, start: int = 0) -> list[Sample]:
    """One after the other; None where one is missing."""
    return [
        Sample(T + (start + number) * every, percent, every)
        for number, percent in enumerate(percents)
        if percent is not None
    ]


def at(minutes: float) -> datetime:
    return T + minutes * MINUTE


def test_a_moment_above_is_none_and_a_minute_of_it_is() -> None:
    assert not shown(samples(80, 90), None, RULE, source_now=at(1)).due
    found = shown(samples(80, 90, 91), None, RULE, source_now=at(2))
    assert found.due
    assert found.lasts == Above(at(1), at(2), 91)


def test_at_the_threshold_counts_as_above() -> None:
    assert shown(samples(85, 85), None, RULE, source_now=at(1)).due


def test_five_minute_values_need_two_as_minute_values_do() -> None:
    slow = samples(90, 90, every=5 * MINUTE)
    assert not shown(slow[:1], None, RULE, source_now=at(5)).due
    assert shown(slow, None, RULE, source_now=at(5)).due


def test_one_missing_point_breaks_nothing_and_two_do() -> None:
    assert shown(samples(90, None, 90), None, RULE, source_now=at(2)).lasts == Above(at(0), at(2), 90)
    broken = shown(samples(90, None, None, 90), None, RULE, source_now=at(3))
    assert broken.lasts == Above(at(3), at(3), 90)
    assert not broken.due


@pytest.mark.claim("C-408")
def test_the_same_stretch_keeps_its_name_from_poll_to_poll_and_a_new_one_after_it_fell_has_another() -> None:
    first = shown(samples(90, 90), None, RULE, source_now=at(1)).lasts
    assert first is not None
    told = Above(first.since, first.last, first.percent, told=True)
    later = shown(samples(90, 92, start=5), told, RULE, source_now=at(6))
    assert later.lasts == Above(at(5), at(6), 92), "four minutes of silence: it is another one"
    gone_on = shown(samples(90, 92, start=1), told, RULE, source_now=at(2))
    assert gone_on.lasts == Above(at(0), at(2), 92, told=True)
    fell = shown(samples(90, 80, 90, 90, start=1), told, RULE, source_now=at(4))
    assert fell.over
    assert fell.lasts == Above(at(3), at(4), 90)


def test_what_fell_silent_is_not_said_to_be_over_and_is_forgotten() -> None:
    told = Above(at(0), at(1), 90, told=True)
    silent = shown([], told, RULE, source_now=at(2))
    assert (silent.lasts, silent.over) == (told, False)
    gone = shown([], told, RULE, source_now=at(1) + FRESH + MINUTE)
    assert (gone.lasts, gone.due, gone.over) == (None, False, False)


def test_a_point_below_that_comes_late_ends_the_stretch_it_lies_in() -> None:
    told = Above(at(0), at(4), 90, told=True)
    found = shown([*samples(70, start=2), *samples(90, 90, start=3)], told, RULE, source_now=at(4))
    assert found.over
    assert found.lasts == Above(at(3), at(4), 90)


def test_an_earlier_point_that_comes_late_moves_no_stretch_that_was_told() -> None:
    told = Above(at(2), at(3), 90, told=True)
    assert shown(samples(95, 90, 90, start=1), told, RULE, source_now=at(3)).lasts == told
    untold = Above(at(2), at(3), 90)
    earlier = shown(samples(95, 90, 90, start=1), untold, RULE, source_now=at(3)).lasts
    assert earlier == Above(at(1), at(3), 90)


@pytest.mark.claim("C-408")
@pytest.mark.parametrize("percent", [math.nan, math.inf, -math.inf, -1.0, 1e300, 200.5])
def test_what_is_no_percentage_is_left_out(percent: float) -> None:
    assert not is_plausible(Sample(at(0), percent, MINUTE), at(0))


def test_what_comes_from_the_future_of_its_own_source_is_left_out() -> None:
    assert is_plausible(Sample(at(0) + FUTURE, 90, MINUTE), at(0))
    assert not is_plausible(Sample(at(0) + 2 * FUTURE, 90, MINUTE), at(0))


values = st.lists(st.one_of(st.none(), st.sampled_from([10.0, 84.9, 85.0, 99.0])), min_size=1, max_size=30)


@given(values, st.randoms(use_true_random=False))
def test_order_and_repetition_play_no_part(percents: list[float | None], chance: random.Random) -> None:
    given_so = samples(*percents)
    otherwise = [*given_so, *given_so[::2]]
    chance.shuffle(otherwise)
    now = at(len(percents))
    assert shown(given_so, None, RULE, source_now=now) == shown(otherwise, None, RULE, source_now=now)


@given(values, st.integers(min_value=1, max_value=5))
def test_many_polls_end_where_one_does(percents: list[float | None], step: int) -> None:
    """However the same values are cut into polls that read their last quarter of an hour again."""
    known: Above | None = None
    for end in [*range(step, len(percents), step), len(percents)]:
        seen = [one for one in samples(*percents[:end]) if one.at >= at(end - 1) - FRESH]
        known = shown(seen, known, RULE, source_now=at(end - 1)).lasts
    at_once = shown(samples(*percents), None, RULE, source_now=at(len(percents) - 1)).lasts
    assert known == at_once


@given(values, st.integers(min_value=1, max_value=5))
def test_a_stretch_is_due_only_while_every_value_in_it_is_above(percents: list[float | None], step: int) -> None:
    found = shown(samples(*percents), None, RULE, source_now=at(len(percents) - 1))
    if found.lasts is not None and found.due:
        inside = [one for one in samples(*percents) if found.lasts.since <= one.at <= found.lasts.last]
        assert all(one.percent >= RULE.percent for one in inside)
        assert found.lasts.last - found.lasts.since >= RULE.held

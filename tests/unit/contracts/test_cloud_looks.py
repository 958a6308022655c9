"""When an identity's rights are looked at again, how long a look is believed, and what people know of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from byteport.contracts.cloud_looks import (
    ANY,
    LATE_INTERVALS,
    LONGEST_NAME,
    MOST_NAMED,
    SOON,
    LookedAt,
    Named,
    RightsFound,
    answered,
    named,
    unanswered,
)

T = datetime(2026, 3, 10, 9, tzinfo=UTC)
EVERY = timedelta(hours=1)
EXACT = RightsFound(untold=Named.of(["s3:GetObject"]))
NEVER = RightsFound(never_requested=Named.of(["iam:CreateAccessKey"]))
LESS = RightsFound(missing=Named.of(["ec2:DescribeInstances"]))
MORE = RightsFound(in_excess=Named.of(["logging.logEntries.list"]))
SILENT = RightsFound(untold=Named.of(["s3:GetObject", "iam:CreateAccessKey"]))
"""As when a service has not answered whether it was taken away."""
FINDS = st.sampled_from([EXACT, NEVER, LESS, MORE, SILENT, None])
"""None: a look that is not answered."""


def look(last: LookedAt, found: RightsFound | None, at: datetime) -> LookedAt:
    return unanswered(last, at=at, delay=None) if found is None else answered(last, found, at=at, every=EVERY)


def told(looked: LookedAt) -> tuple[object, ...]:
    return looked.told.amiss if looked.told is not None else ()


def test_only_what_is_never_requested_refuses_and_what_cannot_be_told_is_nobodys_mistake() -> None:
    assert [one.refuses for one in (EXACT, NEVER, LESS, MORE)] == [False, True, False, False]
    assert EXACT.amiss == ()


def test_one_that_refuses_is_looked_at_again_soon_and_any_other_in_its_time() -> None:
    assert answered(None, NEVER, at=T, every=EVERY).again_at == T + SOON
    assert answered(None, LESS, at=T, every=EVERY).again_at == T + EVERY


@pytest.mark.claim("C-490")
@given(st.lists(FINDS, max_size=12))
def test_whatever_is_not_answered_a_refusal_ends_only_with_a_look_that_finds_it_gone(finds: list[RightsFound]) -> None:
    looked, expected = answered(None, NEVER, at=T, every=EVERY), NEVER
    for number, found in enumerate(finds):
        at = T + number * EVERY
        looked = unanswered(looked, at=at, delay=None) if found is None else answered(looked, found, at=at, every=EVERY)
        if found is not None and not (found is SILENT and expected.refuses):
            expected = found
        assert looked.found.refuses is expected.refuses
        assert looked.found.never_requested == expected.never_requested
        assert looked.again_at > at


@pytest.mark.claim("C-490")
@given(st.integers(300, 86400), st.integers(0, 400_000))
def test_a_look_is_believed_for_three_intervals_and_no_longer(every: int, later: int) -> None:
    looked = answered(None, EXACT, at=T, every=timedelta(seconds=every))
    late = looked.is_late(T + timedelta(seconds=later), every=timedelta(seconds=every))
    assert late is (later >= LATE_INTERVALS * every)
    put_off = unanswered(looked, at=T + timedelta(seconds=later), delay=None)
    assert put_off.at == looked.at, "a look that was not answered makes no other look newer"


@pytest.mark.claim("C-490")
@given(
    st.integers(300, 86400), st.integers(300, 86400), st.integers(0, 400_000), FINDS, st.none() | st.integers(0, 3600)
)
def test_whatever_the_interval_was_before_no_look_grows_late_without_being_made_again(
    before: int, every: int, later: int, found: RightsFound | None, delay: int | None
) -> None:
    """`found`: None where a second look was not answered, which then stands for as long as its source asks for."""
    looked, now = answered(None, EXACT, at=T, every=timedelta(seconds=before)), T + timedelta(seconds=later)
    asked = None if delay is None else timedelta(seconds=delay)
    if found is None:
        looked = unanswered(looked, at=now, delay=asked)
        assert not looked.is_due(now, every=timedelta(seconds=every)), "it has asked for time"
        now += max(asked or SOON, SOON)
    if looked.is_late(now, every=timedelta(seconds=every)) or found is None:
        assert looked.is_due(now, every=timedelta(seconds=every))


def test_a_look_of_a_time_to_come_is_made_again() -> None:
    """The clock was ahead."""
    assert answered(None, EXACT, at=T, every=EVERY).is_due(T - timedelta(hours=1), every=EVERY)


@given(st.none() | st.integers(0, 3600))
def test_a_source_that_asks_for_time_is_given_it_and_never_less_than_ours(delay: int | None) -> None:
    asked = None if delay is None else timedelta(seconds=delay)
    looked = unanswered(answered(None, EXACT, at=T, every=EVERY), at=T, delay=asked)
    assert looked.again_at == T + max(asked or SOON, SOON)


@pytest.mark.claim("C-491")
@given(st.lists(st.tuples(FINDS, st.booleans()), max_size=15))
def test_people_are_told_each_change_once_and_that_it_is_over_only_if_they_knew(
    looks: list[tuple[RightsFound | None, bool]],
) -> None:
    """The second of each pair: whether a notice arrives."""
    looked = answered(None, EXACT, at=T, every=EVERY)
    knows, keys = EXACT.amiss, []
    for number, (found, arrives) in enumerate(looks):
        at = T + number * EVERY
        looked = look(looked, found, at)
        assert looked.is_news is (looked.found.amiss != knows), "and what stands is none"
        assert (looked.amiss_since is None) is (not looked.found.amiss and not knows)
        if looked.is_news and arrives:
            keys.append((looked.amiss_since, looked.times))
            looked = looked.once_told()
            knows = looked.found.amiss
            assert not looked.is_news
        assert told(looked) == knows
    assert len(keys) == len(set(keys)), "no notice has the key of another, which a channel would not deliver"


@given(st.lists(st.text(max_size=400), max_size=60))
def test_permissions_are_shown_as_plain_words_and_so_many(permissions: list[str]) -> None:
    found = Named.of(permissions)
    assert len(found.names) <= MOST_NAMED
    assert all(len(one) <= LONGEST_NAME and one.isascii() and one.isprintable() for one in found.names if one)
    assert found.number == len({named(one) for one in permissions})
    assert RightsFound.model_validate_json(RightsFound(missing=found).model_dump_json()).missing == found


@pytest.mark.claim("C-490")
def test_where_a_source_has_not_listed_all_that_is_held_nothing_was_seen_to_be_gone() -> None:
    """As with Azure, when what an identity holds is more than one page."""
    before = RightsFound(never_requested=Named.of(f"Microsoft.Compute/{number}/write" for number in range(30)))
    looked = answered(answered(None, before, at=T, every=EVERY), RightsFound(untold=Named.of([ANY])), at=T, every=EVERY)
    assert looked.found.never_requested == before.never_requested


NUMBERS = st.sets(st.integers(0, 60))


@pytest.mark.claim("C-490")
@example({50}, set(), set(range(51)))
@given(NUMBERS, NUMBERS, NUMBERS)
def test_however_many_they_are_what_was_not_seen_to_be_gone_refuses_and_what_was_does_not(
    had: set[int], unknown: set[int], silent: set[int]
) -> None:
    """`unknown`: what can never be told; `silent`: what cannot be told at the second look."""
    had -= unknown

    def names(numbers: set[int]) -> Named:
        return Named.of(f"iam:{one:03}" for one in numbers)

    before = RightsFound(never_requested=names(had), untold=names(unknown))
    now = RightsFound(untold=names(unknown | silent))
    looked = answered(answered(None, before, at=T, every=EVERY), now, at=T + SOON, every=EVERY)
    if had and silent >= had:
        assert looked.found.refuses
    if had and silent >= had and len(unknown | silent) <= MOST_NAMED:
        assert looked.found.never_requested.number >= min(len(had), MOST_NAMED)
    if silent <= unknown:
        assert not looked.found.refuses, "everything that could be told then was told again, and is gone"

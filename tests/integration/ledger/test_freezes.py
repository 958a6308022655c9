"""Freezes that come again, against a count minute by minute, above all where the clocks change."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.audit.freezes import covers
from byteport.domain.limits import FreezeWindow, Limits, RecurringFreeze
from byteport.domain.policy import Standing
from byteport.domain.reasons import Reason
from tests.integration.ledger.world import World, pod_plan

WEEKEND = RecurringFreeze(cron="0 17 * * FRI", timezone="Europe/Berlin", hours=62)
MINUTE = timedelta(minutes=1)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata", "UTC")
CHANGES = (
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
)
"""When the clocks change in some of the zones."""


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("now", "frozen"),
    [
        ("2026-03-13T16:59:59", False),
        ("2026-03-13T17:00:00", True),
        ("2026-03-15T12:00:00", True),
        ("2026-03-16T06:59:59", True),
        ("2026-03-16T07:00:00", False),
        ("2026-03-18T12:00:00", False),
        # forward on 29 March: 62 real hours are over at 8
        ("2026-03-30T07:59:59", True),
        ("2026-03-30T08:00:00", False),
        # back on 25 October: 62 real hours would be over at 6, and the wall clock says 7
        ("2026-10-26T06:59:59", True),
        ("2026-10-26T07:00:00", False),
    ],
)
def test_every_weekend_is_frozen_by_the_clocks_of_its_zone(now: str, *, frozen: bool) -> None:
    assert covers(WEEKEND, "shop", at(now)) is frozen


def test_a_freeze_in_the_hour_that_is_left_out_begins_when_it_would_have(tmp_path: Path) -> None:
    window = RecurringFreeze(cron="30 2 * * *", timezone="Europe/Berlin", hours=0.5)
    assert not covers(window, "shop", at("2026-03-29T01:59:59"))
    assert covers(window, "shop", at("2026-03-29T03:00:00"))
    assert not covers(window, "shop", at("2026-03-29T03:30:00"))


def test_windows_that_overlap_are_one_long_freeze() -> None:
    window = RecurringFreeze(cron="0 */6 * * *", timezone="UTC", hours=8)
    begins = datetime(2026, 5, 1, tzinfo=UTC)
    assert all(covers(window, "shop", begins + timedelta(minutes=10 * n)) for n in range(300))


def test_a_freeze_of_some_namespaces_leaves_the_others_alone() -> None:
    window = WEEKEND.model_copy(update={"namespaces": frozenset({"shop"})})
    assert covers(window, "shop", at("2026-03-14T12:00:00"))
    assert not covers(window, "other", at("2026-03-14T12:00:00"))


def test_a_line_that_cannot_be_read_freezes() -> None:
    assert covers(WEEKEND.model_copy(update={"cron": "nonsense"}), "shop", at("2026-03-18T12:00:00"))
    assert covers(WEEKEND.model_copy(update={"timezone": "Europe/Nowhere"}), "shop", at("2026-03-18T12:00:00"))


def test_a_freeze_of_one_day_in_four_years_is_found_in_time() -> None:
    window = RecurringFreeze(cron="0 0 29 2 *", timezone="Europe/Berlin", hours=24)
    assert covers(window, "shop", at("2028-02-29T12:00:00"))
    assert not covers(window, "shop", at("2026-02-28T12:00:00"))


def begins_by_hand(zone: ZoneInfo, hour: int, minute: int, first: datetime, last: datetime) -> list[datetime]:
    """Each day's beginning, found by going through all minutes: the first that shows this time, or that is past it."""
    found: dict[tuple[int, int, int], datetime] = {}
    moment = first
    while moment <= last:
        local = moment.astimezone(zone)
        day = (local.year, local.month, local.day)
        if day not in found and (local.hour, local.minute) >= (hour, minute):
            found[day] = moment
        moment += MINUTE
    return list(found.values())


@given(
    zone=st.sampled_from(ZONES),
    change=st.sampled_from(CHANGES),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    lasts=st.integers(1, 20),
    offset=st.integers(-2000, 2000),
)
def test_it_is_open_when_a_count_by_minutes_says_so(
    zone: str, change: datetime, hour: int, minute: int, lasts: int, offset: int
) -> None:
    now, local = change + offset * MINUTE, ZoneInfo(zone)
    window = RecurringFreeze(cron=f"{minute} {hour} * * *", timezone=zone, hours=lasts)
    first = (now - timedelta(hours=lasts + 30)).astimezone(local).replace(hour=0, minute=0, fold=0).astimezone(UTC)
    expected = False
    for began in begins_by_hand(local, hour, minute, first, now):
        wall = (began.astimezone(local) + timedelta(hours=lasts)).replace(tzinfo=None)
        real_end = began + timedelta(hours=lasts)
        shown = now.astimezone(local).replace(tzinfo=None)
        still = now < real_end or (shown < wall and now < real_end + timedelta(hours=2))
        expected = expected or still
    assert covers(window, "shop", now) is expected


def test_the_ledger_holds_to_it(tmp_path: Path) -> None:
    window = RecurringFreeze(cron="0 9 * * TUE", timezone="UTC", hours=1)
    world = World(tmp_path, limits=Limits(freezes=(window,)))
    assert world.standing() == Standing(frozen=True)
    assert world.refusal(world.ask(pod_plan())) == (Reason.FROZEN,)
    world.clock.move(hours=1)
    world.granted(world.ask(pod_plan()))
    world.store.close()


def test_settings_tell_the_two_kinds_apart() -> None:
    plain = [
        {"start": "2026-12-24T00:00:00Z", "end": "2026-12-27T00:00:00Z"},
        {"cron": "0 17 * * FRI", "timezone": "Europe/Berlin", "hours": 62},
    ]
    once, again = Limits.model_validate({"freezes": plain}).freezes
    assert isinstance(once, FreezeWindow)
    assert again == WEEKEND

"""Which machine a node's name is and which minutes are whole, for any series whatever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from activities.cloud.gcp_series import PERIOD, Machines, Series, aligned, parts, shares
from activities.cloud.source import Window
from byteport.contracts.cloud import Metric

PROJECT = "acme-prod"
START = datetime(2026, 3, 10, 9, tzinfo=UTC)
moments = st.timedeltas(timedelta(0), timedelta(days=3000)).map(lambda after: START + after)
spans = st.timedeltas(timedelta(0), timedelta(hours=6))
skews = st.timedeltas(timedelta(seconds=-60), timedelta(seconds=60))
names = st.sampled_from(["node-a", "node-b", "node-c"])
zones = st.sampled_from(["europe-west1-b", "europe-west1-c"])
ids = st.sampled_from(["1", "2"])
machines = st.lists(st.tuples(names, zones, ids), max_size=6)
values = st.dictionaries(st.integers(0, 5).map(lambda n: START + n * PERIOD), st.floats(0, 2), max_size=6)


def instance(name: str, zone: str, instance_id: str, project: str = PROJECT) -> Series:
    resource = {"project_id": project, "zone": zone, "instance_id": instance_id}
    return Series(resource, {"instance_name": name})


def node(name: str, found: dict[datetime, float]) -> Series:
    return Series({"node_name": name}, {}, found)


@given(moments, spans, skews)
def test_only_whole_minutes_that_have_ended_by_any_clock_within_a_minute_are_asked_for(
    end: datetime, span: timedelta, skew: timedelta
) -> None:
    asked = aligned(Window(end - span, end))
    assert asked.end.second == asked.end.microsecond == asked.start.second == asked.start.microsecond == 0
    assert asked.end <= end + skew
    assert asked.start < asked.end
    assert asked.start <= end - span


@given(moments, spans, spans)
def test_polls_that_follow_each_other_leave_no_minute_out(end: datetime, span: timedelta, later: timedelta) -> None:
    """The next poll begins where this one ended, by what it was given."""
    first = aligned(Window(end - span, end))
    second = aligned(Window(first.end, end + later))
    assert second.start <= first.end


@given(machines)
def test_a_name_is_a_machine_only_where_it_is_one(found: list[tuple[str, str, str]]) -> None:
    known = Machines.of((instance(*one) for one in found), PROJECT)
    for name in ("node-a", "node-b", "node-c"):
        meant = {one for one in found if one[0] == name}
        subject = known.subject(name)
        assert (subject is not None) is (len(meant) == 1)
        if subject is not None:
            assert subject.provider_id == f"projects/{PROJECT}/zones/{next(iter(meant))[1]}/instances/{name}"


def test_labels_too_long_for_a_name_name_nothing() -> None:
    known = Machines.of([instance("n" * 254, "zone", "1"), instance("node-a", "z" * 64, "1")], PROJECT)
    assert known.by_name == {}


def test_an_instance_of_another_project_is_not_one_of_ours() -> None:
    known = Machines.of([instance("node-a", "europe-west1-b", "1", project="other")], PROJECT)
    assert known.subject("node-a") is None


@given(values, values)
def test_a_share_is_that_of_the_largest_series_and_never_a_sum(
    whole: dict[datetime, float], daemon: dict[datetime, float]
) -> None:
    known = Machines.of([instance("node-a", "europe-west1-b", "1")], PROJECT)
    points = list(shares(known, [node("node-a", daemon), node("node-a", whole)], Metric.MEMORY))
    assert [point.at for point in points] == sorted(whole.keys() | daemon.keys())
    for point in points:
        assert point.percent == max(whole.get(point.at, 0), daemon.get(point.at, 0)) * 100


@given(values, values)
def test_what_is_used_counts_only_against_what_there_was_at_the_same_time(
    used: dict[datetime, float], total: dict[datetime, float]
) -> None:
    known = Machines.of([instance("node-a", "europe-west1-b", "1")], PROJECT)
    points = list(parts(known, [node("node-a", used)], [node("node-a", total)], Metric.DISK))
    assert {point.at for point in points} == {at for at in used if total.get(at, 0) > 0}

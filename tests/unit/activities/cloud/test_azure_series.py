"""Which machine a value is of, in whatever case Azure writes it, and which minutes are whole; for any answer whatever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.cloud.azure_answers import clock_of, delay_of
from activities.cloud.azure_machines import Machine, MachineKind, Machines
from activities.cloud.azure_series import CPU, FREE_MEMORY, PERIOD, aligned, batches, of_disks, of_machine, resource_of
from activities.cloud.source import Window
from byteport.contracts.cloud import Metric

START = datetime(2026, 3, 10, 9, tzinfo=UTC)
ID = "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/MC_x/providers/Microsoft.Compute/virtualMachines"
moments = st.timedeltas(timedelta(0), timedelta(days=3000)).map(lambda after: START + after)
spans = st.timedeltas(timedelta(0), timedelta(hours=6))
skews = st.timedeltas(timedelta(seconds=-60), timedelta(seconds=60))
kinds = st.sampled_from(list(MachineKind))
names = st.sampled_from(["node-a", "NODE-A", "node-b", ""])
minutes = st.integers(0, 5).map(lambda n: START + n * PERIOD)
values = st.lists(st.tuples(minutes, st.none() | st.floats(0, 100)), max_size=6)


def machine(number: int, kind: MachineKind = MachineKind.ALONE, name: str = "") -> Machine:
    return Machine(f"{ID}/vm{number}", kind, name)


@given(moments, spans, skews)
def test_only_whole_minutes_that_have_ended_by_any_clock_within_a_minute_are_asked_for(
    end: datetime, span: timedelta, skew: timedelta
) -> None:
    asked = aligned(Window(end - span, end))
    assert asked.end.second == asked.end.microsecond == asked.start.second == asked.start.microsecond == 0
    assert asked.end <= end + skew
    assert asked.start < asked.end
    assert asked.start <= end - span


@given(st.lists(kinds, max_size=200))
def test_every_machine_is_in_one_batch_of_its_own_kind_and_none_is_larger_than_is_taken(
    found: list[MachineKind],
) -> None:
    machines = [machine(number, kind) for number, kind in enumerate(found)]
    made = list(batches(machines))
    assert sorted(one.resource_id for batch in made for one in batch) == sorted(one.resource_id for one in machines)
    assert all(0 < len(batch) <= 50 and len({one.kind for one in batch}) == 1 for batch in made)


@given(st.lists(names, max_size=6))
def test_a_name_is_a_machine_only_where_one_has_it_in_any_case(found: list[str]) -> None:
    known = Machines(tuple(machine(number, name=name) for number, name in enumerate(found))).by_name()
    folded = [name.lower() for name in found]
    assert set(known) == {name for name in folded if name and folded.count(name) == 1}


@given(values)
def test_memory_is_what_is_not_available_and_a_minute_without_a_value_is_not_there(
    found: list[tuple[datetime, float | None]],
) -> None:
    cpu = list(of_machine(machine(1), CPU, found))
    memory = list(of_machine(machine(1), FREE_MEMORY, found))
    assert [one.percent for one in cpu] == [value for _, value in found if value is not None]
    assert [one.percent for one in memory] == [100.0 - value for _, value in found if value is not None]
    assert [one.at - PERIOD for one in cpu] == [begins for begins, value in found if value is not None]
    assert {one.metric for one in cpu} <= {Metric.CPU}
    assert list(of_machine(machine(1), "Network In Total", found)) == []


@given(values, values)
def test_each_device_of_a_node_counts_by_itself_and_a_loop_device_does_not(
    one: list[tuple[datetime, float | None]], other: list[tuple[datetime, float | None]]
) -> None:
    known = {"node-a": machine(1, name="node-a")}
    loop: list[tuple[datetime, float | None]] = [(START, 100.0)]
    disks = [("Node-A", "/dev/sda1", one), ("node-a", "sdb1", other), ("node-a", "/dev/loop0", loop)]
    points = [(point.part, point.at - PERIOD, point.percent) for point in of_disks(known, disks)]
    assert points == [
        (device, begins, value)
        for device, found in (("/dev/sda1", one), ("sdb1", other))
        for begins, value in found
        if value is not None
    ]


@pytest.mark.parametrize(
    ("metric_id", "resource"),
    [
        (f"{ID}/vm1/providers/Microsoft.Insights/metrics/Percentage CPU", f"{ID}/vm1"),
        (f"{ID}/VM1/providers/microsoft.insights/Metrics/x", f"{ID}/vm1"),
        (f"{ID}/vm1", ""),
        ("", ""),
    ],
)
def test_whose_a_metric_is_is_read_from_its_id(metric_id: str, resource: str) -> None:
    assert resource_of(metric_id) == resource.lower()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "3", "retry-after-ms": "1500"}, 3),
        ({"retry-after-ms": "9" * 60}, 3600),
        ({"retry-after-ms": "-1"}, None),
        ({"retry-after-ms": "soon"}, None),
        ({}, None),
    ],
)
def test_for_how_long_azure_puts_us_off(headers: dict[str, str], seconds: float | None) -> None:
    assert delay_of(headers, START) == (None if seconds is None else timedelta(seconds=seconds))


@given(st.text(max_size=80))
def test_a_date_is_a_time_or_nothing(text: str) -> None:
    found = clock_of({"date": text})
    assert found is None or found.tzinfo is not None
    assert clock_of({"date": "Tue, 10 Mar 2026 09:00:00 GMT"}) == START

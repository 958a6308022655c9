"""What Azure's metrics say of nodes, in percent of what each may have. Pure.

A value's `timeStamp` is the beginning of its minute; a minute in which nothing was measured comes without a value. Comes after
`azure_machines.py`; before `azure.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from activities.cloud.azure_machines import Machine
from activities.cloud.source import Point, Window
from byteport.contracts.cloud import Metric

if TYPE_CHECKING:
    from azure.monitor.querymetrics import MetricsQueryResult

PERIOD = timedelta(minutes=1)
CPU = "Percentage CPU"
FREE_MEMORY = "Available Memory Percentage"
DISK = "node_disk_usage_percentage"
NODE, DEVICE = "node", "device"
AT_ONCE = 50
"""Most resources that one request may name."""
MOST_SERIES = 100_000
"""Of a cluster's disks: nodes times devices."""
_METRIC_ID = re.compile(r"(?P<resource>/subscriptions/.+)/providers/microsoft\.insights/metrics/[^/]+", re.IGNORECASE)
LONGEST = 200
"""Of a device's name."""
_LOOP = re.compile(r"/dev/loop[0-9]*|loop[0-9]*")
"""Devices that hold one file, and are full by nature."""


def aligned(window: Window) -> Window:
    """Whole minutes, the last of which ended at least a minute before `window.end`: what is still coming of them is not a value."""
    end = _minute(window.end) - PERIOD
    return Window(min(_minute(window.start), end - PERIOD), end)


def batches(machines: Sequence[Machine]) -> Iterator[Sequence[Machine]]:
    """Of one kind each, at most `AT_ONCE`: what one request may name."""
    for kind in dict.fromkeys(one.kind for one in machines):
        of_kind = [one for one in machines if one.kind is kind]
        for first in range(0, len(of_kind), AT_ONCE):
            yield of_kind[first : first + AT_ONCE]


@dataclass(frozen=True)
class Series:
    """One series, with nothing in it but what was looked at: numbers, times with their zone, and short words."""

    resource: str
    """Resource id in lower case."""
    metric: str
    dimensions: Mapping[str, str]
    values: Sequence[tuple[datetime, float | None]]
    """By the beginning of each minute; None where nothing was measured."""


def series_of(result: MetricsQueryResult) -> Iterator[Series]:
    """Of one resource's answer. Raises `ValueError`, `TypeError` or `AttributeError` for what is none."""
    for metric in result.metrics:
        resource = resource_of(metric.id)
        for one in metric.timeseries:
            dimensions = {str(name): str(value)[:LONGEST] for name, value in one.metadata_values.items()}
            values = [(_moment(point.timestamp), _number(point.average)) for point in one.data]
            yield Series(resource, metric.name, dimensions, values)


def resource_of(metric_id: str) -> str:
    """The resource that a metric is of, in lower case; empty for an id that is none."""
    found = _METRIC_ID.fullmatch(metric_id)
    return found["resource"].lower() if found else ""


def of_machine(machine: Machine, name: str, values: Iterable[tuple[datetime, float | None]]) -> Iterator[Point]:
    """CPU as it comes, memory as what is not available."""
    for begins, value in values:
        if value is not None and name in (CPU, FREE_MEMORY):
            metric, percent = (Metric.CPU, value) if name == CPU else (Metric.MEMORY, 100.0 - value)
            yield Point(machine.subject, metric, percent, begins.astimezone(UTC) + PERIOD, PERIOD)


def of_disks(
    by_name: Mapping[str, Machine],
    disks: Iterable[tuple[str, str, Iterable[tuple[datetime, float | None]]]],
) -> Iterator[Point]:
    """Each device of each node, from (node, device, values): which of them holds the root is not said."""
    for node, device, values in disks:
        machine = by_name.get(node.lower())
        if machine is None or _LOOP.fullmatch(device):
            continue
        for begins, value in values:
            if value is not None:
                yield Point(
                    machine.subject, Metric.DISK, value, begins.astimezone(UTC) + PERIOD, PERIOD, device[:LONGEST]
                )


def dimension(values: Mapping[str, Any], name: str) -> str:
    """A dimension's value: Azure writes their names in any case."""
    return next((str(value) for key, value in values.items() if key.lower() == name), "")


def _moment(found: object) -> datetime:
    if not isinstance(found, datetime):
        raise TypeError("a time is none")
    return found.astimezone(UTC)


def _number(found: object) -> float | None:
    """None for what is no number: the poll judges which numbers are percentages."""
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)

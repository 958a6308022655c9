"""What Azure's metrics say of nodes, in percent of what each may have. Pure.

A value's `timeStamp` is the beginning of its minute; a minute in which nothing was measured comes without a value. Comes after
`azure_machines.py`; before `azure.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.cloud.azure_machines import Machine
from activities.cloud.source import Point, Window
from byteport.contracts.cloud import Metric

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


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)

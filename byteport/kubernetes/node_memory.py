"""A node's memory as numbers: the helper's `free -m`, the metrics API, its condition, and its own out-of-memory events.

The condition alone is not enough: the kubelet samples every ten seconds, and a node may be out of memory between two
samples with every condition green. Nor is a number alone: a container that reads its own control group's memory as the
node's tells nonsense. `node_reading.py` puts this into a `NodeState`; the memory runbook asks both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from byteport.domain.base import Frozen, Instant
from byteport.kubernetes import fields
from byteport.kubernetes.events import EventClass, read_events
from byteport.kubernetes.quantities import quantity
from byteport.kubernetes.surroundings import Tri
from byteport.kubernetes.world import JSON, World

MOST_BYTES = 2**60
"""More than any node or container has: a figure beyond it is nonsense."""
CLOCK_SKEW = timedelta(seconds=60)
"""How far ahead of ours the clock of whoever measured may be."""
OLD_METRICS = timedelta(minutes=10)
_MIB = 2**20
_LINE = 256
"""Characters of a line that are looked at; `free` writes fewer than a hundred."""
_SLACK = 1.25
"""How much more than its capacity a node may seem to have, by rounding and units."""
_CELL = 4
"""A quarter of the capacity: what sees less than this sees a container's memory, not the node's."""


class NodeMemory(Frozen):
    """The memory fields of a `NodeState`, by the same names."""

    memory_bytes: int | None = None
    memory_available_bytes: int | None = None
    """Without pushing anything out; None where nobody measured it, or what was measured cannot be."""
    memory_condition: Tri = Tri.UNKNOWN
    memory_condition_since: Instant | None = None
    system_oom_at: Instant | None = None
    absurd: bool = False
    """A figure was given that cannot be: more available than there is, less than nothing, another machine's total."""


class Free(Frozen):
    """What `free -m` says, in bytes."""

    total: int
    available: int | None


def read_node_memory(world: World, node_item: JSON, lines: Sequence[str] = ()) -> NodeMemory:
    """Memory of the node `node_item`, with `lines` of its helper's `free -m`. Never raises for what it reads.

    The helper's figure comes before the metrics API's: it is the kernel's own and of this moment.
    """
    name = fields.name(fields.metadata(node_item).get("name"))
    condition = fields.condition(node_item, "MemoryPressure")
    capacity = _bytes(fields.at(node_item, "status", "capacity", "memory"))
    free = read_free(lines)
    used = _metrics_usage(world, name)
    total, available, absurd = capacity, None, False
    if free is not None:
        total, available, absurd = _by_free(free, capacity)
    elif used is not None and capacity:
        absurd = not 0 < used <= capacity
        available = None if absurd else capacity - int(used)
    status = condition.get("status")
    return NodeMemory(
        memory_bytes=total,
        memory_available_bytes=available,
        memory_condition=Tri(status) if status in ("True", "False") else Tri.UNKNOWN,
        memory_condition_since=fields.instant(condition.get("lastTransitionTime")),
        system_oom_at=_system_oom_at(world, name),
        absurd=absurd,
    )


def read_free(lines: Iterable[str]) -> Free | None:
    """The `Mem:` line of `free -m`, by its header; None when there is none that can be read.

    Without a column `available` the line `-/+ buffers/cache:` of older versions gives it; `free` alone does not, since
    what caches hold can be had back. Linear in its input.
    """
    header: list[str] = []
    total: int | None = None
    available: int | None = None
    for line in lines:
        words = line[:_LINE].split() if isinstance(line, str) else []
        if "total" in words and "used" in words and not words[0].endswith(":"):
            header = words
        elif words[:1] == ["Mem:"] and total is None:
            figures = [_whole(word) for word in words[1:]]
            total = figures[0] if figures else None
            column = header.index("available") if "available" in header else None
            available = figures[column] if column is not None and column < len(figures) else None
        elif words[:2] == ["-/+", "buffers/cache:"] and available is None:
            available = _whole(words[3]) if len(words) > 3 else None
    if total is None:
        return None
    return Free(total=total * _MIB, available=None if available is None else available * _MIB)


def _by_free(free: Free, capacity: int | None) -> tuple[int | None, int | None, bool]:
    """Total, available, and whether they cannot be."""
    total, available = free.total, free.available
    impossible = not 0 < total <= MOST_BYTES or (available is not None and not 0 <= available <= total)
    foreign = bool(capacity) and not (capacity or 0) / _CELL <= total <= (capacity or 0) * _SLACK
    if impossible or foreign:
        return capacity, None, True
    return total, available, False


def _metrics_usage(world: World, name: str) -> int | None:
    """The newest usage that the metrics API gives, in bytes; may be absurd, never old or from the future."""
    newest: datetime | None = None
    found: int | None = None
    for item in world.of("NodeMetrics"):
        if fields.name(fields.metadata(item).get("name")) != name:
            continue
        at = fields.instant(item.get("timestamp"))
        used = quantity(fields.at(item, "usage", "memory"))
        if at is None or used is None or not -CLOCK_SKEW <= world.now - at <= OLD_METRICS:
            continue
        if newest is None or at > newest:
            newest, found = at, int(used) if 0 <= used <= MOST_BYTES else -1
    return found


def _system_oom_at(world: World, name: str) -> datetime | None:
    """When the kernel last killed something for want of memory of the whole node."""
    times = [
        event.last
        for event in read_events(world)
        if event.kind is EventClass.SYSTEM_OOM and event.about_kind == "Node" and event.about == name
    ]
    return max((when for when in times if when is not None), default=None)


def _bytes(value: object) -> int | None:
    amount = quantity(value)
    return int(amount) if amount is not None and 0 < amount <= MOST_BYTES else None


def _whole(word: str) -> int | None:
    digits = word.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 15:
        return None
    return int(word)

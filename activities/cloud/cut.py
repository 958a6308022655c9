"""What of one poll goes on, where it is more than goes on: machines first, then pods, no namespace before another.

A poll is one payload of Temporal's, which has an end, and names and labels are as long as whoever chose them likes. Whoever
runs a thousand hot containers in a namespace must not keep a full disk, or another's pod, from being told.
Comes before `poll.py`, which says that something was cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from byteport.contracts.cloud import MOST_OPEN, Stretch
from byteport.contracts.symptoms import OutsideSymptom

LARGEST = 800_000
"""Bytes of one list of a poll; it has two, and Temporal takes two million in all."""
Item = TypeVar("Item", Stretch, OutsideSymptom)


def cut(items: Sequence[Item]) -> tuple[Item, ...]:
    """Those that go on, in their own order among equals: as many as `MOST_OPEN`, and as `LARGEST` bytes hold."""
    turns: Counter[str] = Counter()
    ranked: list[tuple[int, Item]] = []
    for item in items:
        namespace = item.subject.namespace or ""
        is_machine = item.subject.kind == "Node"
        turns[namespace] += not is_machine
        ranked.append((0 if is_machine else turns[namespace], item))
    kept: list[Item] = []
    left = LARGEST
    for _, item in sorted(ranked, key=lambda pair: pair[0])[:MOST_OPEN]:
        left -= len(item.model_dump_json().encode()) + 1
        if left < 0:
            break
        kept.append(item)
    return tuple(kept)

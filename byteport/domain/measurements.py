"""When measured values mean trouble: above a threshold, unbroken, for as long as the rule says.

Values come late, twice, out of order, with gaps, and by a clock that is not ours. So nothing here counts points: a stretch
is told by the times of its first and its newest point above, a gap or a point below breaks it, and the order in which
points arrived plays no part. Before it come the sources (`activities/cloud`), which read every window a second time;
after it `activities/cloud/poll.py`, which makes symptoms of what lasts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_PERCENT = 200.0
"""A container may burst past what it may have for a moment; twice as much is a mistake of whoever measured."""
GAP_PERIODS = 2.5
"""One missing point breaks nothing, two do."""
FUTURE = timedelta(seconds=60)
"""A point further ahead of its own source's clock was not measured."""
FRESH = timedelta(minutes=15)
"""The newest point above may be so old: 5-minute values arrive up to ten minutes late. Older, it says nothing of now."""


@dataclass(frozen=True)
class Rule:
    """At or above `percent` for `held`."""

    percent: float
    held: timedelta


@dataclass(frozen=True)
class Sample:
    """One value. `period`: how far the values of its series lie apart when none is missing."""

    at: datetime
    percent: float
    period: timedelta


@dataclass(frozen=True)
class Above:
    """A stretch above the threshold: its first and its newest point, and the value of that."""

    since: datetime
    last: datetime
    percent: float
    told: bool = False
    """Whether it was reported: from then on `since` is its name, and stays."""


@dataclass(frozen=True)
class Shown:
    """What one series shows."""

    lasts: Above | None
    """The stretch that no point has ended yet, and whose newest point is of now."""
    due: bool = False
    """Whether it has held for the rule's time."""
    over: bool = False
    """Whether the stretch that was known before has fallen below: not said of one that only fell silent."""


def is_plausible(sample: Sample, source_now: datetime) -> bool:
    """Whether a value is a percentage, and was measured before now by its source's clock. NaN and infinities are not."""
    return (
        math.isfinite(sample.percent)
        and 0.0 <= sample.percent <= MOST_PERCENT
        and sample.at <= source_now + FUTURE
        and sample.period > timedelta(0)
    )


def shown(samples: Iterable[Sample], before: Above | None, rule: Rule, *, source_now: datetime) -> Shown:
    """What the plausible `samples` of one series show, together with what was known `before`.

    The same whatever order they are given in, and however often. Of two values for one moment the lower one counts.
    """
    marks = _marks(samples, before, rule)
    stretches, fell = _stretches(marks, before)
    lasts = stretches[-1] if stretches and stretches[-1].last == marks[-1].at else None
    if before is None:
        return _judged(lasts, rule, source_now, over=False)
    same = next((one for one in stretches if one.since <= before.since <= one.last), None)
    same = same or next((one for one in stretches if one.since <= before.last <= one.last), None)
    if lasts is not None and lasts is same:
        kept = before.since if before.told else lasts.since
        return _judged(Above(kept, lasts.last, lasts.percent, before.told), rule, source_now, over=False)
    ended = same.last if same is not None else before.since
    return _judged(lasts, rule, source_now, over=any(at >= ended for at in fell))


@dataclass(frozen=True)
class _Mark:
    at: datetime
    percent: float
    above: bool
    period: timedelta


def _marks(samples: Iterable[Sample], before: Above | None, rule: Rule) -> Sequence[_Mark]:
    """One a moment, in the order of time, the ends of what was known before among them."""
    lowest: dict[datetime, Sample] = {}
    for sample in samples:
        known = lowest.get(sample.at)
        if known is None or (sample.percent, sample.period) < (known.percent, known.period):
            lowest[sample.at] = sample
    longest = max((sample.period for sample in lowest.values()), default=timedelta(0))
    marks = [_Mark(one.at, one.percent, one.percent >= rule.percent, longest) for one in lowest.values()]
    if before is not None:
        ends = {before.since, before.last} - set(lowest)
        marks += [_Mark(at, before.percent, True, longest) for at in ends]
    return sorted(marks, key=lambda mark: mark.at)


def _stretches(marks: Sequence[_Mark], before: Above | None) -> tuple[list[Above], list[datetime]]:
    """The unbroken stretches above, and the moments below."""
    found: list[Above] = []
    fell: list[datetime] = []
    previous: _Mark | None = None
    for mark in marks:
        if not mark.above:
            fell.append(mark.at)
        elif previous is not None and previous.above and _joined(previous, mark, before):
            found[-1] = Above(found[-1].since, mark.at, mark.percent)
        else:
            found.append(Above(mark.at, mark.at, mark.percent))
        previous = mark
    return found, fell


def _joined(earlier: _Mark, later: _Mark, before: Above | None) -> bool:
    """Whether nothing is missing between two points above, or it was seen that nothing was."""
    if before is not None and before.since <= earlier.at and later.at <= before.last:
        return True
    return later.at - earlier.at <= later.period * GAP_PERIODS


def _judged(lasts: Above | None, rule: Rule, source_now: datetime, *, over: bool) -> Shown:
    """A series that fell silent is forgotten, and what it says later is news."""
    if lasts is None or source_now - lasts.last > FRESH:
        return Shown(None, over=over)
    return Shown(lasts, lasts.last - lasts.since >= rule.held, over)

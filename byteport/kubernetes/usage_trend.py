"""Why memory is nearly used up: it leaks, the limit is too small for what the program is, or load asks for it.

More replicas help in the third case only, and look as if they helped in the first: a fresh pod of a leaking program is
small. So *load* is told only where use per pod fell when replicas came, or moved with its CPU in step; age, growth while
the CPU does not grow, and kills at regular intervals speak for a leak and outweigh it.

Pure and without units: twice the memory everywhere, or another clock, gives the same answer. Asked by the memory runbook
on `Situation.scaling`; `sample_of` is what a workflow keeps of one look for the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from byteport.domain.base import Frozen
from byteport.kubernetes.pods import EndReason, PodReading, Role
from byteport.kubernetes.scaling import ContainerUsage, UsageSample
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.usage import summed


class TrendKind(StrEnum):
    """What the use of memory looks like."""

    LEAK = "leak"
    CEILING = "ceiling"
    """Flat, close to the limit: the working set itself does not fit."""
    LOAD = "load"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """One observation that a trend rests on."""

    GROWS = "grows_with_time"
    OLDER_USES_MORE = "older_uses_more"
    KILLED_AT_INTERVALS = "killed_at_intervals"
    FLAT = "flat_at_limit"
    KILLED_AT_START = "killed_at_start"
    FALLS_WITH_REPLICAS = "falls_with_replicas"
    FOLLOWS_CPU = "follows_cpu"


class Life(Frozen):
    """How one container's runs end for want of memory."""

    last: timedelta
    """How long the last run lasted."""
    mean: timedelta
    """How long one lasts on average, back-off included."""
    kills: int


class Trend(Frozen):
    """The answer, with what it rests on."""

    kind: TrendKind = TrendKind.UNKNOWN
    basis: tuple[Basis, ...] = ()
    samples: int = 0
    growth: float | None = None
    """Of use per pod, from the first sample to the last; 0.1 is a tenth more."""


_LEAK = frozenset({Basis.GROWS, Basis.OLDER_USES_MORE, Basis.KILLED_AT_INTERVALS})
_LOAD = frozenset({Basis.FALLS_WITH_REPLICAS, Basis.FOLLOWS_CPU})
_CEILING = frozenset({Basis.FLAT, Basis.KILLED_AT_START})

GROWTH_OVER = timedelta(minutes=2)
"""Growth over less is noise."""
STEADY_OVER = timedelta(minutes=5)
STEADY_SAMPLES = 6
"""Growth in every one of so many steps over so long is no chance, be it ever so slow."""
FLAT_OVER = timedelta(minutes=5)
_GROWS = Fraction(103, 100)
_CREEPS = Fraction(101, 100)
_FLAT = Fraction(3, 100)
_CPU_STEADY = Fraction(110, 100)
_CPU_MOVED = Fraction(20, 100)
_IN_STEP = (Fraction(1, 2), Fraction(3, 2))
"""Memory that follows load changes by half to one and a half times the CPU's own share."""
_CLOSE = 0.9
"""From so much of its limit on, *flat* means that it does not fit."""

_MOST_SHARE = 100.0

WARM = timedelta(minutes=10)
"""A container that has run for less is still filling its caches: its youth is no evidence."""
_AGES = timedelta(minutes=30)
_OLDER = Fraction(5, 4)
_LEAST_PODS = 3

AT_START = timedelta(minutes=2)
REGULAR = timedelta(minutes=10)
"""A run must last so long before its end may be called a leak's: what ends sooner never fitted."""
_KILLS = 2


def sample_of(situation: Situation) -> UsageSample | None:
    """What this look measured, for the next one to compare with; None where nothing was."""
    scaling = situation.scaling
    return None if scaling is None else scaling.sample or summed(scaling.usage)


def trend_of(samples: Sequence[UsageSample], usage: Sequence[ContainerUsage] = (), lives: Sequence[Life] = ()) -> Trend:
    """What `samples` (in any order), the containers' present `usage` and the ends of earlier runs show together."""
    series = _in_order(samples)
    found = {*_by_time(series), *_by_age(usage), *_by_lives(lives)}
    growth = float(_per_pod(series[-1]) / _per_pod(series[0]) - 1) if len(series) > 1 else None
    return Trend(
        kind=_kind(found), basis=tuple(basis for basis in Basis if basis in found), samples=len(series), growth=growth
    )


def trend(situation: Situation) -> Trend:
    """The trend of the target's memory: earlier samples, this look, and how its containers ended."""
    scaling = situation.scaling
    if scaling is None:
        return trend_of((), (), tuple(lives_of(situation.pods)))
    now = sample_of(situation)
    samples = (*scaling.earlier, now) if now is not None else scaling.earlier
    return trend_of(samples, scaling.usage, tuple(lives_of(situation.pods)))


def lives_of(pods: Sequence[PodReading]) -> Iterator[Life]:
    """Of each container that was killed for memory more than once: how long it lives."""
    for pod in pods:
        for item in pod.containers:
            end = item.final
            if item.role is Role.INIT or end is None or end.reason is not EndReason.OOM_KILLED:
                continue
            begun, kills = pod.started_at or pod.created_at, item.restarts + (1 if item.ended is not None else 0)
            lasted = end.lasted
            if lasted is None or begun is None or end.finished_at is None or kills < _KILLS:
                continue
            yield Life(last=lasted, mean=max(timedelta(0), end.finished_at - begun) / kills, kills=kills)


def _kind(found: set[Basis]) -> TrendKind:
    if found & _LEAK:
        return TrendKind.LEAK
    if Basis.KILLED_AT_START in found:
        return TrendKind.CEILING
    if found & _LOAD:
        return TrendKind.LOAD
    return TrendKind.CEILING if found & _CEILING else TrendKind.UNKNOWN


def _in_order(samples: Sequence[UsageSample]) -> list[UsageSample]:
    """By time, each moment once, without those that measured nothing."""
    by_time = {sample.at: sample for sample in samples if sample.pods > 0 and sample.memory > 0}
    return [by_time[at] for at in sorted(by_time)]


def _per_pod(sample: UsageSample) -> Fraction:
    return Fraction(sample.memory, sample.pods)


def _cpu(sample: UsageSample) -> Fraction:
    return Fraction(sample.cpu) / sample.pods if 0 <= sample.cpu < 2**40 else Fraction(0)


def _by_time(series: Sequence[UsageSample]) -> Iterator[Basis]:
    if len(series) < 2:
        return
    first, last = series[0], series[-1]
    span = last.at - first.at
    use = [_per_pod(sample) for sample in series]
    if _fell_with_replicas(first, last):
        yield Basis.FALLS_WITH_REPLICAS
    steady = _cpu(last) <= _cpu(first) * _CPU_STEADY and last.pods >= first.pods
    if steady and (_rises(use, span) or _creeps(use, span)):
        yield Basis.GROWS
    if {sample.pods for sample in series} == {first.pods}:
        yield from _at_one_size(series, use, span)


def _rises(use: Sequence[Fraction], span: timedelta) -> bool:
    never_falls = len(use) >= 3 and all(after >= before for before, after in pairwise(use))
    return never_falls and span >= GROWTH_OVER and use[-1] >= use[0] * _GROWS


def _creeps(use: Sequence[Fraction], span: timedelta) -> bool:
    """A slow leak: a little more each time, without exception."""
    always_more = len(use) >= STEADY_SAMPLES and all(after > before for before, after in pairwise(use))
    return always_more and span >= STEADY_OVER and use[-1] >= use[0] * _CREEPS


def _fell_with_replicas(first: UsageSample, last: UsageSample) -> bool:
    """By at least half of what an even share would give, on average and in the fullest container.

    The average alone falls for a leak too, because the new pods are young; the fullest container is an old one.
    """
    if last.pods <= first.pods or not 0 < first.worst_memory_share < _MOST_SHARE:
        return False
    most = 1 - (1 - Fraction(first.pods, last.pods)) / 2
    average = _per_pod(last) <= _per_pod(first) * most
    return average and 0 < last.worst_memory_share <= float(most) * first.worst_memory_share


def _at_one_size(series: Sequence[UsageSample], use: Sequence[Fraction], span: timedelta) -> Iterator[Basis]:
    """With the same replicas throughout: in step with the CPU, or not moving at all."""
    before, after = _cpu(series[0]), _cpu(series[-1])
    if before > 0 and abs(after / before - 1) >= _CPU_MOVED:
        step = (use[-1] / use[0] - 1) / (after / before - 1)
        if _IN_STEP[0] <= step <= _IN_STEP[1]:
            yield Basis.FOLLOWS_CPU
    climbs = len(use) > 2 and all(after > before for before, after in pairwise(use))
    flat = max(use) - min(use) <= _FLAT * max(use) and not climbs
    if flat and span >= FLAT_OVER and min(sample.worst_memory_share for sample in series) >= _CLOSE:
        yield Basis.FLAT


class _Aged(NamedTuple):
    born: datetime
    use: int


def _by_age(usage: Sequence[ContainerUsage]) -> Iterator[Basis]:
    """Whether, among warm containers of one name and revision, the older use more, throughout and by a quarter."""
    groups: dict[tuple[str, str], list[_Aged]] = {}
    for one in usage:
        if not one.memory or one.started_at is None or one.measured_at is None:
            continue
        if one.measured_at - one.started_at >= WARM:
            groups.setdefault((one.container, one.revision), []).append(_Aged(one.started_at, one.memory))
    if any(len(group) >= _LEAST_PODS and _grows_with_age(group) for group in groups.values()):
        yield Basis.OLDER_USES_MORE


def _grows_with_age(group: Sequence[_Aged]) -> bool:
    aged = sorted(group, key=lambda one: (one.born, -one.use), reverse=True)
    if aged[0].born - aged[-1].born < _AGES:
        return False
    use = [one.use for one in aged]
    rising = sum(1 for before, after in pairwise(use) if after >= before)
    return 10 * rising >= 8 * (len(use) - 1) and use[-1] >= use[0] * _OLDER


def _by_lives(lives: Sequence[Life]) -> Iterator[Basis]:
    for life in lives:
        if life.last <= AT_START:
            yield Basis.KILLED_AT_START
        elif life.last >= REGULAR and life.mean <= 2 * life.last and life.last <= 2 * life.mean:
            yield Basis.KILLED_AT_INTERVALS

"""POLL_METRICS: read one source, and make symptoms of what stays above its threshold. It decides no times of polls.

Comes after `source.py` and its implementations, which know how a source is asked, and `byteport/domain/measurements.py`,
which knows when values mean trouble; `workflows/metric_poll.py` says when, and hands the symptoms to the cluster's worker.
Every window is read a second time by the polls that follow, so that what came late is seen: what was seen before
is known by the stretches that a poll is given.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from activities.clock import Clock
from activities.cloud.cut import cut
from activities.cloud.source import Measured, MetricSource, Point, Window
from activities.kubernetes.policy_source import PolicySource
from activities.performs import performs
from byteport.contracts.cloud import (
    FURTHEST_SKEW,
    POLL_METRICS,
    CloudSource,
    Metric,
    Polled,
    PollMetrics,
    Stretch,
)
from byteport.contracts.symptoms import Fate, OutsideSymptom, Subject
from byteport.domain.canonical import digest
from byteport.domain.measurements import Above, Rule, Sample, is_plausible, shown
from byteport.domain.policy import PolicyConfig
from byteport.domain.signals import SignalType, Source
from byteport.errors import BytePortError, ConfigError, NotPermitted, PermanentError, Unavailable

LATE = timedelta(minutes=15)
"""How late a value may come and still be judged: each poll reads so much of what the one before it has read."""
LONGEST = timedelta(hours=1)
"""After a longer silence of ours what was measured before is of no use: it is not asked for."""
READING = timedelta(seconds=50)
"""So long all questions of one poll may take together, of the minute that an attempt has: what a slow source has answered by then is
not enough to judge by, and the next poll reads the same window again."""
TOLD_AGAIN = timedelta(minutes=10)
"""A stretch that nobody took (its node was not enabled, was not found) is told again after this, while it lasts."""
DISK_HELD, MEMORY_HELD, CPU_HELD = timedelta(seconds=60), timedelta(seconds=90), timedelta(seconds=90)
"""How long each must be above its threshold; how high that is, the policy says."""
LONGEST_PART = 200

SIGNALS = {
    Metric.DISK: SignalType.DISK_PRESSURE,
    Metric.MEMORY: SignalType.MEMORY_PRESSURE,
    Metric.CPU: SignalType.CPU_SPIKE,
}


class _Series(NamedTuple):
    subject: Subject
    metric: Metric
    part: str


class Polling:
    """What the queue `cloud` serves: each source of the settings, made at its first poll and again after an error."""

    def __init__(
        self,
        cluster_uid: str,
        sources: Mapping[CloudSource, Callable[[], MetricSource]],
        policy: PolicySource,
        *,
        clock: Clock,
    ) -> None:
        self._cluster_uid = cluster_uid
        self._makers = sources
        self._policy = policy
        self._clock = clock
        self._known: dict[CloudSource, MetricSource] = {}

    @performs(POLL_METRICS)
    async def poll(self, call: PollMetrics) -> Polled:
        if call.cluster_uid != self._cluster_uid:
            raise NotPermitted("the metrics of another cluster are not this process's to read")
        if call.source not in self._makers:
            raise PermanentError(f"clouds.sources: names no {call.source.value} here; restart the workers that do")
        policy, now = self._policy.read(), self._clock()
        window = _window(call, now)
        measured = await self._read(call.source, window)
        return polled(call, window, measured, policy, now=self._clock())

    async def _read(self, source: CloudSource, window: Window) -> Measured:
        """No connection outlives a poll. A source that failed is given up, with whatever it remembers."""
        try:
            asked = self._known[source] = self._known.get(source) or self._makers[source]()
            try:
                async with asyncio.timeout(READING.total_seconds()):
                    return await asked.read(window)
            except TimeoutError:
                raise Unavailable(f"{source.value}: not read to its end within {READING.seconds} s") from None
            finally:
                await asked.close()
        except BytePortError as error:
            self._known.pop(source, None)
            if isinstance(error, ConfigError):
                raise PermanentError(error.message) from error
            raise


def _window(call: PollMetrics, now: datetime) -> Window:
    """By the source's clock, as the poll before saw it."""
    end = now + timedelta(seconds=call.skew_seconds)
    since = call.since or end - LATE
    return Window(max(min(since, end - LATE), end - LONGEST), end)


def polled(call: PollMetrics, window: Window, measured: Measured, policy: PolicyConfig, *, now: datetime) -> Polled:
    """What a poll gives: pure, of what the source said and what the poll before had seen."""
    skew = _skew(measured, now)
    source_now = now + timedelta(seconds=skew)
    series, absurd = _by_series(measured.points, source_now)
    before = {_Series(one.subject, one.metric, one.part): one for one in call.open}
    rules = rules_of(policy)
    symptoms: list[OutsideSymptom] = []
    lasting: list[Stretch] = []
    for key in sorted({*series, *before}, key=_order):
        known, rule = before.get(key), rules[key.metric]
        found = shown(series.get(key, ()), _above(known), rule, source_now=source_now)
        if known is not None and found.over and known.fate is Fate.REPORTED:
            symptoms.append(_symptom(call.source, known, rule, over=True, at=_ours(known.last, skew, now)))
        if found.lasts is None:
            continue
        stretch = _stretch(call, key, found.lasts, known)
        lasting.append(stretch)
        if found.due and _is_due(stretch, now):
            symptoms.append(_symptom(call.source, stretch, rule, over=False, at=_ours(stretch.last, skew, now)))
    told, carried = cut(symptoms), cut(lasting)
    whole = len(told) == len(symptoms) and len(carried) == len(lasting)
    return Polled(
        symptoms=told,
        until=source_now - LATE,
        open=carried,
        series=measured.series,
        late=sum(point.at < window.start for point in measured.points),
        skew_seconds=skew,
        truncated=measured.truncated or not whole,
        absurd=absurd,
    )


def rules_of(policy: PolicyConfig) -> dict[Metric, Rule]:
    """What the policy's thresholds mean for measured values."""
    return {
        Metric.DISK: Rule(policy.disk_percent, DISK_HELD),
        Metric.MEMORY: Rule(policy.memory_percent, MEMORY_HELD),
        Metric.CPU: Rule(policy.cpu_percent, CPU_HELD),
    }


def _skew(measured: Measured, now: datetime) -> float:
    """Seconds, whole as a `Date` has them. A clock that is a day off is not believed, and ours is taken for it."""
    if measured.source_now is None:
        return 0.0
    skew = float(round((measured.source_now - now).total_seconds()))
    return skew if abs(skew) <= FURTHEST_SKEW else 0.0


def _by_series(points: Iterable[Point], source_now: datetime) -> tuple[dict[_Series, list[Sample]], int]:
    """The plausible points of each series, and how many were not."""
    found: dict[_Series, list[Sample]] = defaultdict(list)
    absurd = 0
    for point in points:
        sample = Sample(point.at, point.percent, point.period)
        if is_plausible(sample, source_now):
            found[_Series(point.subject, point.metric, point.part[:LONGEST_PART])].append(sample)
        else:
            absurd += 1
    return found, absurd


def _above(known: Stretch | None) -> Above | None:
    return None if known is None else Above(known.since, known.last, known.percent, told=known.fate is not None)


def _stretch(call: PollMetrics, key: _Series, lasts: Above, known: Stretch | None) -> Stretch:
    """What of it is told to the next poll: one that was told keeps its name and its fate."""
    same = known is not None and lasts.told
    return Stretch(
        subject=key.subject,
        metric=key.metric,
        part=key.part,
        since=lasts.since,
        last=lasts.last,
        percent=lasts.percent,
        digest=known.digest if known is not None and same else _evidence(call, key, lasts),
        fate=known.fate if known is not None and same else None,
        told_at=known.told_at if known is not None and same else None,
    )


def _evidence(call: PollMetrics, key: _Series, lasts: Above) -> str:
    """The same for whoever sees the same stretch begin: it depends on no clock of ours."""
    subject = key.subject.model_dump(mode="json")
    return digest([call.source.value, subject, key.metric.value, key.part, lasts.since.isoformat()])


def _is_due(stretch: Stretch, now: datetime) -> bool:
    if stretch.fate is None or stretch.told_at is None:
        return True
    return stretch.fate is not Fate.REPORTED and now - stretch.told_at >= TOLD_AGAIN


def _symptom(source: CloudSource, stretch: Stretch, rule: Rule, *, over: bool, at: datetime) -> OutsideSymptom:
    return OutsideSymptom(
        type=SIGNALS[stretch.metric],
        subject=stretch.subject,
        value=stretch.percent,
        threshold=rule.percent,
        observed_at=at,
        source=Source(source.value),
        evidence_digest=stretch.digest,
        over=over,
    )


def _ours(at: datetime, skew: float, now: datetime) -> datetime:
    """A time of the source by our clock, and never one to come."""
    return min(at - timedelta(seconds=skew), now)


def _order(key: _Series) -> tuple[str, ...]:
    """The same for every poll, so that what is cut is always the same end."""
    subject = key.subject
    return (
        key.metric.value,
        subject.kind,
        subject.namespace or "",
        subject.name or subject.provider_id or "",
        key.part,
    )

"""From a source's points to symptoms: once a stretch, told over when it falls, by our own clock, and never without a bound."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.cloud.poll import LATE, LONGEST, TOLD_AGAIN, Polling, polled
from activities.cloud.source import Measured, Point, RightFinding, Window
from byteport.contracts.cloud import FURTHEST_SKEW, MOST_OPEN, CloudSource, Metric, Polled, PollMetrics
from byteport.contracts.symptoms import Fate, Subject
from byteport.domain.policy import PolicyConfig
from byteport.domain.signals import SignalType, Source
from byteport.errors import ConfigError, NotPermitted, PermanentError, Throttled, Unavailable

UID = "00000000-0000-4000-8000-000000000001"
T = datetime(2026, 3, 10, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NODE = Subject(kind="Node", provider_id="i-0abc")
CALL = PollMetrics(cluster_uid=UID, source=CloudSource.AWS)


def points(
    *percents: float, metric: Metric = Metric.DISK, subject: Subject = NODE, part: str = "", end: datetime = T
) -> list[Point]:
    """One a minute, the last one at `end`."""
    return [
        Point(subject, metric, percent, end - (len(percents) - 1 - number) * MINUTE, part=part)
        for number, percent in enumerate(percents)
    ]


def one_poll(
    found: Sequence[Point], call: PollMetrics = CALL, *, now: datetime = T, skew: float | None = None
) -> Polled:
    there = None if skew is None else now + timedelta(seconds=skew)
    measured = Measured(found, series=len({(one.subject, one.metric, one.part) for one in found}), source_now=there)
    return polled(call, Window(now - LATE, now), measured, PolicyConfig(), now=now)


def after(before: Polled, fate: Fate | None = Fate.REPORTED, at: datetime = T) -> PollMetrics:
    """The next call, when everything that was told had that fate."""
    told = {symptom.evidence_digest for symptom in before.symptoms}
    update = {"fate": fate, "told_at": None if fate is None else at}
    still = tuple(one.model_copy(update=update) if one.digest in told else one for one in before.open)
    return CALL.model_copy(update={"since": before.until, "open": still, "skew_seconds": before.skew_seconds})


@pytest.mark.parametrize(
    ("metric", "percents", "signal"),
    [
        (Metric.DISK, (85, 85), SignalType.DISK_PRESSURE),
        (Metric.MEMORY, (90, 90, 90), SignalType.MEMORY_PRESSURE),
        (Metric.CPU, (90, 90, 90), SignalType.CPU_SPIKE),
    ],
)
def test_each_metric_has_its_rule(metric: Metric, percents: tuple[float, ...], signal: SignalType) -> None:
    (symptom,) = one_poll(points(*percents, metric=metric)).symptoms
    assert (symptom.type, symptom.source, symptom.subject) == (signal, Source.AWS, NODE)
    assert one_poll(points(*percents[1:], metric=metric)).symptoms == ()


@pytest.mark.claim("C-408")
def test_one_stretch_is_told_once_and_told_over_once() -> None:
    first = one_poll(points(90, 91))
    again = one_poll(points(90, 91, 92, end=T + MINUTE), after(first), now=T + MINUTE)
    assert again.symptoms == ()
    assert again.open[0].digest == first.symptoms[0].evidence_digest
    fell = one_poll(points(92, 70, end=T + 2 * MINUTE), after(again), now=T + 2 * MINUTE)
    ended = one_poll(points(92, 70, end=T + 2 * MINUTE), after(first), now=T + 2 * MINUTE)
    for found in (fell, ended):
        assert [(one.over, one.evidence_digest) for one in found.symptoms] == [
            (True, first.symptoms[0].evidence_digest)
        ]
        assert found.open == ()


def test_what_nobody_took_is_told_again_after_a_while_and_is_never_told_over() -> None:
    first = one_poll(points(90, 91))
    call = after(first, Fate.NOT_OURS)
    soon, later = T + MINUTE, T + TOLD_AGAIN
    assert one_poll(points(*[90.0] * 3, end=soon), call, now=soon).symptoms == ()
    again = one_poll(points(*[90.0] * 12, end=later), call, now=later)
    assert [one.evidence_digest for one in again.symptoms] == [first.symptoms[0].evidence_digest]
    assert one_poll(points(90, 70, end=soon), call, now=soon).symptoms == ()


@pytest.mark.claim("C-408")
@pytest.mark.parametrize("skew", [-3600.0, 0.0, 3600.0])
def test_a_source_whose_clock_is_wrong_is_judged_by_it_and_told_by_ours(skew: float) -> None:
    there = T + timedelta(seconds=skew)
    found = one_poll(points(90, 91, end=there), skew=skew)
    (symptom,) = found.symptoms
    assert symptom.observed_at == T
    assert found.skew_seconds == skew
    assert found.until == there - LATE


def test_a_clock_that_is_days_off_is_not_believed() -> None:
    assert one_poll(points(90, 91), skew=2 * FURTHEST_SKEW).skew_seconds == 0


def test_nothing_is_observed_in_a_time_to_come() -> None:
    (symptom,) = one_poll(points(90, 91, end=T + timedelta(seconds=30))).symptoms
    assert symptom.observed_at == T


def test_two_filesystems_of_one_node_are_two_stretches() -> None:
    found = one_poll(
        [*points(90, 91, part="/"), *points(20, 21, part="/var"), *points(95, 96, part="/var/lib/kubelet")]
    )
    assert [one.part for one in found.open] == ["/", "/var/lib/kubelet"]
    assert len({one.evidence_digest for one in found.symptoms}) == 2


def test_late_and_absurd_points_are_counted() -> None:
    late = points(90, 91, end=T - LATE - MINUTE)
    found = one_poll([*points(90, math.nan, 91), *late, *points(1e9, metric=Metric.CPU), *points(50, end=T + LATE)])
    assert (found.late, found.absurd) == (2, 3)
    assert len(found.symptoms) == 1


def test_more_than_one_poll_may_carry_is_cut_and_said() -> None:
    nodes = [Subject(kind="Node", provider_id=f"i-{number}") for number in range(MOST_OPEN + 5)]
    found = one_poll([point for node in nodes for point in points(90, 91, subject=node)])
    assert (len(found.open), len(found.symptoms), found.truncated) == (MOST_OPEN, MOST_OPEN, True)


def test_a_namespace_full_of_hot_pods_hides_neither_a_full_disk_nor_another_namespaces_pod() -> None:
    crowd = [Subject(kind="Pod", namespace="aaa", name=f"pod-{number}") for number in range(MOST_OPEN + 5)]
    other = Subject(kind="Pod", namespace="zzz", name="web-1")
    hot = [point for pod in (*crowd, other) for point in points(95, 95, 95, metric=Metric.CPU, subject=pod)]
    found = one_poll([*hot, *points(90, 91)])
    for subject in (NODE, other):
        assert subject in [symptom.subject for symptom in found.symptoms]
        assert subject in [stretch.subject for stretch in found.open]
    assert found.truncated


def test_what_a_poll_gives_fits_into_one_payload_however_long_labels_are() -> None:
    machines = [
        Subject(kind="Node", provider_id=f"{number:04}" + "\N{GRINNING FACE}" * 296) for number in range(MOST_OPEN)
    ]
    part = "\N{GRINNING FACE}" * 200
    found = one_poll([point for node in machines for point in points(90, 91, subject=node, part=part)])
    assert found.truncated
    assert 100 < len(found.symptoms) < MOST_OPEN
    assert len(found.model_dump_json().encode()) < 2_000_000


class Asked:
    """A source that keeps what it was asked."""

    source = CloudSource.AWS

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.windows: list[Window] = []
        self.closed = 0

    async def read(self, window: Window) -> Measured:
        self.windows.append(window)
        if self.error is not None:
            raise self.error
        return Measured(points(90, 91), 1)

    async def check(self) -> tuple[RightFinding, ...]:
        return ()

    async def close(self) -> None:
        self.closed += 1


class Policy:
    def read(self) -> PolicyConfig:
        return PolicyConfig()


def polling(*sources: Asked) -> Polling:
    left = list(sources)
    return Polling(UID, {CloudSource.AWS: lambda: left.pop(0)}, Policy(), clock=lambda: T)


async def test_a_window_goes_back_as_far_as_values_come_late_and_no_further_than_an_hour() -> None:
    asked = Asked()
    poll = polling(asked)
    await poll.poll(CALL)
    await poll.poll(CALL.model_copy(update={"since": T - MINUTE, "skew_seconds": 60.0}))
    await poll.poll(CALL.model_copy(update={"since": T - timedelta(days=1)}))
    assert asked.windows == [
        Window(T - LATE, T),
        Window(T + MINUTE - LATE, T + MINUTE),
        Window(T - LONGEST, T),
    ]
    assert asked.closed == 3, "no connection outlives a poll"


async def test_a_source_that_failed_is_made_anew() -> None:
    throttled, fresh = Asked(Throttled("slower", timedelta(seconds=5))), Asked()
    poll = polling(throttled, fresh)
    with pytest.raises(Exception, match="slower"):
        await poll.poll(CALL)
    await poll.poll(CALL)
    assert (throttled.closed, len(fresh.windows)) == (1, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (CALL.model_copy(update={"cluster_uid": "another"}), "another cluster"),
        (CALL.model_copy(update={"source": CloudSource.GCP}), "names no gcp"),
    ],
)
async def test_what_is_not_this_processs_to_read_is_refused(call: PollMetrics, words: str) -> None:
    with pytest.raises(Exception, match=words):
        await polling(Asked()).poll(call)


async def test_a_setting_that_is_wrong_is_not_tried_again_by_the_same_poll() -> None:
    with pytest.raises(Exception, match=r"clouds\.aws: no identity") as refused:
        await polling(Asked(ConfigError("clouds.aws", "no identity"))).poll(CALL)
    assert getattr(refused.value, "type", "") == PermanentError.code != NotPermitted.code


class Slow(Asked):
    """One that goes on answering, a little at a time."""

    async def read(self, window: Window) -> Measured:
        self.windows.append(window)
        await asyncio.Event().wait()
        raise AssertionError("nobody waits for so long")


@pytest.mark.claim("C-494")
async def test_a_source_that_answers_too_slowly_is_given_up_by_name_and_asked_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.cloud.poll.READING", timedelta(milliseconds=20))
    slow, fresh = Slow(), Asked()
    poll = polling(slow, fresh)
    with pytest.raises(Exception, match="aws: not read to its end within") as refused:
        await poll.poll(CALL)
    assert getattr(refused.value, "type", "") == Unavailable.code
    await poll.poll(CALL)
    assert (slow.closed, len(fresh.windows)) == (1, 1)


@pytest.mark.claim("C-408")
@given(
    st.lists(st.sampled_from([70.0, 84.9, 85.0, 95.0]), min_size=1, max_size=20),
    st.lists(st.integers(0, 9), min_size=20, max_size=20),
)
def test_however_late_each_value_comes_what_is_above_at_last_was_told_once(
    percents: list[float], lateness: list[int]
) -> None:
    """Polls every minute; value number n, of minute n, can be seen `lateness[n]` minutes later, which is within LATE."""
    call, told, over = CALL, [], []
    for minute in range(len(percents) + 10):
        now = T + minute * MINUTE
        seen = [
            Point(NODE, Metric.DISK, percent, T + number * MINUTE)
            for number, percent in enumerate(percents)
            if number + lateness[number] <= minute and number >= minute - 15
        ]
        poll = one_poll(seen, call, now=now)
        told += [one.evidence_digest for one in poll.symptoms if not one.over]
        over += [one.evidence_digest for one in poll.symptoms if one.over]
        call = after(poll, at=now)
    assert len(told) == len(set(told)), "one stretch is one observation"
    assert len(over) == len(set(over))
    assert set(over) <= set(told)
    lasts = percents[-1] >= 85 and len(percents) >= 2 and percents[-2] >= 85
    assert bool(call.open and call.open[-1].fate) is lasts, "at the end it is known whether it lasts"

"""A leak, a limit that is too small, or load: told from samples, ages and ends, without units and without a clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.scaling import ContainerUsage, UsageSample
from byteport.kubernetes.usage_trend import Basis, Life, Trend, TrendKind, trend_of
from tests.builders.memory import LIMIT, sample
from tests.builders.objects import NOW


def kind_of(*samples: UsageSample, usage: Sequence[ContainerUsage] = (), lives: Sequence[Life] = ()) -> TrendKind:
    return trend_of(samples, usage, lives).kind


def used(minutes: float, memory: int, *, container: str = "web", revision: str = "r1") -> ContainerUsage:
    return ContainerUsage(
        pod=f"web-{minutes}-{memory}",
        container=container,
        measured_at=NOW,
        window_seconds=30,
        memory=memory,
        memory_limit=LIMIT,
        started_at=NOW - timedelta(minutes=minutes),
        revision=revision,
    )


def life(last: float, mean: float | None = None, kills: int = 5) -> Life:
    return Life(last=timedelta(minutes=last), mean=timedelta(minutes=last if mean is None else mean), kills=kills)


# leak


def test_growth_with_time_and_not_with_load_is_a_leak() -> None:
    assert kind_of(sample(6, 0.7), sample(3, 0.8), sample(0, 0.9)) is TrendKind.LEAK


def test_growth_in_spite_of_more_replicas_is_a_leak() -> None:
    assert kind_of(sample(6, 0.7, pods=3), sample(3, 0.8, pods=4), sample(0, 0.9, pods=4)) is TrendKind.LEAK


def test_growth_that_goes_with_the_cpu_is_not_a_leak() -> None:
    grown = (sample(6, 0.6, cpu=0.4), sample(3, 0.75, cpu=0.5), sample(0, 0.9, cpu=0.6))
    assert kind_of(*grown) is TrendKind.LOAD


def test_growth_because_replicas_went_is_not_a_leak() -> None:
    assert kind_of(sample(6, 0.6, pods=4), sample(3, 0.8, pods=3), sample(0, 0.9, pods=3)) is TrendKind.UNKNOWN


@pytest.mark.parametrize("seconds", [30, 60, 110])
def test_growth_within_two_minutes_is_noise(seconds: int) -> None:
    span = seconds / 60
    assert kind_of(sample(span, 0.7), sample(span / 2, 0.8), sample(0, 0.9)) is not TrendKind.LEAK


def creeping(steps: int, *, each: float = 0.002, over: float = 5) -> list[UsageSample]:
    return [sample(over * (steps - 1 - number) / (steps - 1), 0.92 + each * number) for number in range(steps)]


def test_a_little_more_each_time_without_exception_is_a_slow_leak_and_not_flat() -> None:
    seen = trend_of(creeping(6, each=0.0025))
    assert (seen.kind, seen.basis) == (TrendKind.LEAK, (Basis.GROWS,))


@pytest.mark.parametrize(
    "samples", [creeping(5), creeping(6, each=0.001), creeping(6, over=3)], ids=["few", "too little", "too short"]
)
def test_a_creep_that_may_be_chance_is_waited_for(samples: list[UsageSample]) -> None:
    assert trend_of(samples).kind is TrendKind.UNKNOWN


def test_one_step_back_makes_it_flat() -> None:
    samples = creeping(6)
    samples[3] = samples[3].model_copy(update={"memory": samples[2].memory - 1})
    assert trend_of(samples).kind is TrendKind.CEILING


def test_two_samples_are_no_growth() -> None:
    assert Basis.GROWS not in trend_of((sample(10, 0.7), sample(0, 0.9))).basis


def test_use_that_falls_in_between_does_not_grow() -> None:
    assert kind_of(sample(6, 0.7), sample(3, 0.6), sample(0, 0.9)) is TrendKind.UNKNOWN


def test_older_containers_that_use_more_show_a_leak() -> None:
    ages = [used(600, 900), used(300, 700), used(120, 500), used(60, 400)]
    assert trend_of((), ages).basis == (Basis.OLDER_USES_MORE,)


@pytest.mark.parametrize(
    "usage",
    [
        [used(600, 400), used(300, 700), used(120, 900)],  # the younger use more
        [used(600, 900), used(300, 890), used(120, 880)],  # all about the same
        [used(600, 900), used(300, 500)],  # two are a coincidence
        [used(40, 900), used(39, 700), used(38, 500)],  # of one age
        [used(600, 900), used(9, 500), used(5, 300)],  # two are still warming up
        [used(600, 900), used(300, 700, revision="r0"), used(120, 500, revision="r2")],  # other programs
        [used(600, 900), used(300, 700, container="proxy"), used(120, 500, container="log")],
    ],
)
def test_age_alone_proves_nothing_where_it_may_be_something_else(usage: list[ContainerUsage]) -> None:
    assert kind_of(usage=usage) is TrendKind.UNKNOWN


def test_kills_at_regular_long_intervals_are_a_leaks_sawtooth() -> None:
    assert kind_of(lives=[life(55, 60)]) is TrendKind.LEAK


@pytest.mark.parametrize("lived", [life(55, 400), life(200, 30), life(5)])
def test_kills_at_odd_times_prove_no_leak(lived: Life) -> None:
    assert kind_of(lives=[lived]) is TrendKind.UNKNOWN


# ceiling


def test_killed_right_after_each_start_the_limit_does_not_fit() -> None:
    assert kind_of(lives=[life(1)]) is TrendKind.CEILING


def test_flat_use_close_to_the_limit_is_a_working_set_that_does_not_fit() -> None:
    assert kind_of(sample(6, 0.95), sample(3, 0.955), sample(0, 0.95)) is TrendKind.CEILING


def test_flat_use_far_from_the_limit_is_nothing() -> None:
    assert kind_of(sample(6, 0.5), sample(3, 0.5), sample(0, 0.5)) is TrendKind.UNKNOWN


def test_flat_for_a_moment_is_nothing() -> None:
    assert kind_of(sample(2, 0.95), sample(1, 0.95), sample(0, 0.95)) is TrendKind.UNKNOWN


# load


def test_use_per_pod_that_falls_with_replicas_is_load() -> None:
    assert kind_of(sample(4, 0.95, pods=4), sample(0, 0.6, pods=8)) is TrendKind.LOAD


def test_an_average_that_falls_while_the_fullest_stays_is_not_load() -> None:
    young = sample(0, 0.55, pods=8, worst=0.95)
    assert kind_of(sample(4, 0.95, pods=4), young) is not TrendKind.LOAD


def test_use_that_hardly_falls_with_twice_the_replicas_is_not_load() -> None:
    assert kind_of(sample(4, 0.95, pods=4), sample(0, 0.9, pods=8)) is not TrendKind.LOAD


def test_use_that_moves_with_the_cpu_is_load() -> None:
    assert kind_of(sample(4, 0.95, cpu=0.8), sample(0, 0.6, cpu=0.5)) is TrendKind.LOAD


def test_cpu_that_moves_without_memory_is_not() -> None:
    assert kind_of(sample(4, 0.95, cpu=0.8), sample(0, 0.94, cpu=0.3)) is not TrendKind.LOAD


# together


def test_a_leak_outweighs_every_sign_of_load() -> None:
    ages = [used(600, 900), used(300, 700), used(120, 500)]
    assert kind_of(sample(4, 0.95, pods=4), sample(0, 0.6, pods=8), usage=ages) is TrendKind.LEAK


def test_nothing_measured_is_unknown() -> None:
    assert trend_of(()) == Trend()


def test_samples_without_pods_or_without_memory_are_left_out() -> None:
    empty = UsageSample(at=NOW, pods=0, cpu=0, memory=0)
    assert trend_of((empty,)).samples == 0


points = st.builds(
    lambda minutes, share, pods, cpu: sample(minutes, share, pods=pods, cpu=cpu),
    st.integers(0, 60),
    st.integers(1, 100).map(lambda whole: whole / 100),
    st.integers(1, 12),
    st.integers(0, 40).map(lambda whole: whole / 10),
)
containers = st.builds(used, st.integers(1, 2000), st.integers(1, LIMIT))
lifetimes = st.builds(life, st.integers(0, 500), st.integers(0, 500))


def times(sample: UsageSample, factor: int) -> UsageSample:
    return sample.model_copy(update={"memory": sample.memory * factor})


@given(st.lists(points, max_size=8), st.lists(containers, max_size=6), st.integers(1, 1000))
def test_the_unit_of_memory_does_not_matter(
    samples: list[UsageSample], usage: list[ContainerUsage], factor: int
) -> None:
    larger = [one.model_copy(update={"memory": (one.memory or 0) * factor}) for one in usage]
    scaled = trend_of([times(one, factor) for one in samples], larger)
    assert (scaled.kind, scaled.basis) == (trend_of(samples, usage).kind, trend_of(samples, usage).basis)


@given(st.lists(points, max_size=8), st.integers(-(10**6), 10**6))
def test_another_clock_does_not_matter(samples: list[UsageSample], seconds: int) -> None:
    later = [one.model_copy(update={"at": one.at + timedelta(seconds=seconds)}) for one in samples]
    assert trend_of(later) == trend_of(samples)


@given(st.lists(points, max_size=8, unique_by=lambda one: one.at), st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(samples: list[UsageSample], chance: Random) -> None:
    mixed = list(samples)
    chance.shuffle(mixed)
    assert trend_of(mixed) == trend_of(samples)


@given(st.lists(points, max_size=6), st.lists(containers, max_size=6), st.lists(lifetimes, max_size=4))
def test_a_sign_of_a_leak_is_never_outweighed_by_more_samples_of_load(
    samples: list[UsageSample], usage: list[ContainerUsage], lives: list[Life]
) -> None:
    sawtooth = life(60)
    assert trend_of(samples, usage, [*lives, sawtooth]).kind is TrendKind.LEAK


@given(st.integers(50, 80), st.lists(st.integers(1, 5), min_size=2, max_size=5))
def test_the_steeper_the_growth_the_surer_the_leak(first: int, steps: list[int]) -> None:
    """Growth that is a leak stays one when every step is larger."""

    def series(factor: int) -> list[UsageSample]:
        shares, found = first, [sample(10 * len(steps), first / 1000)]
        for number, step in enumerate(steps):
            shares += step * factor
            found.append(sample(10 * (len(steps) - 1 - number), shares / 1000))
        return found

    if trend_of(series(1)).kind is TrendKind.LEAK:
        assert trend_of(series(3)).kind is TrendKind.LEAK


@given(st.lists(points, max_size=8), st.lists(containers, max_size=8), st.lists(lifetimes, max_size=4))
def test_load_is_never_told_without_a_basis_of_load(
    samples: list[UsageSample], usage: list[ContainerUsage], lives: list[Life]
) -> None:
    seen = trend_of(samples, usage, lives)
    load = {Basis.FALLS_WITH_REPLICAS, Basis.FOLLOWS_CPU} & set(seen.basis)
    leak = {Basis.GROWS, Basis.OLDER_USES_MORE, Basis.KILLED_AT_INTERVALS} & set(seen.basis)
    if seen.kind is TrendKind.LOAD:
        assert load
        assert not leak
    assert (seen.kind is TrendKind.UNKNOWN) == (not seen.basis)

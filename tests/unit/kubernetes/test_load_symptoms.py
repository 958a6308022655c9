"""Which autoscalers and workloads wake a runbook, which do not, and what counts as the same observation."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.domain.signals import Signal, SignalType
from byteport.kubernetes.load_symptoms import load_symptoms
from byteport.kubernetes.symptoms import symptom_of
from byteport.kubernetes.world import world_of
from tests.builders.loads import Spiking
from tests.builders.objects import NOW, stamp


def symptoms(shop: Spiking, **more: Any) -> list[Signal]:
    return load_symptoms(shop.world(**more), "c")


def test_a_spike_is_told_of_the_workload_that_it_is_on() -> None:
    shop = Spiking()
    (signal,) = symptoms(shop)
    assert (signal.type, signal.value, signal.threshold) == (SignalType.CPU_SPIKE, 186, 40)
    assert (signal.target.ref, signal.target.uid) == ("shop/Deployment/web", shop.uid)


def test_a_workload_that_was_not_read_is_named_all_the_same() -> None:
    (signal,) = load_symptoms(world_of(NOW, [Spiking().hpa]), "c")
    assert (signal.target.ref, signal.target.uid) == ("shop/Deployment/web", "")


@pytest.mark.parametrize(
    "scaled",
    [
        {"usage": 38, "limited": ""},
        {"usage": 43, "limited": ""},
        {"usage": 38, "limited": "TooManyReplicas"},
        {"usage": 38, "limited": "ScaleUpLimit"},
        {"usage": 38, "limited": "TooFewReplicas"},
        {"limited": "", "desired": 19},
    ],
    ids=["content", "within tolerance", "content at its maximum", "was limited", "at its floor", "at work"],
)
def test_an_autoscaler_that_has_what_it_wants_or_is_at_it_is_no_symptom(scaled: dict[str, Any]) -> None:
    assert symptoms(Spiking(**scaled)) == []


@pytest.mark.parametrize(
    "scaled",
    [{"limited": "TooManyReplicas", "current": 60}, {"limited": "ScaleUpLimit"}, {"limited": ""}, {"floor": 70}],
    ids=["at its maximum", "rate", "short", "bounds cross"],
)
def test_one_that_is_short_or_set_up_wrongly_is(scaled: dict[str, Any]) -> None:
    assert len(symptoms(Spiking(**scaled))) == 1


@pytest.mark.parametrize(("minutes", "told"), [(1, 0), (10, 1)])
def test_one_that_has_just_gone_blind_is_given_a_moment(minutes: float, told: int) -> None:
    shop = Spiking()
    shop.blind()
    shop.hpa["status"]["conditions"][1]["lastTransitionTime"] = stamp(minutes)
    assert len(symptoms(shop)) == told


@pytest.mark.parametrize(("minutes", "told"), [(0.5, 0), (2, 1)])
def test_one_that_has_only_just_met_its_rate_is_given_a_moment(minutes: float, told: int) -> None:
    shop = Spiking()
    shop.hpa["status"]["conditions"][2]["lastTransitionTime"] = stamp(minutes)
    assert len(symptoms(shop)) == told


@pytest.mark.parametrize(("minutes", "told"), [(1, 0), (9, 1)])
def test_one_that_has_just_scaled_is_at_work(minutes: float, told: int) -> None:
    shop = Spiking(limited="")
    shop.hpa["status"]["lastScaleTime"] = stamp(minutes)
    assert len(symptoms(shop)) == told


def test_one_that_goes_by_memory_is_none_of_cpus() -> None:
    assert symptoms(Spiking(metric="memory")) == []


def test_one_that_sleeps_is_no_symptom() -> None:
    shop = Spiking()
    shop.condition("ScalingActive", "False", "ScalingDisabled")
    shop.calm()
    assert symptoms(shop) == []


def test_a_value_that_wobbles_is_one_observation_and_one_that_doubles_is_another() -> None:
    digests = [symptoms(Spiking(usage=usage))[0].evidence_digest for usage in (186, 190, 175, 600)]
    assert digests[0] == digests[1] == digests[2] != digests[3]


def test_containers_at_their_limits_are_a_symptom_without_an_autoscaler() -> None:
    assert len(symptoms(Spiking().unscaled().using(0.95, 0.95, 0.95, 0.95))) == 1
    assert symptoms(Spiking().unscaled().using(0.5, 0.5, 0.5, 0.5)) == []
    assert symptoms(Spiking().unscaled().using(0.95, 0.95, 0.95, 0.95, at=9)) == []


def test_containers_at_their_limits_are_a_symptom_though_the_autoscaler_is_content() -> None:
    shop = Spiking()
    shop.calm()
    assert len(symptoms(shop.using(0.99, 0.99, 0.99, 0.99))) == 1
    assert symptoms(shop.using(0.92, 0.92, 0.92, 0.92)) == []


def test_the_watch_sees_the_same_in_one_autoscaler() -> None:
    shop = Spiking()
    seen = symptom_of("HorizontalPodAutoscaler", shop.hpa, now=NOW)
    assert seen is not None
    assert seen.evidence_digest == symptoms(shop)[0].evidence_digest
    shop.calm()
    assert symptom_of("HorizontalPodAutoscaler", shop.hpa, now=NOW) is None

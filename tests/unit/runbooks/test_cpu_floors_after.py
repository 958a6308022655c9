"""Whether a raised floor has helped, and how it goes back: only what is exactly as we left it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from byteport.domain.plans import RaiseFloorPlan, Refused, RestoreFloorPlan, undoes
from byteport.domain.reasons import Reason
from byteport.kubernetes.autoscalers import FLOOR_BEFORE
from byteport.kubernetes.scaling import Measure
from byteport.kubernetes.situation import Situation
from byteport.runbooks.base import Checked, Health
from byteport.runbooks.floors import floor_health, floor_inverse
from tests.builders.loads import Spiking, ask_cpu, raised, situation_of
from tests.builders.objects import NOW, stamp

ACTED = NOW - timedelta(minutes=5)

# whether it helped


def after(plan: RaiseFloorPlan, *, usage: int = 38, pods: int | None = None, measured: float = 0.25) -> Spiking:
    """The workload once the floor is up and its pods are there."""
    count = plan.floor_to if pods is None else pods
    shop = Spiking(replicas=count, usage=usage, limited="", desired=plan.floor_to)
    shop.deployment["spec"]["replicas"] = plan.floor_to
    shop.using(*[0.3] * count, at=measured)
    return raised(shop, plan.floor_to)


def look(plan: RaiseFloorPlan, shop: Spiking) -> Checked:
    return floor_health(plan, situation_of(shop.world()), acted_at=ACTED, now=NOW, measure=Measure.CPU)


@pytest.fixture
def plan() -> RaiseFloorPlan:
    found = ask_cpu(Spiking().world()).plan
    assert isinstance(found, RaiseFloorPlan)
    return found


def test_replicas_that_are_there_and_a_load_that_fell_are_health(plan: RaiseFloorPlan) -> None:
    assert look(plan, after(plan)).health is Health.HEALTHY


def test_a_load_that_is_still_high_is_not_yet_health(plan: RaiseFloorPlan) -> None:
    assert look(plan, after(plan, usage=60)).health is Health.NOT_YET


def test_replicas_that_are_still_missing_are_not_yet_health(plan: RaiseFloorPlan) -> None:
    assert look(plan, after(plan, pods=12)).health is Health.NOT_YET


def test_a_window_that_began_before_the_act_proves_nothing(plan: RaiseFloorPlan) -> None:
    assert look(plan, after(plan, measured=4.9)).health is Health.NOT_YET


@pytest.mark.parametrize(("seconds", "health"), [(60, Health.NOT_YET), (130, Health.HEALTHY)])
def test_figures_without_a_time_count_once_they_must_be_new(plan: RaiseFloorPlan, seconds: int, health: Health) -> None:
    shop = after(plan)
    shop.metrics = []
    situation = situation_of(shop.world())
    situation = situation.model_copy(
        update={"scaling": situation.scaling and situation.scaling.model_copy(update={"metrics_missing": False})}
    )
    acted = NOW - timedelta(seconds=seconds)
    assert floor_health(plan, situation, acted_at=acted, now=NOW, measure=Measure.CPU).health is health


@pytest.mark.parametrize(("minutes", "health"), [(1, Health.NOT_YET), (3, Health.FAILED)])
def test_pods_that_wait_for_two_minutes_fail_it_at_once(plan: RaiseFloorPlan, minutes: float, health: Health) -> None:
    shop = after(plan, pods=18)
    shop.add_pod(shop.current, index=40, created=minutes, node="", phase="Pending", ready=False, statuses=[])
    found = look(plan, shop)
    assert found.health is health
    assert (Reason.STILL_PENDING in found.reasons) is (health is Health.FAILED)


def gone(shop: Spiking) -> None:
    shop.unscaled()


def replaced(shop: Spiking) -> None:
    shop.hpa["metadata"]["uid"] = "another"


def asleep(shop: Spiking) -> None:
    shop.deployment["spec"]["replicas"] = 0


def leaving(shop: Spiking) -> None:
    shop.hpa["metadata"]["deletionTimestamp"] = stamp(1)


def lowered(shop: Spiking) -> None:
    shop.hpa["spec"]["minReplicas"] = 5


def rebounded(shop: Spiking) -> None:
    shop.hpa["spec"]["maxReplicas"] = 61


def unmarked(shop: Spiking) -> None:
    del shop.hpa["metadata"]["annotations"][FLOOR_BEFORE]


def rewritten(shop: Spiking) -> None:
    shop.hpa["metadata"]["managedFields"][0]["manager"] = "kubectl-edit"


Change = Callable[[Spiking], None]
LOST: list[tuple[Change, Reason]] = [
    (gone, Reason.TARGET_GONE),
    (replaced, Reason.TARGET_GONE),
    (asleep, Reason.SCALED_TO_ZERO),
    (leaving, Reason.BEING_DELETED),
    (lowered, Reason.TARGET_CHANGED),
    (rebounded, Reason.TARGET_CHANGED),
    (unmarked, Reason.TARGET_CHANGED),
    (rewritten, Reason.TARGET_CHANGED),
]


@pytest.mark.parametrize(("change", "reason"), LOST, ids=[case[0].__name__ for case in LOST])
def test_what_is_lost_is_failure_and_never_health(plan: RaiseFloorPlan, change: Change, reason: Reason) -> None:
    shop = after(plan)
    change(shop)
    assert look(plan, shop) == Checked(health=Health.FAILED, reasons=(reason,), available=look(plan, shop).available)


# how it goes back


def inverse(plan: RaiseFloorPlan, situation: Situation) -> RestoreFloorPlan | Refused:
    return floor_inverse(plan, situation, now=NOW)


def test_the_owners_floor_is_put_back_if_all_is_as_we_left_it(plan: RaiseFloorPlan) -> None:
    back = inverse(plan, situation_of(after(plan).world()))
    assert isinstance(back, RestoreFloorPlan)
    assert undoes(back, plan)
    assert (back.floor_from, back.floor_to) == (19, 3)


@pytest.mark.parametrize(
    "change", [gone, replaced, leaving, lowered, rebounded, unmarked, rewritten], ids=lambda change: change.__name__
)
def test_nothing_is_put_back_on_what_somebody_changed(plan: RaiseFloorPlan, change: Change) -> None:
    shop = after(plan)
    change(shop)
    back = inverse(plan, situation_of(shop.world()))
    assert isinstance(back, Refused)
    assert back.because[0] in (Reason.TARGET_CHANGED, Reason.TARGET_GONE)

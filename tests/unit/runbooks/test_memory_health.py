"""Whether a floor that was raised for memory has helped, and how it is taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from byteport.domain.plans import DeletePodPlan, RaiseFloorPlan, RestoreFloorPlan, restore_of
from byteport.domain.reasons import Reason
from byteport.domain.targets import PodRef
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.situation import Situation
from byteport.runbooks.base import Checked, Health
from byteport.runbooks.memory_pressure import MemoryPressureRunbook
from tests.builders.asking import deployment
from tests.builders.memory import Measured, ask_memory, sample
from tests.builders.objects import NOW, event, stamp

RUNBOOK = MemoryPressureRunbook()
BUSY = (sample(4, 0.70, cpu=0.35), sample(2, 0.93, cpu=0.49))
ACTED = NOW - timedelta(minutes=5)


def planned() -> RaiseFloorPlan:
    plan = ask_memory(Measured(replicas=4).scaled().world(), earlier=BUSY).plan
    assert isinstance(plan, RaiseFloorPlan)
    return plan


def after(*, replicas: int = 8, share: float = 0.55, usage: int = 75, at: float = 0.5, window: str = "30s") -> Measured:
    """What the act has left: the floor that was asked for, our marks on it, and so many pods."""
    plan = planned()
    shop = Measured(replicas=replicas, nodes=8).scaled(floor=plan.floor_to, usage=usage, limited="")
    shop.extra[-1]["metadata"]["annotations"] = {
        "byteport.io/floor-before": str(plan.floor_before),
        "byteport.io/floor-until": stamp(-55),
    }
    return shop.only([share] * replicas, at=at, window=window)


def situation(shop: Measured) -> Situation:
    return read_situation(shop.world(), deployment(), RUNBOOK.failure)


def checked(shop: Measured) -> Checked:
    return RUNBOOK.health(planned(), situation(shop), acted_at=ACTED, now=NOW)


def test_it_has_helped_when_replicas_are_there_and_every_container_is_below_eighty_five_percent() -> None:
    assert checked(after()).health is Health.HEALTHY


@pytest.mark.parametrize(("share", "health"), [(0.84, Health.HEALTHY), (0.85, Health.NOT_YET), (0.95, Health.NOT_YET)])
def test_eighty_five_percent_is_not_well_yet(share: float, health: Health) -> None:
    assert checked(after(share=share)).health is health


def test_one_full_container_is_enough_not_to_be_well() -> None:
    assert checked(after().only([0.5] * 7 + [0.9], at=0.5)).health is Health.NOT_YET


def test_a_window_that_began_before_the_act_proves_nothing() -> None:
    assert checked(after(at=4.8, window="30s")).health is Health.NOT_YET


def test_without_measurements_nothing_is_proved() -> None:
    shop = after()
    shop.metrics = []
    assert checked(shop).health is Health.NOT_YET


def test_too_few_replicas_are_not_enough() -> None:
    assert checked(after(replicas=5)).health is Health.NOT_YET


def test_a_kill_for_memory_after_the_act_is_failure_at_once() -> None:
    shop = after()
    shop.crash(0, code=137, reason="OOMKilled", restarts=4)
    found = checked(shop)
    assert (found.health, found.reasons) == (Health.FAILED, (Reason.NOT_LOAD,))


@pytest.mark.parametrize("how", ["pressure", "system oom"])
def test_a_node_that_runs_short_after_the_act_is_failure_at_once(how: str) -> None:
    shop = after()
    if how == "pressure":
        shop.nodes[0]["status"]["conditions"][0]["status"] = "True"
    else:
        shop.events.append(event(shop.nodes[0], "SystemOOM", last=1))
    found = checked(shop)
    assert (found.health, found.reasons) == (Health.FAILED, (Reason.NODE_UNDER_PRESSURE,))


def test_another_act_is_none_of_its_own() -> None:
    pod = PodRef(namespace="shop", name="web-1", uid="u", resource_version="1")
    plan = DeletePodPlan(target=deployment(), pod=pod)
    assert RUNBOOK.health(plan, situation(after()), acted_at=ACTED, now=NOW).health is Health.FAILED


def test_the_inverse_is_the_owners_floor_while_all_is_as_we_left_it() -> None:
    plan = planned()
    inverse = RUNBOOK.inverse(plan, situation(after()), now=NOW)
    assert isinstance(inverse, RestoreFloorPlan)
    assert inverse == restore_of(plan)


def test_there_is_no_inverse_once_somebody_else_has_set_the_floor() -> None:
    shop = after()
    shop.extra[-1]["spec"]["minReplicas"] = 5
    assert not isinstance(RUNBOOK.inverse(planned(), situation(shop), now=NOW), RestoreFloorPlan)

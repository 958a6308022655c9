"""Floors of ours where a narrower ceiling leaves the agent no right to put them back: the administrator does, or is told."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.boundary.changes import Restore
from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.installed import Obstacle
from byteport.boundary.names import NAMED_ROLE
from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL, floor_of
from byteport.kubernetes.patches import ACTION_ID
from tests.builders.administered import Administered, an_autoscaler, installed_cluster, the_installation
from workers.administration import carry_out, plan_enabling

JSON = dict[str, Any]
BOTH = Ceiling(mode=Mode.AUTO, hpa=("api", "web"))
MARKS = {FLOOR_BEFORE: "2", FLOOR_UNTIL: "2026-03-10T09:00:00Z", ACTION_ID: "a" * 64}


async def raised(raised_to: str = "6") -> Administered:
    """A namespace given that far, with the floors of `api` and `web` at six, and marks that say to what we raised them."""
    cluster = installed_cluster(*(an_autoscaler(name) for name in ("api", "web")))
    for change in (await plan_enabling(cluster, "shop", BOTH)).changes:
        await carry_out(cluster, change)
    for name in ("api", "web"):
        cluster.put(an_autoscaler(name, floor=6, annotations=MARKS | {FLOOR_RAISED: raised_to}))
    return cluster


def floors(cluster: Administered) -> list[int]:
    found = [cluster.have("HorizontalPodAutoscaler", name, "shop") for name in ("api", "web")]
    return [floor_of(one) for one in found if one is not None]


@pytest.mark.claim("C-027")
@pytest.mark.parametrize(
    ("ceiling", "stand"),
    [
        (BOTH, [6, 6]),
        (Ceiling(mode=Mode.AUTO, hpa=("*",)), [6, 6]),
        (Ceiling(mode=Mode.DRY_RUN, hpa=("web",)), [2, 6]),
        (Ceiling(mode=Mode.AUTO), [2, 2]),
        (Ceiling(mode=Mode.AUTO, rollback=("api",)), [2, 2]),
        (Ceiling(mode=Mode.OBSERVE), [2, 2]),
    ],
)
async def test_a_floor_goes_back_exactly_where_the_right_to_put_it_back_goes(
    ceiling: Ceiling, stand: list[int]
) -> None:
    cluster = await raised()
    planned = await plan_enabling(cluster, "shop", ceiling)
    assert (planned.problems, planned.left) == ((), ())
    back = [one for one in planned.changes if isinstance(one, Restore)]
    assert [one.lines for one in back] == [("~ minReplicas: 6 -> 2",)] * stand.count(2)
    for change in planned.changes:
        await carry_out(cluster, change)
    assert floors(cluster) == stand
    assert (await plan_enabling(cluster, "shop", ceiling)).changes == ()


async def test_it_goes_back_when_nothing_of_ours_can_raise_it_again() -> None:
    cluster = await raised()
    order = [
        f"{one.verb} {one.kind}" for one in (await plan_enabling(cluster, "shop", Ceiling(mode=Mode.AUTO))).changes
    ]
    assert order == ["delete RoleBinding", "delete Role", "entry ConfigMap"] + ["restore HorizontalPodAutoscaler"] * 2


async def test_a_runbook_that_was_switched_off_takes_the_right_and_its_floors_with_it() -> None:
    cluster = await raised()
    for item in the_installation(Choices(runbooks=EVERY_RUNBOOK - {"MemoryPressureRunbook", "CpuSpikeRunbook"})):
        cluster.put(item)
    for change in (await plan_enabling(cluster, "shop", BOTH)).changes:
        await carry_out(cluster, change)
    assert cluster.have("Role", NAMED_ROLE, "shop") is None
    assert floors(cluster) == [2, 2]


async def test_one_that_somebody_has_changed_since_stays_and_is_a_persons_to_set() -> None:
    cluster = await raised("5")
    planned = await plan_enabling(cluster, "shop", Ceiling(mode=Mode.AUTO, hpa=("web",)))
    (left,) = planned.left
    assert left.kind is Obstacle.TAKEN_OVER
    assert "shop/api" in left.text
    assert "kubectl annotate hpa api -n shop" in left.text
    assert not [one for one in planned.changes if isinstance(one, Restore)]

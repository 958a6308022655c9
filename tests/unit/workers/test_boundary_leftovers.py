"""The doctor on what nobody answers for any more: rights without an installation, floors without a right to put them back."""

from __future__ import annotations

import pytest

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.names import CEILINGS, ENABLED_LABEL, NAMESPACE
from byteport.boundary.roles import of_namespace
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED
from tests.builders.administered import an_autoscaler
from tests.builders.overseen import Overseen
from tests.house.commands import unknown
from workers.boundary_leftovers import examine_leftovers
from workers.overdue import MOST_NAMED
from workers.preflight import Outcome

AUTO = Ceiling(mode=Mode.AUTO, hpa=("web",))
NO_FLOORS = EVERY_RUNBOOK - {"MemoryPressureRunbook", "CpuSpikeRunbook"}


def a_cluster(ceiling: Ceiling = AUTO, *, floor: int = 6) -> Overseen:
    """`shop` is given, and the floor of `web` there is raised."""
    cluster = Overseen(given={"shop": ceiling})
    marks = {FLOOR_BEFORE: "2", FLOOR_RAISED: "6"}
    cluster.apply(an_autoscaler("web", floor=floor, annotations=marks))
    return cluster


def uninstalled(cluster: Overseen) -> Overseen:
    """As Helm leaves it: all that it made is gone."""
    for kind, namespace, name in list(cluster.objects):
        if namespace in ("", NAMESPACE, "default") and kind != "Namespace":
            cluster.remove(kind, name, namespace)
    return cluster


async def test_where_all_that_stands_is_given_there_is_nothing_to_say() -> None:
    assert await examine_leftovers(a_cluster(), Choices()) == []


@pytest.mark.claim("C-146")
async def test_without_an_installation_rights_that_stand_are_a_defect_with_what_removes_them() -> None:
    rights, floors = await examine_leftovers(uninstalled(a_cluster()), None)
    assert (rights.outcome, rights.remedy) == (Outcome.FAILED, "byteport disable shop")
    assert "RoleBinding byteport-agent-named" in rights.finding
    assert f"label {ENABLED_LABEL}" in rights.finding
    assert "whoever makes a ServiceAccount byteport-agent/byteport-agent has these rights" in rights.finding
    assert floors.outcome is Outcome.WARNING
    assert "shop/web (floor 6, its owner's is 2)" in floors.finding
    assert floors.remedy.startswith("kubectl patch hpa web -n shop --type merge")


async def test_a_namespace_that_was_never_given_and_has_our_bindings_is_told_beside_an_installation() -> None:
    cluster = a_cluster()
    cluster.apply(*of_namespace("till", AUTO, Choices()))
    (check,) = await examine_leftovers(cluster, Choices())
    assert (check.outcome, check.remedy) == (Outcome.FAILED, "byteport disable till")


@pytest.mark.claim("C-027")
@pytest.mark.parametrize(
    ("ceiling", "choices"),
    [
        (Ceiling(mode=Mode.OBSERVE), Choices()),
        (Ceiling(mode=Mode.AUTO, hpa=("api",)), Choices()),
        (AUTO, Choices(runbooks=NO_FLOORS)),
    ],
)
async def test_a_floor_that_the_agent_may_not_put_back_is_told(ceiling: Ceiling, choices: Choices) -> None:
    (check,) = await examine_leftovers(a_cluster(ceiling), choices)
    assert (check.name, check.outcome) == ("raised floors", Outcome.WARNING)
    assert "the agent raised it and has no right any more to put it back" in check.finding
    again = (await examine_leftovers(a_cluster(ceiling, floor=3), choices))[0]
    assert again.remedy.startswith("kubectl annotate hpa web -n shop"), "somebody has set it since"


@pytest.mark.parametrize("forbidden", ["rolebindings", "namespaces", "horizontalpodautoscalers", "configmaps"])
async def test_what_may_not_be_read_is_said_and_nothing_is_taken_for_left(forbidden: str) -> None:
    cluster = a_cluster()
    cluster.forbidden = frozenset({forbidden})
    (check,) = await examine_leftovers(cluster, Choices())
    assert (check.outcome, "cannot be told" in check.finding) == (Outcome.WARNING, True)


async def test_however_much_is_left_the_list_ends() -> None:
    cluster = uninstalled(a_cluster())
    for number in range(MOST_NAMED + 5):
        cluster.apply(*of_namespace(f"n-{number:02}", AUTO, Choices()))
    checks = [one for one in await examine_leftovers(cluster, None) if one.name == "left over"]
    assert len(checks) == MOST_NAMED + 1
    assert checks[-1].remedy.startswith("byteport disable --all")
    assert all(unknown(one.remedy) == "" for one in checks)


async def test_no_key_and_no_config_map_are_the_same() -> None:
    cluster = Overseen()
    cluster.objects["ConfigMap", NAMESPACE, CEILINGS] = {"kind": "ConfigMap", "metadata": {"name": CEILINGS}}
    assert await examine_leftovers(cluster, Choices()) == []

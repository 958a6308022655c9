"""A floor of ours that nobody has put back in time is named by the doctor, and no other."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from byteport.boundary.choices import Choices
from byteport.domain.ceilings import Sight
from byteport.domain.policy import PolicyConfig
from byteport.errors import NotPermitted
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL
from tests.integration.activities.autoscaled import autoscaled, edit, raised, raising, restore
from tests.integration.activities.granted import Granted, give
from tests.integration.activities.simulated_bench import SimulatedBench
from workers.overdue import check_floors
from workers.preflight import Check, Outcome

HOUR = timedelta(hours=1)


@pytest.fixture
async def bench(tmp_path: Path) -> SimulatedBench:
    made = SimulatedBench(tmp_path)
    await autoscaled(made)
    return made


async def said(bench: SimulatedBench, *, after: timedelta = timedelta(0)) -> Check:
    now: datetime = bench.clock() + after
    return await check_floors(bench.cluster, PolicyConfig(), now=now)


async def test_a_floor_that_stands_after_its_time_is_named_with_its_owners(bench: SimulatedBench) -> None:
    await raised(bench)
    assert (await said(bench, after=HOUR)).outcome is Outcome.OK
    found = await said(bench, after=HOUR + timedelta(minutes=11))
    assert found.outcome is Outcome.WARNING
    assert found.finding.startswith("shop/web (floor 5, its owner's is 2): ")
    assert found.remedy == (
        """kubectl patch hpa web -n shop --type merge -p '{"spec":{"minReplicas":2}}' && """
        "kubectl annotate hpa web -n shop byteport.io/floor-before- byteport.io/floor-raised- byteport.io/floor-until-"
    )


async def test_one_that_somebody_has_set_since_is_not_to_be_set_back_by_us(bench: SimulatedBench) -> None:
    await raised(bench)
    await edit(bench, annotations={FLOOR_RAISED: "4"})
    found = await said(bench, after=HOUR + timedelta(minutes=11))
    assert found.remedy.startswith("kubectl annotate hpa web -n shop byteport.io/floor-before- ")
    assert "kubectl patch" not in found.remedy


async def test_a_floor_that_was_put_back_is_not(bench: SimulatedBench) -> None:
    plan = await raised(bench)
    await bench.act(restore(bench, plan))
    assert (await said(bench, after=2 * HOUR)).outcome is Outcome.OK


async def test_one_whose_time_cannot_be_read_is_named(bench: SimulatedBench) -> None:
    await edit(bench, annotations={FLOOR_BEFORE: "2", FLOOR_UNTIL: "soon"})
    assert "shop/web (floor 2, its owner's is 2)" in (await said(bench)).finding


@pytest.mark.parametrize("mark", ["", "x\nIgnore this", "9" * 10])
async def test_one_whose_mark_says_nothing_is_named_at_once_since_nobody_puts_it_back(
    bench: SimulatedBench, mark: str
) -> None:
    await raised(bench)
    await edit(bench, annotations={FLOOR_BEFORE: mark})
    found = await said(bench)
    assert found.outcome is Outcome.WARNING
    assert found.finding.startswith("shop/web (floor 5, its owner's cannot be read): ")
    assert found.remedy.startswith("kubectl annotate hpa web -n shop byteport.io/floor-before- ")
    assert "kubectl patch" not in found.remedy


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59Z", "2099-01-01T00:00:00Z"])
async def test_a_time_that_no_time_box_can_have_hides_no_floor(bench: SimulatedBench, until: str) -> None:
    await raised(bench)
    await edit(bench, annotations={FLOOR_UNTIL: until})
    assert "shop/web (floor 5, its owner's is 2)" in (await said(bench)).finding


async def test_the_longest_time_box_hides_it_to_its_end(bench: SimulatedBench) -> None:
    await bench.act(bench.warrant(await raising(bench, box=86400), auto=False))
    assert (await said(bench)).outcome is Outcome.OK
    assert (await said(bench, after=24 * HOUR)).outcome is Outcome.OK
    assert (await said(bench, after=25 * HOUR)).outcome is Outcome.WARNING


async def test_of_a_namespace_that_is_not_enabled_nothing_is_read(bench: SimulatedBench) -> None:
    await raised(bench)
    await bench.enable("shop", enabled=False)
    assert (await said(bench, after=2 * HOUR)).outcome is Outcome.OK


async def test_in_namespaced_sight_only_those_that_were_given_are_asked(bench: SimulatedBench) -> None:
    await raised(bench)
    agent, late = Granted(bench, Choices()), bench.clock() + 2 * HOUR
    agent.bind("shop")
    found = await check_floors(agent, PolicyConfig(), now=late, sight=Sight.NAMESPACED)
    assert found.outcome is Outcome.OK
    await give(bench, "shop")
    found = await check_floors(agent, PolicyConfig(), now=late, sight=Sight.NAMESPACED)
    assert found.finding.startswith("shop/web (floor 5")
    assert agent.refused == []


async def test_what_may_not_be_listed_is_said(bench: SimulatedBench) -> None:
    bench.cluster.fail_next("list", NotPermitted("list namespaces: no"))
    found = await said(bench)
    assert (found.outcome, "cannot tell" in found.finding) == (Outcome.WARNING, True)

"""Every act is possible with exactly the rights that the roles grant, in either sight, and with nothing refused on the way."""

from __future__ import annotations

import pytest

from byteport.boundary.choices import Choices
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.modes import Mode
from byteport.domain.warrants import Warrant
from tests.integration.activities.asking import outcome, refusal
from tests.integration.activities.autoscaled import autoscaled, raising, restore
from tests.integration.activities.granted import Granted, give
from tests.integration.activities.pruned import Commands, full_of_images, pruning
from tests.integration.activities.simulated_bench import SimulatedBench


@pytest.fixture(params=list(Sight))
def sight(request: pytest.FixtureRequest) -> Sight:
    found: Sight = request.param
    return found


async def limited(bench: SimulatedBench, sight: Sight, *, ceiling: Ceiling | None = None) -> Granted:
    """From here on the worker is an account with the roles of an installation, and of `shop`."""
    await give(bench, "shop")
    agent = Granted(bench, Choices(sight=sight, helper=True))
    agent.bind("shop", ceiling or Ceiling(mode=Mode.AUTO, rollback=("web",), hpa=("web",)))
    bench.start_again(sight=sight, cluster=agent)
    return agent


async def done(bench: SimulatedBench, agent: Granted, warrant: Warrant, verb: str) -> None:
    bench.count_from_here()
    await bench.act(warrant)
    assert [one for one, _ in bench.written()] == [verb]
    assert (await outcome(bench, warrant)).applied
    assert agent.refused == []


@pytest.mark.parametrize("auto", [False, True])
async def test_a_pod_is_deleted(bench: SimulatedBench, sight: Sight, auto: bool) -> None:
    pod = await bench.one_pod_crashes()
    agent = await limited(bench, sight)
    await done(bench, agent, bench.warrant(await bench.deletion(pod), auto=auto), "delete")


async def test_a_release_is_rolled_back(bench: SimulatedBench, sight: Sight) -> None:
    await bench.a_release_fails()
    agent = await limited(bench, sight)
    await done(bench, agent, bench.warrant(await bench.rollback(), auto=False), "patch")


async def test_a_floor_is_raised_and_put_back(bench: SimulatedBench, sight: Sight) -> None:
    await autoscaled(bench)
    agent = await limited(bench, sight)
    plan = await raising(bench)
    await done(bench, agent, bench.warrant(plan, auto=False), "patch")
    await done(bench, agent, restore(bench, plan), "patch")


async def test_images_are_pruned_on_a_persons_yes(bench: SimulatedBench, sight: Sight) -> None:
    await full_of_images(bench)
    agent = await limited(bench, sight)
    commands = Commands(bench)
    await bench.act(bench.warrant(await pruning(bench), auto=False))
    assert commands.prunes == 1
    assert agent.refused == []


async def test_images_are_pruned_alone_only_where_every_pod_may_be_seen(bench: SimulatedBench, sight: Sight) -> None:
    await full_of_images(bench)
    agent = await limited(bench, sight)
    commands, warrant = Commands(bench), bench.warrant(await pruning(bench))
    if sight is Sight.CLUSTER:
        await bench.act(warrant)
    else:
        assert await refusal(bench, warrant) == ("precondition_failed", "verdict")
    assert commands.prunes == (1 if sight is Sight.CLUSTER else 0)
    assert agent.refused == []


async def test_in_a_namespace_that_was_not_given_nothing_is_done_or_asked(bench: SimulatedBench) -> None:
    warrant = bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=False)
    agent = Granted(bench, Choices())
    bench.start_again(sight=Sight.NAMESPACED, cluster=agent)
    assert await refusal(bench, warrant) == ("not_permitted", "not_enabled")
    assert agent.about("shop") == []

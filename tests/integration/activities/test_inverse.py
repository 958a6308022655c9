"""The inverse of a rollback: only with the plan that it undoes, only what undoes it, and only when it is due."""

import pytest
from temporalio.exceptions import ApplicationError

from byteport.contracts.kubernetes import ReadSituation
from byteport.domain.ceilings import Ceiling
from byteport.domain.failures import Failure
from byteport.domain.plans import RollbackPlan
from byteport.domain.policy import Mode, Standing
from byteport.kubernetes import port
from byteport.runbooks.catalogue import runbook_for
from tests.integration.activities.bench import DRY_RUN_POLICY
from tests.integration.activities.simulated_bench import SimulatedBench


async def rolled_back(bench: SimulatedBench) -> RollbackPlan:
    """A release of which two pods served and one failed is undone, and the older one then fails altogether."""
    await bench.a_release_fails()
    plan = (await bench.rollback()).model_copy(update={"available_before": 3, "replaced_available": 2})
    await bench.act(bench.warrant(plan, auto=False))
    bench.cluster.advance(5)
    return plan


async def pods_are_lost(bench: SimulatedBench) -> None:
    """Every node breaks under the restored pods."""
    for pod in await bench.pods():
        await bench.annotate(port.PODS, pod["metadata"]["name"], {"sim.byteport.io/fault": "crash"})
    bench.cluster.advance(30)


async def inverse_of(bench: SimulatedBench, plan: RollbackPlan) -> RollbackPlan:
    runbook = runbook_for(Failure.BAD_ROLLOUT)
    assert runbook is not None
    seen = await bench.reader.look(ReadSituation(target=plan.target, failure=Failure.BAD_ROLLOUT))
    inverse = runbook.inverse(plan, seen.situation, now=seen.situation.now)
    assert isinstance(inverse, RollbackPlan)
    return inverse


async def refused(bench: SimulatedBench, plan: RollbackPlan, undone: RollbackPlan | None, word: str) -> None:
    writes = bench.written()
    with pytest.raises(ApplicationError) as caught:
        await bench.act(bench.warrant(plan, auto=True, inverse_of=undone))
    assert word in caught.value.message
    assert caught.value.non_retryable
    assert bench.written() == writes


async def test_an_inverse_is_done_when_pods_were_lost(bench: SimulatedBench) -> None:
    plan = await rolled_back(bench)
    await pods_are_lost(bench)
    await bench.act(bench.warrant(await inverse_of(bench, plan), auto=True, inverse_of=plan))
    assert (await bench.deployment())["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
    assert len(bench.written()) == 2


async def test_a_yes_to_a_plan_is_a_yes_to_its_inverse(bench: SimulatedBench) -> None:
    bench.set_policy(DRY_RUN_POLICY)
    plan = await rolled_back(bench)
    await pods_are_lost(bench)
    await bench.act(bench.warrant(await inverse_of(bench, plan), auto=False, inverse_of=plan))
    assert len(bench.written()) == 2


@pytest.mark.parametrize(
    ("standing", "word"),
    [
        (Standing(unguarded=True), "boundary_not_whole"),
        (Standing(ceiling=Ceiling(mode=Mode.DRY_RUN, rollback=("web",))), "without a person's yes"),
        (Standing(ceiling=Ceiling(mode=Mode.AUTO)), "not_named"),
    ],
)
async def test_where_nothing_is_done_alone_any_more_nothing_is_undone_alone(
    bench: SimulatedBench, standing: Standing, word: str
) -> None:
    plan = await rolled_back(bench)
    await pods_are_lost(bench)
    inverse = await inverse_of(bench, plan)
    bench.bounds.now = standing
    await refused(bench, inverse, plan, word)
    bench.bounds.now = Standing(ceiling=Ceiling(mode=Mode.AUTO, rollback=("web",)))
    await bench.act(bench.warrant(inverse, auto=True, inverse_of=plan))
    assert len(bench.written()) == 2


async def test_a_yes_to_a_plan_does_not_bring_its_inverse_about_when_nothing_was_lost(bench: SimulatedBench) -> None:
    plan = await rolled_back(bench)
    await pods_are_lost(bench)
    inverse = await inverse_of(bench, plan)
    for pod in await bench.pods():
        await bench.remove(port.PODS, pod["metadata"]["name"])
    bench.cluster.advance(30)
    await refused(bench, inverse, plan, "inverse")


async def test_counts_that_were_made_up_are_another_plan_than_the_one_that_was_agreed_to(bench: SimulatedBench) -> None:
    plan = await rolled_back(bench)
    bench.cluster.advance(30)
    forged = plan.model_copy(update={"available_before": 9, "replaced_available": 9})
    honest = bench.warrant(await inverse_of(bench, forged), auto=True, inverse_of=plan)
    writes = bench.written()
    with pytest.raises(ApplicationError, match="plan"):
        await bench.act(honest.model_copy(update={"inverse_of": forged}))
    assert bench.written() == writes


async def test_an_inverse_of_what_somebody_has_changed_since_is_refused(bench: SimulatedBench) -> None:
    plan = await rolled_back(bench)
    await pods_are_lost(bench)
    inverse = await inverse_of(bench, plan)
    await bench.deploy("web", "web:3")
    bench.cluster.advance(1)
    await refused(bench, inverse, plan, "inverse")


async def test_an_inverse_without_the_plan_that_it_undoes_is_refused(bench: SimulatedBench) -> None:
    plan = await rolled_back(bench)
    await pods_are_lost(bench)
    await refused(bench, await inverse_of(bench, plan), None, "inverse")


async def test_a_plan_that_is_no_inverse_does_not_pass_as_one(bench: SimulatedBench) -> None:
    """Else a yes to one rollback would be a yes to any."""
    plan = await rolled_back(bench)
    await pods_are_lost(bench)
    inverse = await inverse_of(bench, plan)
    await refused(bench, inverse.model_copy(update={"inverse": False}), plan, "inverse")


async def test_an_inverse_that_goes_to_another_revision_is_refused(bench: SimulatedBench) -> None:
    plan = await rolled_back(bench)
    await pods_are_lost(bench)
    inverse = await inverse_of(bench, plan)
    await refused(bench, inverse.model_copy(update={"to_revision": 9}), plan, "inverse")


async def test_a_grant_for_an_inverse_replayed_writes_nothing_more(bench: SimulatedBench) -> None:
    plan = await rolled_back(bench)
    await pods_are_lost(bench)
    warrant = bench.warrant(await inverse_of(bench, plan), auto=True, inverse_of=plan)
    await bench.act(warrant)
    assert (await bench.act(warrant, attempt=2, on=bench.new_mutations())).already
    assert len(bench.written()) == 2

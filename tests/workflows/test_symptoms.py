"""Symptoms: many fold into one incident, and those that come while it closes open the next; none is lost, none counts
twice."""

import asyncio

import pytest

from byteport.contracts.ledger import Decision
from byteport.contracts.workflows import STATE, Phase, State
from byteport.domain.failures import Failure
from byteport.sandbox.simulated import SimulatedCluster
from byteport.temporal.attributes import DECISION, MTTR_SECONDS
from tests.workflows.histories import started_with
from tests.workflows.interference import held_notices
from tests.workflows.patience import until
from tests.workflows.remediation import Remediation, remediation_of
from tests.workflows.world import World

pytestmark = pytest.mark.slow


async def states(remediation: Remediation) -> list[State]:
    """Of every run that this target's remediation ever had, oldest first."""
    found = []
    query = f"WorkflowId = '{remediation.id}'"
    async for run in remediation.client.list_workflows(query):
        handle = remediation.client.get_workflow_handle(run.id, run_id=run.run_id)
        found.append((run.start_time, await handle.query(STATE, result_type=State)))
    return [state for _, state in sorted(found, key=lambda pair: pair[0])]


@pytest.mark.claim("C-113")
async def test_many_signals_on_one_target_fold_into_one_execution(world: World, bad_release: Remediation) -> None:
    await bad_release.until(Phase.AWAITING_APPROVAL)
    signals = [bad_release.signal() for _ in range(20)]
    await asyncio.gather(*(bad_release.report(signal) for signal in [*signals, *signals[:5]]))
    state = await bad_release.state()
    assert state.reports == 21
    assert len(await states(bad_release)) == 1
    assert len([notice for notice in world.notices if notice.rung == 0]) == 1


async def test_targets_do_not_fold_into_each_other(world: World) -> None:
    world.policy(mode="auto")
    await world.healthy("api")
    await world.a_release_fails("web")
    both = [await remediation_of(world, Failure.BAD_ROLLOUT, name) for name in ("web", "api")]
    both.append(await remediation_of(world, Failure.CRASHLOOP, "api"))
    await asyncio.gather(*(one.report() for one in both for _ in range(3)))
    closed = [await one.closed() for one in both]
    assert [one.decision for one in closed] == [Decision.ACTED, Decision.SKIPPED, Decision.SKIPPED]
    assert len({one.incident_id for one in closed}) == 3


async def test_a_symptom_that_arrives_while_it_closes_opens_the_next_incident_with_its_own_number(
    world: World, crash_loop: Remediation
) -> None:
    """The outcome is decided and recorded, and the run only waits for its notice to be delivered."""
    with held_notices(world):
        await until(lambda: [r for r in world.records if r.mttr_seconds is not None], "the verified record")
        await crash_loop.report()
    closed = await crash_loop.closed()
    first, second = await states(crash_loop)
    assert (first.incident_no, first.reports, first.decision) == (0, 1, Decision.ACTED)
    assert (second.incident_no, second.reports, second.decision) == (1, 1, Decision.SKIPPED)
    assert closed.incident_id == second.incident_id != first.incident_id


async def test_no_symptom_is_lost_or_counted_twice_by_runs_that_keep_closing(world: World) -> None:
    await world.healthy()
    world.clock.to_present()
    remediation = await remediation_of(world, Failure.CRASHLOOP)
    signals = [remediation.signal() for _ in range(60)]

    async def some(mine: int) -> None:
        for number, signal in enumerate(signals[mine::4]):
            await remediation.report(signal)
            await asyncio.sleep(0.01 * (number % 5))

    await asyncio.gather(*(some(mine) for mine in range(4)))
    await remediation.closed()
    seen = await states(remediation)
    assert sum(state.reports for state in seen) == len(signals)
    assert len(seen) > 1
    assert len({state.incident_id for state in seen}) == len(seen) == len(world.records)


async def test_the_next_incident_goes_on_with_the_action_index_and_acts_again(
    world: World, cluster: SimulatedCluster, crash_loop: Remediation
) -> None:
    """With the index at its beginning the act would get the old id, be found done, and never be done."""
    with held_notices(world):
        await until(lambda: [r for r in world.records if r.mttr_seconds is not None], "the verified record")
        victim = str((await world.pods())[0]["metadata"]["name"])
        await cluster.annotate_pod("shop", victim, {"sim.byteport.io/fault": "transient"})
        world.advance(400)
        await crash_loop.report()
    closed = await crash_loop.closed()
    assert closed.decision is Decision.ACTED
    assert [verb for verb, _ in world.writes] == ["delete", "delete"]
    assert world.writes[1] == ("delete", victim)
    assert len({mutation.by.action_id for mutation in cluster.mutations()}) == 2
    start = await started_with(world.client, crash_loop.handle)
    assert (start["incident_no"], start["next_action"]) == (1, 1)


async def test_the_next_incident_does_not_show_how_the_one_before_it_ended(
    world: World, cluster: SimulatedCluster, crash_loop: Remediation
) -> None:
    with held_notices(world):
        await until(lambda: [r for r in world.records if r.mttr_seconds is not None], "the verified record")
        world.policy(mode="dry_run")
        victim = str((await world.pods())[0]["metadata"]["name"])
        await cluster.annotate_pod("shop", victim, {"sim.byteport.io/fault": "transient"})
        world.advance(400)
        await crash_loop.report()
    await crash_loop.until(Phase.AWAITING_APPROVAL, incident_no=1)
    attributes = (await crash_loop.handle.describe()).typed_search_attributes
    assert (attributes.get(DECISION), attributes.get(MTTR_SECONDS)) == (None, None)

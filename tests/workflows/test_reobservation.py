"""Whether a repair holds is looked at again after an hour and a day, by a run of its own that only reports."""

from datetime import timedelta

import pytest

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import Phase
from byteport.domain.reasons import Reason
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows.patience import until
from tests.workflows.remediation import Remediation
from tests.workflows.world import World

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def repaired(remediation: Remediation) -> str:
    """The incident that was closed as verified."""
    closed = await remediation.closed()
    assert closed.result is Result.SUCCESS
    return closed.incident_id


async def crashes_again(world: World, cluster: SimulatedCluster) -> None:
    victim = str((await world.pods())[0]["metadata"]["name"])
    await cluster.annotate_pod("shop", victim, {"sim.byteport.io/fault": "transient"})
    world.advance(400)


async def test_a_repair_that_holds_is_looked_at_twice_and_nothing_is_recorded(
    world: World, crash_loop: Remediation
) -> None:
    looking = crash_loop.reobservation(await repaired(crash_loop))
    records = world.records
    await world.skipper.fast_forward(looking, HOUR - timedelta(minutes=1))
    assert await looking.query("__temporal_workflow_metadata") is not None
    await world.skipper.fast_forward(looking, DAY)
    assert await looking.result() == {"held": True, "looks": 2}
    assert world.records == records
    assert not await crash_loop.is_running()


@pytest.mark.claim("C-048")
async def test_a_repair_that_did_not_hold_is_a_record_and_the_next_of_its_kind_is_not_repeated(
    world: World, cluster: SimulatedCluster, crash_loop: Remediation
) -> None:
    incident = await repaired(crash_loop)
    await crashes_again(world, cluster)
    looking = crash_loop.reobservation(incident)
    await world.skipper.fast_forward(looking, HOUR + timedelta(minutes=1))
    assert await looking.result() == {"held": False, "looks": 1}
    (found,) = [record for record in world.records if record.event is Event.REOBSERVED]
    assert (found.incident_id, found.result, found.reason) == (incident, Result.FAILURE, "did_not_hold")
    waiting = await crash_loop.until(Phase.AWAITING_APPROVAL)
    assert waiting.state.signal is not None
    assert waiting.state.signal.recurrence_of == incident
    assert waiting.state.reasons == (Reason.DID_NOT_HOLD,)
    assert len(world.writes) == 1
    page = (await until(lambda: [n for n in world.notices if n.rung == 1], "the page"))[0]
    assert page.symptom is not None
    assert page.symptom.endswith(f"the repair of {incident} did not hold, and it is broken again")


async def test_a_recurrence_that_the_watch_sees_first_is_not_repeated_either_once_it_was_looked_at(
    world: World, cluster: SimulatedCluster, crash_loop: Remediation
) -> None:
    incident = await repaired(crash_loop)
    await crashes_again(world, cluster)
    await world.skipper.fast_forward(crash_loop.reobservation(incident), HOUR + timedelta(minutes=1))
    await crash_loop.report()
    waiting = await crash_loop.until(Phase.AWAITING_APPROVAL)
    await until(lambda: [n for n in world.notices if n.rung == 1], "the page")
    await waiting.approve(by="ada")
    assert (await crash_loop.closed()).decision is Decision.ACTED
    assert len(world.writes) == 2


async def test_a_new_release_that_fails_is_not_the_old_trouble_come_back(
    world: World, cluster: SimulatedCluster, crash_loop: Remediation
) -> None:
    incident = await repaired(crash_loop)
    await cluster.deploy("shop/web", image="web:2", fault="crash")
    world.advance(700)
    looking = crash_loop.reobservation(incident)
    await world.skipper.fast_forward(looking, DAY + HOUR)
    assert await looking.result() == {"held": True, "looks": 2}
    assert [record for record in world.records if record.event is Event.REOBSERVED] == []

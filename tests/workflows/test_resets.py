"""A run that somebody resets to look into it goes on from where it was reset to, and writes nothing more."""

import pytest

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import Phase
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows.histories import scheduled
from tests.workflows.interference import after_the_call
from tests.workflows.operator import reset_before
from tests.workflows.remediation import Remediation, Waiting
from tests.workflows.restored import restored_pods_fail
from tests.workflows.world import World

pytestmark = pytest.mark.slow

RESERVE = "audit.reserve"
DELETE = "kubernetes.delete_pod"
PATCH = "kubernetes.roll_back"


@pytest.mark.claim("C-073")
async def test_review_10_reset_before_its_reservation_finds_the_act_done(world: World, crash_loop: Remediation) -> None:
    first = await crash_loop.closed()
    records = world.records
    await reset_before(crash_loop, RESERVE)
    again = await crash_loop.closed()
    assert (again.decision, again.result) == (Decision.ACTED, Result.SUCCESS)
    assert again.incident_id == first.incident_id
    assert len(world.writes) == 1
    assert DELETE not in [name for name, _ in await scheduled(world.client, crash_loop.handle)]
    assert world.records == records


@pytest.mark.claim("C-073")
async def test_review_10_reset_between_reservation_and_act_does_not_act_again_on_a_worker_that_remembers_nothing(
    world: World, crash_loop: Remediation
) -> None:
    await crash_loop.closed()
    await world.stop_worker()
    await world.start_worker()
    await reset_before(crash_loop, DELETE)
    await crash_loop.until(Phase.CLOSED, Phase.ESCALATED)
    assert len(world.writes) == 1
    assert [record.event for record in world.records].count(Event.STARTED) == 1


async def test_review_10_reset_after_a_yes_keeps_the_answer_and_does_not_act_again(
    world: World, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    await waiting.approve(by="ada")
    await bad_release.closed()
    await reset_before(bad_release, RESERVE)
    assert (await bad_release.closed()).result is Result.SUCCESS
    assert len(world.writes) == 1


@pytest.mark.slow
@pytest.mark.claim("C-073")
async def test_review_10_reset_of_an_act_and_its_inverse_writes_neither_again(
    world: World, cluster: SimulatedCluster, half_bad: Waiting
) -> None:
    remediation = half_bad.remediation
    after_the_call(cluster, "patch", lambda: restored_pods_fail(world))
    await half_bad.approve(by="grace")
    await remediation.until(Phase.ESCALATED)
    run_id = await remediation.run_id()
    for act, nth in ((RESERVE, 0), (PATCH, 0), (RESERVE, 1)):
        await world.stop_worker()
        await world.start_worker()
        await reset_before(remediation, act, nth=nth, run_id=run_id)
        await remediation.until(Phase.ESCALATED)
        assert [verb for verb, _ in world.writes] == ["patch", "patch"]
        assert await world.image() == "web:2"

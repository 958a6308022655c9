"""Two remediations of one workload: the later one waits until the other's act is over, and looks afresh."""

import sqlite3

import pytest

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import Phase
from byteport.domain.reasons import Reason
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows.histories import scheduled
from tests.workflows.interference import after_the_call
from tests.workflows.patience import paged, until
from tests.workflows.remediation import Remediation
from tests.workflows.world import World

pytestmark = pytest.mark.slow

KEY = "shop/Deployment/web"


def lease(world: World, *, seconds: float) -> None:
    """Somebody else's act on `web` holds the lease for so long, by the ledger's clock."""
    until_ms = int((world.clock().timestamp() + seconds) * 1000)
    with sqlite3.connect(world.ledger_file) as sql:
        sql.execute("INSERT INTO leases VALUES (?, ?, ?, ?)", (world.cluster.uid, KEY, "another", until_ms))


def give_back(world: World) -> None:
    with sqlite3.connect(world.ledger_file) as sql:
        sql.execute("DELETE FROM leases WHERE holder = 'another'")


async def test_a_leased_workload_is_waited_for_and_then_acted_on_once(world: World, crash_to_come: Remediation) -> None:
    lease(world, seconds=150)
    await crash_to_come.report()
    closed = await crash_to_come.closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert len(world.writes) == 1
    acts = [name for name, _ in await scheduled(world.client, crash_to_come.handle)]
    assert acts.count("audit.reserve") > 2
    assert acts.count("kubernetes.read_situation") > acts.count("audit.reserve")
    assert [record.event for record in world.records] == [Event.STARTED, Event.FINISHED]
    assert {notice.rung for notice in world.notices} == {0}


async def test_trouble_that_the_other_act_has_ended_is_skipped(
    world: World, cluster: SimulatedCluster, crash_to_come: Remediation
) -> None:
    lease(world, seconds=10**6)
    with world.time_stands_still():
        await crash_to_come.report()
    await crash_to_come.until(Phase.PLANNING)
    await cluster.deploy("shop/web", image="web:2")
    world.advance(120)
    give_back(world)
    await crash_to_come.pass_time(60)
    closed = await crash_to_come.closed()
    assert closed.decision is Decision.SKIPPED
    assert world.writes == []


@pytest.mark.slow
async def test_a_lease_that_lasts_for_half_an_hour_is_a_persons(world: World, crash_to_come: Remediation) -> None:
    lease(world, seconds=10**6)
    await crash_to_come.report()
    escalated = await crash_to_come.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.TARGET_LEASED,)
    assert (await paged(world)).reasons == (Reason.TARGET_LEASED,)
    assert world.writes == []


async def test_a_yes_that_had_to_wait_is_not_asked_for_again(world: World, bad_release: Remediation) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    lease(world, seconds=150)
    await waiting.approve(by="ada")
    closed = await bad_release.closed()
    assert closed.decision is Decision.ACTED
    assert await world.image() == "web:1"
    assert [record.event for record in world.records].count(Event.PLANNED) == 1
    started = [record for record in world.records if record.event is Event.STARTED]
    assert [record.approver for record in started] == ["ada"]


async def test_an_alarm_that_is_raised_after_the_act_is_not_called_a_repair(
    world: World, cluster: SimulatedCluster, crash_to_come: Remediation
) -> None:
    async def alarm() -> None:
        world.alarms.raise_("checkout-errors", by="ada", reason="errors")

    after_the_call(cluster, "delete", alarm)
    await crash_to_come.report()
    escalated = await crash_to_come.until(Phase.ESCALATED)
    assert escalated.state.reasons[0] is Reason.ALARM
    assert escalated.state.result is Result.FAILURE
    assert len(world.writes) == 1
    finished = await until(lambda: [r for r in world.records if r.event is Event.FINISHED], "the record")
    assert (finished[0].result, finished[0].reason) == (Result.FAILURE, "alarm")


async def test_where_an_experiment_breaks_things_on_purpose_it_stands_down_and_says_so(
    world: World, cluster: SimulatedCluster, crash_to_come: Remediation
) -> None:
    await cluster.annotate_deployment("shop/web", {"litmuschaos.io/chaos": "true"})
    await crash_to_come.report()
    waiting = await crash_to_come.until(Phase.AWAITING_APPROVAL)
    assert Reason.CHAOS_EXPERIMENT in waiting.state.reasons
    assert Reason.CHAOS_EXPERIMENT in (await paged(world)).reasons
    assert world.writes == []

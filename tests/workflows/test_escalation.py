"""Paging: rung after rung until somebody takes over, whatever else is down."""

import errno
from datetime import timedelta

import pytest
import pytest_asyncio

from activities.notify.file import FileChannel
from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.people import Ending, Notice
from byteport.contracts.workflows import Acknowledge, Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes import port
from byteport.sandbox.simulated import SimulatedCluster
from byteport.temporal.intake import acknowledge
from tests.workflows.interference import Outage, after_the_call, held
from tests.workflows.operator import give_up, is_tried_again
from tests.workflows.patience import paged, until
from tests.workflows.remediation import Remediation, bad_release, remediation_of
from tests.workflows.world import World

pytestmark = pytest.mark.slow


def rungs(world: World) -> list[int]:
    """Of the notices while it went on."""
    return [notice.rung for notice in world.notices if notice.ending is None]


@pytest_asyncio.fixture
async def out_of_memory(world: World) -> Remediation:
    """A pod that is killed for memory: a person's, in auto too. Its time passes only when the test says so.

    The crash loop's runbook hands it over, so it is reported to the one that escalates.
    """
    world.policy(mode="auto")
    await world.one_pod_crashes(fault="oom")
    remediation = await remediation_of(world, Failure.MEMORY)
    with world.time_stands_still():
        await remediation.report(rungs=(900, 1800))
    return remediation


async def test_the_second_rung_is_paged_when_the_first_has_had_its_time_and_the_third_after_that(
    world: World, out_of_memory: Remediation
) -> None:
    escalated = await out_of_memory.until(Phase.ESCALATED)
    assert escalated.state.cause is Cause.OOM_KILLED
    await paged(world, 1)
    await out_of_memory.pass_time(880)
    assert rungs(world) == [1]
    await out_of_memory.pass_time(30)
    await paged(world, 2)
    await out_of_memory.pass_time(1780)
    assert rungs(world) == [1, 2]
    await out_of_memory.pass_time(30)
    await paged(world, 3)
    assert await out_of_memory.is_running()
    assert world.writes == []


@pytest.mark.claim("C-430")
async def test_a_rung_that_cannot_be_told_holds_up_none_of_those_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = FileChannel._append

    def append(channel: FileChannel, notice: Notice) -> None:
        if notice.rung == 1:
            raise OSError(errno.EIO, "Input/output error")
        written(channel, notice)

    monkeypatch.setattr(FileChannel, "_append", append)
    world.policy(mode="auto")
    await world.one_pod_crashes(fault="oom")
    remediation = await remediation_of(world, Failure.MEMORY)
    with world.time_stands_still():
        await remediation.report(rungs=(2, 1800))
    await paged(world, 2)
    assert rungs(world) == [2]
    await remediation.acknowledge()
    await remediation.closed()


async def test_a_repair_of_which_nobody_can_be_told_keeps_no_next_incident_waiting(
    world: World, crash_to_come: Remediation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def append(channel: FileChannel, notice: Notice) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(FileChannel, "_append", append)
    await crash_to_come.report()
    closed = await crash_to_come.closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    run = await crash_to_come.handle.describe()
    assert run.close_time is not None
    assert run.close_time - run.start_time < timedelta(minutes=20)


async def test_acknowledging_by_message_stops_the_ladder_and_closes_it(
    world: World, out_of_memory: Remediation
) -> None:
    await out_of_memory.until(Phase.ESCALATED)
    page = await paged(world, 1)
    assert page.how_to_answer == f"byteport ack {out_of_memory.id}"
    await out_of_memory.acknowledge(by="grace", note="on it")
    closed = await out_of_memory.closed()
    assert (closed.decision, closed.cause) == (Decision.ESCALATED, Cause.OOM_KILLED)
    assert rungs(world) == [1]
    escalated, acknowledged = world.records
    assert (escalated.event, acknowledged.event) == (Event.ESCALATED, Event.ACKNOWLEDGED)
    assert (acknowledged.approver, acknowledged.note) == ("claimed: grace", "on it")


@pytest.mark.claim("C-431")
async def test_a_page_is_enough_to_decide_by_and_whoever_got_it_hears_of_the_end(
    world: World, out_of_memory: Remediation
) -> None:
    await out_of_memory.until(Phase.ESCALATED)
    page = await paged(world, 1)
    assert page.symptom is not None
    assert " (threshold " in page.symptom
    assert page.since is not None
    assert page.since <= page.at
    assert page.facts is not None
    assert page.facts >= 2
    assert (page.plan_digest, page.ending) == (None, None)
    await out_of_memory.acknowledge(by="grace")
    await out_of_memory.closed()
    end = world.notices[-1]
    assert (end.ending, end.rung, end.incident_id) == (Ending.TAKEN_OVER, 0, page.incident_id)
    assert "grace" in end.title


async def test_symptoms_fold_into_an_escalation_until_it_is_acknowledged(
    world: World, out_of_memory: Remediation
) -> None:
    await out_of_memory.until(Phase.ESCALATED)
    await paged(world, 1)
    for _ in range(3):
        await out_of_memory.report()
    assert (await out_of_memory.state()).reports == 4
    await out_of_memory.acknowledge()
    assert (await out_of_memory.closed()).reports == 4
    assert rungs(world) == [1]


async def test_taking_over_while_a_plan_waits_withdraws_the_request(world: World) -> None:
    remediation = await bad_release(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    await remediation.acknowledge(by="grace")
    closed = await remediation.closed()
    assert closed.reasons == (Reason.CLOSED,)
    assert (await waiting.asked()).outcome == "withdrawn"
    assert world.writes == []


@pytest.mark.claim("C-072")
async def test_fault_17_with_the_ledger_down_before_the_intent_nothing_is_done_and_people_are_still_paged(
    world: World, crash_to_come: Remediation
) -> None:
    outage = Outage(world)
    outage.begin()
    await crash_to_come.report()
    await give_up(crash_to_come, "audit.read_standing")
    escalated = await crash_to_come.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.HALTED,)
    await paged(world, 1)
    await crash_to_come.acknowledge()
    assert world.writes == []
    outage.end()
    await crash_to_come.closed()
    assert [record.event for record in world.records] == [Event.ESCALATED, Event.ACKNOWLEDGED]
    assert rungs(world) == [1]


@pytest.mark.claim("C-072")
async def test_a_ledger_that_goes_down_before_the_reservation_keeps_the_act_from_being_done(
    world: World, cluster: SimulatedCluster
) -> None:
    """It is gone by the time at which the target has been read again after the yes."""
    world.policy(reread_seconds=3600)
    remediation = await bad_release(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    outage = Outage(world)
    after_the_call(cluster, "get", outage.at_once)
    await waiting.approve(by="ada")
    await give_up(remediation, "audit.reserve")
    await remediation.until(Phase.ESCALATED)
    await paged(world, 1, phase="escalated")
    assert world.writes == []
    outage.end()


@pytest.mark.claim("C-090")
async def test_with_the_ledger_down_after_the_act_the_outcome_is_written_once_it_is_back(
    world: World, cluster: SimulatedCluster, crash_to_come: Remediation
) -> None:
    outage = Outage(world)
    after_the_call(cluster, "delete", outage.at_once)
    await crash_to_come.report()
    await until(lambda: world.writes, "the act")
    await is_tried_again(crash_to_come, "audit.finish")
    outage.end()
    closed = await crash_to_come.closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert [(r.event, r.result) for r in world.records] == [(Event.STARTED, None), (Event.FINISHED, Result.SUCCESS)]
    assert len(world.writes) == 1


async def test_who_took_over_before_it_escalated_is_paged_of_what_they_could_not_know(
    world: World, cluster: SimulatedCluster, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    with held(cluster, "patch", port.DEPLOYMENTS) as hold:
        await waiting.approve(by="ada")
        await hold.reached.wait()
        await bad_release.acknowledge(by="grace")
        await cluster.scale("shop/web", 0)
    escalated = await bad_release.until(Phase.ESCALATED)
    await paged(world, 1, phase="escalated")
    assert escalated.state.reasons == (Reason.SCALED_TO_ZERO,)
    assert await bad_release.is_running()
    await bad_release.acknowledge(by="grace")
    assert (await bad_release.closed()).decision is Decision.ESCALATED


@pytest.mark.claim("C-434")
async def test_what_a_pager_says_stops_the_ladder_of_its_own_incident_and_takes_no_question_back(
    world: World, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    client, note = bad_release.client, "acknowledged in PagerDuty"
    for incident in ("inc-another", waiting.state.incident_id):
        said = Acknowledge(by="pagerduty:PLH1HKV (Ada)", note=note, of_incident=incident)
        await acknowledge(client, bad_release.id, said)
    state = await bad_release.state()
    assert state.phase is Phase.AWAITING_APPROVAL
    heard = [moment.what for moment in state.timeline if "the question stays open" in moment.what]
    assert heard == ["pagerduty:PLH1HKV (Ada) is at it; the question stays open"]
    assert (state.approvals, world.writes) == ((), [])

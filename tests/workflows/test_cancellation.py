"""A cancelled run leaves a record, ends its intent as what is known of it, and takes its request back."""

import sqlite3

import pytest
from temporalio.client import WorkflowExecutionStatus

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import ApprovalOutcome, Phase
from byteport.domain.reasons import Reason
from byteport.kubernetes import port
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows import remediation as remediations
from tests.workflows.interference import held
from tests.workflows.operator import is_cancelling
from tests.workflows.patience import until
from tests.workflows.remediation import Remediation
from tests.workflows.world import World


async def cancelled(remediation: Remediation) -> None:
    """Cancel it, and wait until it has ended as cancelled."""
    await remediation.handle.cancel()
    await ended(remediation)


async def ended(remediation: Remediation) -> None:
    status = await remediation.has_ended()
    assert status is WorkflowExecutionStatus.CANCELED


def intents(world: World) -> list[str | None]:
    with sqlite3.connect(world.ledger_file) as sql:
        return [row[0] for row in sql.execute("SELECT outcome FROM intents")]


@pytest.mark.claim("C-090")
async def test_cancelled_while_a_plan_waits_it_records_that_and_takes_the_request_back(
    world: World, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    await cancelled(bad_release)
    last = await until(lambda: [r for r in world.records if r.event is Event.FINISHED], "the record")
    assert (last[0].decision, last[0].result, last[0].reason) == (Decision.ESCALATED, Result.FAILURE, "cancelled")
    withdrawn = await until(lambda: [r for r in world.records if r.event is Event.EXPIRED], "the withdrawal")
    assert withdrawn[0].reason == Reason.CANCELLED
    assert (await waiting.asked()).outcome is ApprovalOutcome.WITHDRAWN
    assert world.writes == []


@pytest.mark.claim("C-090")
async def test_cancelled_while_the_call_is_under_way_it_ends_the_intent_as_done(
    world: World, cluster: SimulatedCluster, crash_to_come: Remediation
) -> None:
    with held(cluster, "delete", port.PODS) as hold:
        await crash_to_come.report()
        await hold.reached.wait()
        await crash_to_come.handle.cancel()
        await is_cancelling(crash_to_come)
    await ended(crash_to_come)
    assert len(world.writes) == 1
    assert intents(world) == ["done"]
    finished = world.records[-1]
    assert (finished.event, finished.decision, finished.reason) == (Event.FINISHED, Decision.ACTED, "cancelled")


async def test_cancelled_while_it_is_verified_it_ends_the_intent_as_done(
    world: World, crash_to_come: Remediation
) -> None:
    with world.time_stands_still():
        await crash_to_come.report()
    await crash_to_come.until(Phase.VERIFYING)
    await cancelled(crash_to_come)
    assert intents(world) == ["done"]
    assert [record.event for record in world.records] == [Event.STARTED, Event.FINISHED]
    assert (await crash_to_come.state()).phase is Phase.CLOSED


@pytest.mark.claim("C-090")
async def test_cancelled_while_escalated_it_records_that(world: World) -> None:
    world.policy(mode="observe")
    remediation = await remediations.bad_release(world)
    await remediation.until(Phase.ESCALATED)
    await until(lambda: world.records, "the escalation's record")
    await cancelled(remediation)
    assert [record.event for record in world.records] == [Event.ESCALATED, Event.FINISHED]


async def test_a_cancelled_approval_is_a_request_taken_back_and_is_escalated(
    world: World, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    await waiting.approval.cancel()
    escalated = await bad_release.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.CANCELLED,)
    assert world.writes == []

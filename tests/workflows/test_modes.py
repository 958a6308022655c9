"""Three modes: observe never acts nor asks, dry run acts only on a signed yes, auto acts alone."""

import pytest

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import APPROVAL, Phase
from byteport.domain.approvals import Taken
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.enrolment import ENABLED_LABEL
from tests.workflows.remediation import Remediation, bad_release, remediation_of
from tests.workflows.world import World


@pytest.mark.claim("C-090")
async def test_auto_repairs_a_crash_loop_alone_and_records_it(world: World, crash_loop: Remediation) -> None:
    closed = await crash_loop.closed()
    assert (closed.decision, closed.result, closed.cause) == (Decision.ACTED, Result.SUCCESS, Cause.TRANSIENT)
    assert [verb for verb, _ in world.writes] == ["delete"]
    started, finished = world.records
    assert (started.event, finished.event) == (Event.STARTED, Event.FINISHED)
    assert (finished.result, finished.mttr_seconds) == (Result.SUCCESS, closed.mttr_seconds)
    assert closed.mttr_seconds is not None
    assert closed.mttr_seconds >= 30  # the settle time
    assert [notice.rung for notice in world.notices] == [0]


async def test_auto_rolls_an_allow_listed_release_back_alone(world: World) -> None:
    world.policy(mode="auto")
    closed = await (await bad_release(world)).closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert (await world.image(), len(world.writes)) == ("web:1", 1)


@pytest.mark.claim("C-043")
async def test_auto_asks_for_what_is_not_allow_listed(world: World) -> None:
    world.policy(mode="auto", rollback_allowed=[])
    waiting = await (await bad_release(world)).until(Phase.AWAITING_APPROVAL)
    assert Reason.NOT_ALLOW_LISTED in waiting.state.reasons
    assert world.writes == []


@pytest.mark.claim("C-031", "C-090")
async def test_dry_run_acts_only_on_a_signed_yes(world: World, bad_release: Remediation) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    assert world.writes == []
    planned = world.records[-1]
    assert (planned.event, planned.decision, planned.result) == (
        Event.PLANNED,
        Decision.DRY_RUN_PLANNED,
        Result.PENDING_APPROVAL,
    )
    reply = await waiting.approve(by="ada")
    assert isinstance(reply.verdict, Taken)
    closed = await bad_release.closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert (await world.image(), len(world.writes)) == ("web:1", 1)
    assert [record.approver for record in world.records if record.event is Event.STARTED] == ["ada"]


@pytest.mark.claim("C-030", "C-090")
async def test_observe_neither_acts_nor_asks(world: World) -> None:
    world.policy(mode="observe")
    remediation = await bad_release(world)
    escalated = await remediation.until(Phase.ESCALATED)
    assert Reason.MODE_OBSERVES in escalated.state.reasons
    assert [run.id async for run in world.client.list_workflows(f"WorkflowType = '{APPROVAL}'")] == []
    await remediation.acknowledge()
    assert (await remediation.closed()).decision is Decision.ESCALATED
    assert world.writes == []


@pytest.mark.claim("C-020", "C-090")
async def test_a_namespace_that_is_not_enabled_is_left_alone(world: World) -> None:
    world.policy(mode="auto")
    await world.a_release_fails()
    await world.cluster.label_namespace("shop", {ENABLED_LABEL: None})
    remediation = await remediation_of(world, Failure.BAD_ROLLOUT)
    await remediation.report()
    closed = await remediation.closed()
    assert (closed.decision, closed.reasons) == (Decision.SKIPPED, (Reason.NAMESPACE_NOT_ENABLED,))
    assert (world.writes, world.notices) == ([], [])

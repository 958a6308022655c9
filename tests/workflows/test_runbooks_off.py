"""A runbook that is switched off: its trouble is skipped with that reason, and what is handed over to it goes to a person."""

from __future__ import annotations

import pytest

from byteport.audit.words import Event
from byteport.boundary.choices import EVERY_RUNBOOK
from byteport.contracts.ledger import Decision
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause, Reason
from tests.workflows.patience import paged
from tests.workflows.remediation import crash_loop, remediation_of
from tests.workflows.world import World

pytestmark = pytest.mark.slow


async def switch_off(world: World, *names: str) -> None:
    """As an administrator does: with a worker that is started anew."""
    await world.stop_worker()
    boundary = world.settings.boundary.model_copy(update={"runbooks": EVERY_RUNBOOK - {*names}})
    world.settings = world.settings.model_copy(update={"boundary": boundary})
    await world.start_worker()


async def test_what_is_reported_otherwise_ends_as_skipped_with_that_reason(world: World) -> None:
    world.policy(mode="auto")
    await switch_off(world, "PodCrashloopRunbook")
    closed = await (await crash_loop(world)).closed()
    assert (closed.decision, closed.reasons) == (Decision.SKIPPED, (Reason.RUNBOOK_OFF,))
    assert [(record.event, record.reason) for record in world.records] == [(Event.SKIPPED, "runbook_off")]
    assert world.writes == []


async def test_another_runbook_goes_on_as_before(world: World) -> None:
    world.policy(mode="auto")
    await switch_off(world, "MemoryPressureRunbook")
    closed = await (await crash_loop(world)).closed()
    assert closed.decision is Decision.ACTED


async def test_what_would_be_handed_over_to_it_is_a_persons(world: World) -> None:
    world.policy(mode="auto")
    await switch_off(world, "FailedDeployAutoRollbackRunbook")
    await world.a_release_fails()
    crashing = await remediation_of(world, Failure.CRASHLOOP)
    await crashing.report()
    escalated = await crashing.until(Phase.ESCALATED)
    assert Reason.RUNBOOK_OFF in escalated.state.reasons
    assert escalated.state.cause is Cause.BAD_ROLLOUT
    await paged(world, 1)
    assert [record.event for record in world.records] == [Event.ESCALATED]
    assert world.writes == []


async def test_a_kill_for_memory_is_a_persons_where_memory_is_off(world: World) -> None:
    world.policy(mode="auto")
    await switch_off(world, "MemoryPressureRunbook")
    escalated = await (await crash_loop(world, fault="oom")).until(Phase.ESCALATED)
    assert Reason.RUNBOOK_OFF in escalated.state.reasons
    assert escalated.state.cause is Cause.OOM_KILLED
    assert world.writes == []


async def test_one_that_is_switched_off_while_its_plan_waits_for_a_yes_takes_the_request_back(world: World) -> None:
    crashing = await crash_loop(world)
    await crashing.until(Phase.AWAITING_APPROVAL)
    await switch_off(world, "PodCrashloopRunbook")
    closed = await crashing.closed()
    assert (closed.decision, closed.reasons) == (Decision.SKIPPED, (Reason.RUNBOOK_OFF,))
    assert world.writes == []

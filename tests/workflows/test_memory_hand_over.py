"""A container that is killed for memory: the crash loop's run hands it over, and one person is paged once, with the trend."""

from __future__ import annotations

import pytest

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause, Reason
from tests.workflows.patience import paged
from tests.workflows.remediation import crash_loop, remediation_of
from tests.workflows.world import World


def first_rungs(world: World) -> int:
    """How many ladders were begun: time that is skipped may climb each of them."""
    return [notice.rung for notice in world.notices].count(1)


@pytest.mark.slow
async def test_a_kill_for_memory_is_handed_over_and_paged_once(world: World) -> None:
    world.policy(mode="auto")
    crashing = await crash_loop(world, fault="oom")
    handed = await crashing.closed()
    assert (handed.decision, handed.reasons) == (Decision.SKIPPED, (Reason.HANDED_OVER,))

    memory = await remediation_of(world, Failure.MEMORY)
    escalated = await memory.until(Phase.ESCALATED)
    assert escalated.state.cause is Cause.OOM_KILLED
    await paged(world, 1)
    assert first_rungs(world) == 1
    assert [record.event for record in world.records] == [Event.SKIPPED, Event.ESCALATED]
    assert [record.runbook for record in world.records] == ["PodCrashloopRunbook", "MemoryPressureRunbook"]
    assert world.writes == []


async def test_the_same_crash_loop_again_folds_into_the_page_that_is_open(world: World) -> None:
    crashing = await crash_loop(world, fault="oom")
    await crashing.closed()
    memory = await remediation_of(world, Failure.MEMORY)
    await memory.until(Phase.ESCALATED)
    await paged(world, 1)

    await crashing.report()
    await crashing.closed()
    assert (await memory.state()).reports == 2
    assert [record.event for record in world.records].count(Event.ESCALATED) == 1
    assert first_rungs(world) == 1

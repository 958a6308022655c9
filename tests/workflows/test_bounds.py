"""What the API server holds us to, in a run: not whole is a person's, a ceiling lowers `auto`, and beyond it nobody is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import APPROVAL, Phase
from byteport.domain.approvals import Taken
from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode, Standing
from byteport.domain.reasons import Reason
from tests.integration.activities.bench import Held
from tests.workflows.remediation import Remediation, bad_release, crash_loop
from tests.workflows.world import World
from workflows.phases.diagnose import merged

EVERY = Ceiling(mode=Mode.AUTO, rollback=("web",))


def test_a_stop_is_a_stop_whoever_saw_it_and_the_ceiling_is_the_clusters_to_tell() -> None:
    found = merged(Standing(halted=True), Standing(chaos=True, unguarded=True, unproven=True, ceiling=EVERY))
    assert found == Standing(halted=True, chaos=True, unguarded=True, unproven=True, ceiling=EVERY)
    assert merged(Standing(), Standing()) == Standing()


@pytest.fixture
async def held(world: World, monkeypatch: pytest.MonkeyPatch) -> Held:
    """In `auto`, with a worker that is told of the boundary what `now` says."""
    held = Held(Standing(ceiling=EVERY))
    monkeypatch.setattr("workers.start.UNBOUNDED", held)
    await world.stop_worker()
    await world.start_worker()
    world.policy(mode="auto")
    return held


async def approvals(world: World) -> list[str]:
    return [run.id async for run in world.client.list_workflows(f"WorkflowType = '{APPROVAL}'")]


async def test_under_a_whole_boundary_and_a_high_ceiling_it_acts_alone(world: World, held: Held) -> None:
    assert (await (await crash_loop(world)).closed()).decision is Decision.ACTED


async def test_what_is_not_whole_makes_an_act_a_persons_who_may_still_agree(world: World, held: Held) -> None:
    held.now = Standing(unguarded=True, ceiling=EVERY)
    remediation = await bad_release(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    assert Reason.BOUNDARY_NOT_WHOLE in waiting.state.reasons
    assert world.writes == []
    assert isinstance((await waiting.approve(by="ada")).verdict, Taken)
    closed = await remediation.closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)


async def test_a_ceiling_of_dry_run_asks_where_the_policy_would_not(world: World, held: Held) -> None:
    held.now = Standing(ceiling=Ceiling(mode=Mode.DRY_RUN, rollback=("web",)))
    waiting = await (await bad_release(world)).until(Phase.AWAITING_APPROVAL)
    assert waiting.state.reasons == (Reason.MODE_DRY_RUN,)
    assert world.writes == []


@pytest.mark.parametrize(
    ("trouble", "ceiling", "reason"),
    [
        (crash_loop, Ceiling(mode=Mode.OBSERVE), Reason.CEILING_OBSERVES),
        (bad_release, Ceiling(mode=Mode.AUTO, rollback=("api",)), Reason.NOT_NAMED),
    ],
)
async def test_beyond_the_ceiling_a_person_is_told_and_not_asked(
    world: World,
    held: Held,
    trouble: Callable[[World], Awaitable[Remediation]],
    ceiling: Ceiling,
    reason: Reason,
) -> None:
    held.now = Standing(ceiling=ceiling)
    escalated = await (await trouble(world)).until(Phase.ESCALATED)
    assert reason in escalated.state.reasons
    assert await approvals(world) == []
    assert world.writes == []


async def test_a_rollback_that_the_server_cannot_prove_waits_for_a_yes(world: World, held: Held) -> None:
    held.now = Standing(unproven=True, ceiling=EVERY)
    waiting = await (await bad_release(world)).until(Phase.AWAITING_APPROVAL)
    assert waiting.state.reasons == (Reason.ROLLBACK_UNPROVEN,)

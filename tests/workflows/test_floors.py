"""From a CPU spike to a raised floor and back again: remediation, time box, ledger and cluster worker together."""

import pytest
from temporalio.client import WorkflowHandle

from activities.orchestration import IntakeSink
from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.orchestration import START_TIMEBOX, Started
from byteport.contracts.workflows import Box, Phase, TimeboxClosed
from byteport.domain.failures import Failure
from byteport.domain.ids import timebox_id
from byteport.domain.reasons import Reason
from byteport.errors import NotPermitted
from byteport.kubernetes import port
from byteport.kubernetes.autoscalers import floor_of
from tests.workflows.histories import scheduled
from tests.workflows.interference import before_the_call
from tests.workflows.patience import paged, until
from tests.workflows.remediation import Remediation, remediation_of
from tests.workflows.spikes import load_spikes
from tests.workflows.world import World

pytestmark = pytest.mark.slow

AUTO = {"mode": "auto", "raise_allowed": ["shop/*"], "timebox_seconds": 1800}


async def spike(world: World) -> Remediation:
    """Nobody has been told of it yet."""
    await load_spikes(world.cluster, world.clock)
    return await remediation_of(world, Failure.CPU)


async def floor(world: World) -> int:
    return floor_of(await world.cluster.get(port.AUTOSCALERS, "shop", "web"))


def box(world: World) -> WorkflowHandle[object, TimeboxClosed]:
    workflow_id = timebox_id(world.cluster.uid, "shop", "web")
    return world.client.get_workflow_handle(workflow_id, result_type=TimeboxClosed)


@pytest.mark.claim("C-044")
async def test_a_floor_is_raised_verified_and_put_back_when_its_time_is_over(world: World) -> None:
    world.policy(**AUTO)
    remediation = await spike(world)
    with world.time_stands_still():
        await remediation.report()
        await remediation.until(Phase.VERIFYING)
        raised = await floor(world)
        assert raised > 3
        await remediation.pass_time(600)
        closed = await remediation.closed()
        assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
        acts = [name for name, _ in await scheduled(world.client, remediation.handle)]
        assert acts.index("audit.reserve") < acts.index(START_TIMEBOX.name) < acts.index("kubernetes.raise_floor")
        assert await floor(world) == raised
        world.policy(mode="dry_run", raise_allowed=[])
        await world.skipper.fast_forward(box(world), 3600)
        assert (await box(world).result()).outcome == "restored"
        assert await floor(world) == 3
        events = [record.event for record in world.records if record.action_id]
        assert events == [Event.STARTED, Event.FINISHED, Event.STARTED, Event.REVERTED]
        assert len({record.incident_id for record in world.records if record.action_id}) == 1


@pytest.mark.claim("C-044")
async def test_a_floor_whose_clock_cannot_be_started_is_not_raised(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(door: IntakeSink, raised: Box) -> Started:
        raise NotPermitted("Temporal refuses this call")

    monkeypatch.setattr(IntakeSink, "start_timebox", refuses)
    world.policy(**AUTO)
    remediation = await spike(world)
    await remediation.report()
    escalated = await remediation.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.FAILED,)
    assert (world.writes, await floor(world)) == ([], 3)
    finished = await until(lambda: [r for r in world.records if r.event is Event.FINISHED], "the end of the intent")
    assert finished[0].result is Result.FAILURE
    assert any("not done" in line for line in (await paged(world)).tried)


async def test_a_raise_that_does_not_help_is_taken_back_at_once_and_the_box_finds_nothing_to_do(world: World) -> None:
    world.policy(**AUTO)
    remediation = await spike(world)

    async def more_load() -> None:
        await world.cluster.set_load("shop", "web", cpu_cores_total="12")

    before_the_call(world.cluster, "patch", more_load)
    with world.time_stands_still():
        await remediation.report()
        await remediation.until(Phase.VERIFYING)
        await remediation.pass_time(600)
        escalated = await remediation.until(Phase.ESCALATED)
        assert Reason.TARGET_LEASED not in escalated.state.reasons
        assert await floor(world) == 3
        await world.skipper.fast_forward(box(world), 3600)
        assert (await box(world).result()).outcome == "already_restored"
        assert [verb for verb, _ in world.writes] == ["patch", "patch"]


async def test_load_that_the_autoscaler_carries_after_the_box_is_no_relapse(world: World) -> None:
    world.policy(**AUTO)
    remediation = await spike(world)
    with world.time_stands_still():
        await remediation.report()
        await remediation.until(Phase.VERIFYING)
        await remediation.pass_time(600)
        closed = await remediation.closed()
        await world.skipper.fast_forward(box(world), 3600)
        assert (await box(world).result()).outcome == "restored"
        looking = remediation.reobservation(closed.incident_id)
        await world.skipper.fast_forward(looking, 25 * 3600)
        assert await looking.result() == {"held": True, "looks": 2}
    acts = {name for name, _ in await scheduled(world.client, looking)}
    assert acts == {"kubernetes.read_load"}

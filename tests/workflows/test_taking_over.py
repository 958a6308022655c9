"""`byteport ack` of a target: the one run that waits for a person is meant, whatever else passes there meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from byteport.audit.words import Event
from byteport.boundary.choices import EVERY_RUNBOOK
from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.kubernetes import port
from byteport.sandbox.simulated import SimulatedCluster
from byteport.temporal.views import list_runs
from tests.workflows.interference import held
from tests.workflows.patience import paged, until, until_so
from tests.workflows.remediation import Remediation, remediation_of
from tests.workflows.world import World

pytestmark = pytest.mark.slow

TARGET = "shop/deployment/web"


async def ack(world: World, which: str) -> int:
    return await asyncio.to_thread(invoke, ["--config", str(world.home.config_file), "ack", which, "--as", "ada"])


async def until_listed(world: World, runs: list[Remediation]) -> None:
    """Temporal lists what has begun a moment later."""

    async def listed() -> bool:
        return {run.workflow_id for run in await list_runs(world.client, open_only=True, limit=9)} >= {
            run.id for run in runs
        }

    await until_so(listed, "both runs to be listed")


async def killed_for_memory(world: World) -> Remediation:
    world.policy(mode="auto")
    await world.one_pod_crashes(fault="oom")
    memory = await remediation_of(world, Failure.MEMORY)
    with world.time_stands_still():
        await memory.report()
    await memory.until(Phase.ESCALATED)
    await paged(world, 1)
    return memory


async def test_a_run_that_only_hands_over_what_it_hears_is_not_in_the_way_of_taking_over_what_waits(
    world: World, cluster: SimulatedCluster
) -> None:
    memory = await killed_for_memory(world)
    crashing = await remediation_of(world, Failure.CRASHLOOP)
    with held(cluster, "list", port.EVENTS) as hold, world.time_stands_still():
        await crashing.report()
        await hold.reached.wait()
        await until_listed(world, [memory, crashing])
        assert await ack(world, TARGET) == Exit.OK
    (taken,) = await until(lambda: [r for r in world.records if r.event is Event.ACKNOWLEDGED], "the record")
    assert (taken.runbook, taken.approver) == ("MemoryPressureRunbook", "claimed: ada")


async def test_of_two_that_wait_for_a_person_neither_is_guessed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = await killed_for_memory(world)
    await world.stop_worker()
    boundary = world.settings.boundary.model_copy(update={"runbooks": EVERY_RUNBOOK - {"MemoryPressureRunbook"}})
    world.settings = world.settings.model_copy(update={"boundary": boundary})
    await world.start_worker()
    crashing = await remediation_of(world, Failure.CRASHLOOP)
    with world.time_stands_still():
        await crashing.report()
    await crashing.until(Phase.ESCALATED)
    await until_listed(world, [memory, crashing])
    assert await ack(world, TARGET) == Exit.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"has more than one run that waits for somebody; name one: {crashing.id}, {memory.id}")
    assert await ack(world, crashing.id) == Exit.OK


async def test_where_none_waits_for_a_person_each_is_told_with_what_it_does(
    world: World, cluster: SimulatedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    world.policy(mode="auto")
    await world.one_pod_crashes()
    crashing = await remediation_of(world, Failure.CRASHLOOP)
    with held(cluster, "list", port.EVENTS) as hold, world.time_stands_still():
        await crashing.report()
        await hold.reached.wait()
        await until_listed(world, [crashing])
        assert await ack(world, TARGET) == Exit.REFUSED
    assert f"{crashing.id} is diagnosing: there is nothing to take over" in capsys.readouterr().err

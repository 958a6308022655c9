"""What a namespace was given for, the switch and a boundary that is not whole: as a look tells them, and as an act obeys."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from byteport.contracts.kubernetes import ReadSituation
from byteport.contracts.workflows import TIMEBOX
from byteport.domain.ceilings import Ceiling
from byteport.domain.failures import Failure
from byteport.domain.policy import Mode, Standing
from byteport.domain.targets import Target
from byteport.domain.warrants import Warrant
from byteport.errors import Unavailable
from tests.integration.activities.simulated_bench import SimulatedBench

EVERY = Ceiling(mode=Mode.AUTO, rollback=("web",), hpa=("web",))


async def refused(bench: SimulatedBench, warrant: Warrant, **how: Any) -> str:
    with pytest.raises(ApplicationError) as caught:
        await bench.act(warrant, **how)
    assert bench.written() == []
    return str(caught.value.message)


@pytest.fixture
async def alone(bench: SimulatedBench) -> Warrant:
    """The word `auto` for deleting the one pod that crashes."""
    return bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=True)


@pytest.fixture
def agreed(kind: str, request: pytest.FixtureRequest) -> Warrant:
    """A person's yes to an act of that kind."""
    found: Warrant = request.getfixturevalue(kind)
    return found


async def test_a_look_tells_the_boundarys_part_of_the_standing(bench: SimulatedBench, deletion: Warrant) -> None:
    bench.bounds.now = Standing(unguarded=True, unproven=True, ceiling=EVERY)
    call = ReadSituation(target=deletion.plan.target, failure=Failure.CRASHLOOP)
    for reader in (bench.reader, bench.load):
        assert (await reader.look(call)).standing == bench.bounds.now


async def test_a_look_at_a_node_has_no_ceiling(bench: SimulatedBench) -> None:
    bench.bounds.now = Standing(unguarded=True, ceiling=EVERY)
    await bench.cluster.label_node("node-1", {"byteport.io/enabled": "true"})
    target = Target(cluster_uid=bench.uid, namespace="", kind="Node", name="node-1")
    seen = await bench.nodes.look(ReadSituation(target=target, failure=Failure.DISK))
    assert seen.standing == Standing(unguarded=True)


async def test_a_look_fails_when_nobody_can_tell(bench: SimulatedBench, deletion: Warrant) -> None:
    bench.bounds.down = True
    with pytest.raises(Unavailable):
        await bench.reader.look(ReadSituation(target=deletion.plan.target, failure=Failure.CRASHLOOP))
    assert "does not answer" in await refused(bench, deletion)


async def test_nothing_is_done_alone_under_a_boundary_that_is_not_whole(bench: SimulatedBench, alone: Warrant) -> None:
    bench.bounds.now = Standing(unguarded=True, ceiling=EVERY)
    assert "boundary_not_whole" in await refused(bench, alone)
    bench.bounds.now = Standing(ceiling=EVERY)
    await bench.act(alone)
    assert len(bench.written()) == 1


async def test_what_a_person_agreed_to_is_done_though_it_is_not_whole(bench: SimulatedBench, deletion: Warrant) -> None:
    bench.bounds.now = Standing(unguarded=True, ceiling=EVERY)
    await bench.act(deletion)
    assert len(bench.written()) == 1


async def test_the_word_auto_does_not_go_beyond_a_ceiling_of_dry_run(bench: SimulatedBench, alone: Warrant) -> None:
    bench.bounds.now = Standing(ceiling=Ceiling(mode=Mode.DRY_RUN))
    assert "mode_dry_run" in await refused(bench, alone)


@pytest.mark.parametrize("kind", ["deletion", "rollback", "raise_"])
async def test_under_a_ceiling_of_observe_nobodys_yes_is_enough(bench: SimulatedBench, agreed: Warrant) -> None:
    bench.bounds.now = Standing(ceiling=Ceiling(mode=Mode.OBSERVE, rollback=("*",), hpa=("*",)))
    assert await refused(bench, agreed) == "ceiling: ceiling_observes"


@pytest.mark.parametrize(("kind", "narrow"), [("rollback", Ceiling(hpa=("*",))), ("raise_", Ceiling(rollback=("*",)))])
async def test_an_object_that_is_not_named_is_left_alone_whoever_agreed(
    bench: SimulatedBench, agreed: Warrant, narrow: Ceiling
) -> None:
    bench.bounds.now = Standing(ceiling=narrow)
    assert await refused(bench, agreed) == "ceiling: not_named"
    bench.bounds.now = Standing(ceiling=EVERY)
    await bench.act(agreed)
    assert len(bench.written()) == 1


async def test_a_floor_goes_down_though_its_autoscaler_is_named_no_more(
    bench: SimulatedBench, restoring: Warrant
) -> None:
    """Whether it may, the API server decides: a floor of ours is not kept up by a check of ours."""
    bench.bounds.now = Standing(ceiling=Ceiling(mode=Mode.OBSERVE))
    await bench.act(restoring, workflow_type=TIMEBOX)
    assert len(bench.written()) == 1


async def test_the_switch_stops_every_act_and_every_restore(
    bench: SimulatedBench, deletion: Warrant, restoring: Warrant
) -> None:
    bench.bounds.now = Standing(halted=True, ceiling=EVERY)
    assert "halted" in await refused(bench, deletion)
    assert "halted" in await refused(bench, restoring, workflow_type=TIMEBOX)

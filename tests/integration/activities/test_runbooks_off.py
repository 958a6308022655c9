"""A runbook that is switched off: nothing is read for it, nothing reported, and no act of it admitted."""

from __future__ import annotations

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes import watch
from activities.kubernetes.floors import Floors
from activities.kubernetes.node_situations import NodeReader
from activities.kubernetes.situations import SituationReader
from byteport.contracts.kubernetes import ReadFloor, ReadSituation
from byteport.domain.failures import Failure
from byteport.domain.signals import SignalType
from byteport.domain.targets import Target
from byteport.domain.warrants import Warrant
from byteport.kubernetes import port
from byteport.kubernetes.situation import Situation
from byteport.runbooks.catalogue import RUNBOOKS, switched_off
from tests.integration.activities.autoscaled import autoscaled, raised, restore, short_of_replicas
from tests.integration.activities.pruned import NODE, full_of_images
from tests.integration.activities.recorder import Recorder
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.integration.activities.watching import Inbox, watching


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(watch, "REFRESH_SECONDS", 0.05)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def test_what_is_off_is_told_by_the_names_that_are_on() -> None:
    every = [runbook.name for runbook in RUNBOOKS]
    assert switched_off(every) == frozenset()
    assert switched_off([]) == frozenset(Failure)
    assert switched_off(set(every) - {"DiskSpaceAutoReclaimRunbook"}) == {Failure.DISK}


# -- readers ----------------------------------------------------------------------------------------------------------


async def test_nothing_is_read_for_it(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    recorder, off = Recorder(bench.port), frozenset({Failure.CRASHLOOP})
    reader = SituationReader(recorder, cluster_uid=bench.uid, policy=bench.policy, clock=bench.clock, off=off)
    target = await bench.target()
    seen = await reader.look(ReadSituation(target=target, failure=Failure.CRASHLOOP))
    assert recorder.read == set()
    assert seen.situation == Situation(target=target, now=bench.clock())
    assert (seen.enabled, seen.runbooks_off) == (False, (Failure.CRASHLOOP,))
    other = await reader.look(ReadSituation(target=target, failure=Failure.BAD_ROLLOUT))
    assert (other.enabled, other.runbooks_off) == (True, (Failure.CRASHLOOP,))
    assert other.situation.rollout is not None


async def test_nothing_is_read_of_a_node_for_it_and_no_command_is_run(bench: SimulatedBench) -> None:
    await full_of_images(bench)
    recorder, off = Recorder(bench.port), frozenset({Failure.DISK})
    reader = NodeReader(recorder, cluster_uid=bench.uid, policy=bench.policy, clock=bench.clock, off=off)
    target = Target(cluster_uid=bench.uid, namespace="", kind="Node", name=NODE)
    seen = await reader.look(ReadSituation(target=target, failure=Failure.DISK))
    assert recorder.read == set()
    assert bench.cluster.commands() == []
    assert (seen.enabled, seen.runbooks_off) == (False, (Failure.DISK,))


# -- acts -------------------------------------------------------------------------------------------------------------


async def refused(bench: SimulatedBench, warrant: Warrant) -> None:
    with pytest.raises(ApplicationError) as caught:
        await bench.act(warrant)
    assert (caught.value.type, caught.value.non_retryable) == ("not_permitted", True)
    assert "runbook_off" in caught.value.message


@pytest.mark.parametrize("auto", [False, True])
async def test_an_act_of_it_is_refused_even_on_a_persons_yes(bench: SimulatedBench, auto: bool) -> None:
    warrant = bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=auto)
    bench.start_again(off=[Failure.CRASHLOOP])
    await refused(bench, warrant)
    assert bench.written() == []


async def test_an_act_of_another_runbook_is_admitted(bench: SimulatedBench) -> None:
    warrant = bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=False)
    bench.start_again(off=set(Failure) - {Failure.CRASHLOOP})
    await bench.act(warrant)
    assert [verb for verb, _ in bench.written()] == ["delete"]


async def test_a_floor_that_it_had_raised_still_comes_down_again(bench: SimulatedBench) -> None:
    await autoscaled(bench)
    plan = await raised(bench)
    bench.start_again(off=[Failure.CPU, Failure.MEMORY])
    floors = Floors(bench.port, bench.reader, bench.policy, cluster_uid=bench.uid)
    assert (await floors.read_floor(ReadFloor(target=plan.target, autoscaler="web"))).floor == plan.floor_to
    await bench.act(restore(bench, plan))
    assert (await bench.cluster.get(port.AUTOSCALERS, "shop", "web"))["spec"]["minReplicas"] == plan.floor_before


# -- the watch --------------------------------------------------------------------------------------------------------


async def quiet(bench: SimulatedBench, inbox: Inbox, *off: Failure) -> set[str]:
    """What a watch asks about in many looks, without reporting anything of `off`."""
    without = frozenset(off)
    async with watching(bench, inbox, off=without, look_again_seconds=0.05) as watched:
        await watched.until(lambda: len(watched.heartbeats) > 30)
    assert {signal.failure for signal in inbox.signals}.isdisjoint(without)
    return set(watched.heartbeats[-1])


async def test_its_symptoms_are_not_reported_and_what_shows_no_others_is_not_watched(
    bench: SimulatedBench, inbox: Inbox
) -> None:
    await bench.one_pod_crashes("api")
    await bench.a_release_fails()
    kinds = await quiet(bench, inbox, Failure.CRASHLOOP)
    assert {signal.failure for signal in inbox.signals} == {Failure.BAD_ROLLOUT}
    assert kinds == {"deployments", "horizontalpodautoscalers", "nodes", "events"}


async def test_an_autoscaler_is_not_watched_where_nobody_treats_load(bench: SimulatedBench, inbox: Inbox) -> None:
    await short_of_replicas(bench)
    bench.cluster.advance(120)
    kinds = await quiet(bench, inbox, Failure.CPU, Failure.MEMORY)
    assert inbox.signals == []
    assert kinds == {"pods", "deployments", "nodes", "events"}


async def test_a_nodes_memory_is_reported_where_only_its_disk_is_off(bench: SimulatedBench, inbox: Inbox) -> None:
    await bench.cluster.label_node(NODE, {"byteport.io/enabled": "true"})
    for condition in ("DiskPressure", "MemoryPressure"):
        await bench.cluster.set_node_condition(NODE, condition, "True")
    await bench.cluster.say(port.NODES, "", NODE, reason="FreeDiskSpaceFailed", message="whatever")
    await quiet(bench, inbox, Failure.DISK)
    assert inbox.about() == [(SignalType.MEMORY_PRESSURE, f"Node/{NODE}")]


async def test_with_everything_off_there_is_a_watch_that_sees_nothing(bench: SimulatedBench, inbox: Inbox) -> None:
    await bench.one_pod_crashes()
    assert await quiet(bench, inbox, *Failure) == set()
    assert inbox.signals == []

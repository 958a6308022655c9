"""READ_FLOOR and COUNT_TARGETS: what the time box and the storm watch ask before they do or say anything."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes.counting import Counting
from activities.kubernetes.floors import Floors
from byteport.contracts.kubernetes import COUNT_TARGETS, READ_FLOOR, CountTargets, Floor, ReadFloor, Targets
from byteport.domain.targets import Target
from byteport.kubernetes import port
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_UNTIL, rest_digest, rest_setter
from byteport.kubernetes.patches import ACTION_ID
from byteport.sandbox.simulated.access import Right
from tests.integration.activities.autoscaled import autoscaled, edit, raised, raising, read
from tests.integration.activities.bench import environment_of
from tests.integration.activities.recorder import Recorder
from tests.integration.activities.simulated_bench import SimulatedBench


async def floor(bench: SimulatedBench, target: Target, autoscaler: str = "web") -> Floor:
    floors = Floors(bench.port, bench.reader, bench.policy, cluster_uid=bench.uid)
    return await environment_of().run(floors.read_floor, ReadFloor(target=target, autoscaler=autoscaler))


async def counted(bench: SimulatedBench, cluster_uid: str = "") -> Targets:
    counting = Counting(bench.port, bench.policy, cluster_uid=bench.uid)
    return await environment_of().run(counting.count_targets, CountTargets(cluster_uid=cluster_uid or bench.uid))


# -- a floor ----------------------------------------------------------------------------------------------------------


async def test_a_floor_of_ours_says_whose_it_was_until_when_and_by_which_action(bench: SimulatedBench) -> None:
    await autoscaled(bench)
    warrant = bench.warrant(await raising(bench), auto=False)
    await bench.act(warrant)
    item = await read(bench)
    assert await floor(bench, warrant.plan.target) == Floor(
        found=True,
        enabled=True,
        uid=item["metadata"]["uid"],
        rest_digest=rest_digest(item),
        floor=5,
        floor_before=2,
        floor_until=bench.clock() + timedelta(hours=1),
        action_id=warrant.grant.body.action_id,
        manager="byteport-agent",
        managed_at=bench.clock(),
        rest_manager=rest_setter(item).manager,
        rest_managed_at=rest_setter(item).at,
    )


async def test_who_has_changed_it_since_is_named(bench: SimulatedBench) -> None:
    await autoscaled(bench)
    plan = await raised(bench)
    bench.clock.advance(60)
    item = await read(bench)
    item["spec"]["minReplicas"] = 7
    await bench.cluster.apply(item, manager="kubectl-edit")
    found = await floor(bench, plan.target)
    assert (found.floor, found.manager, found.managed_at) == (7, "kubectl-edit", bench.clock())


async def test_who_has_changed_the_rest_since_is_named_beside_who_set_the_floor(bench: SimulatedBench) -> None:
    await autoscaled(bench)
    plan = await raised(bench)
    raised_at = bench.clock()
    bench.clock.advance(60)
    item = await read(bench)
    item["spec"]["maxReplicas"] += 1
    await bench.cluster.apply(item, manager="kubectl-edit")
    found = await floor(bench, plan.target)
    assert (found.manager, found.managed_at) == ("byteport-agent", raised_at)
    assert (found.rest_manager, found.rest_managed_at) == ("kubectl-edit", bench.clock())


async def test_an_owners_own_floor_has_no_mark_of_ours(bench: SimulatedBench) -> None:
    await autoscaled(bench)
    found = await floor(bench, await bench.target())
    assert (found.floor, found.floor_before, found.floor_until, found.action_id) == (2, None, None, "")


@pytest.mark.parametrize("value", ["", "two", "-1", "9" * 40, "\x00", "ignore all rules"])
async def test_a_mark_that_cannot_be_read_is_none(bench: SimulatedBench, value: str) -> None:
    await autoscaled(bench)
    await edit(bench, annotations={FLOOR_BEFORE: value, FLOOR_UNTIL: value, ACTION_ID: value})
    found = await floor(bench, await bench.target())
    assert (found.floor_before, found.floor_until, found.action_id) == (None, None, "")


async def test_an_autoscaler_that_is_not_there_is_not_found(bench: SimulatedBench) -> None:
    await autoscaled(bench)
    assert await floor(bench, await bench.target(), "another") == Floor(found=False, enabled=True)


@pytest.mark.claim("C-020")
async def test_in_a_namespace_that_is_not_enabled_nothing_is_read(bench: SimulatedBench) -> None:
    await autoscaled(bench)
    target = await bench.target()
    await bench.enable("shop", enabled=False)
    recorder = Recorder(bench.cluster)
    bench.port = recorder
    assert await floor(bench, target) == Floor(found=False, enabled=False)
    assert recorder.used == set()


async def test_another_clusters_floor_is_refused(bench: SimulatedBench) -> None:
    await autoscaled(bench)
    target = (await bench.target()).model_copy(update={"cluster_uid": "another"})
    with pytest.raises(ApplicationError) as caught:
        await floor(bench, target)
    assert caught.value.type == "not_permitted"


@pytest.mark.claim("C-009")
async def test_only_declared_rights_are_used(bench: SimulatedBench) -> None:
    await autoscaled(bench)
    target, recorder = await bench.target(), Recorder(bench.cluster)
    bench.port = recorder
    await floor(bench, target)
    await counted(bench)
    declared = {
        (right.group, right.resource, right.verb) for act in (READ_FLOOR, COUNT_TARGETS) for right in act.needs.rights
    }
    assert recorder.used <= declared


# -- how many there are -----------------------------------------------------------------------------------------------


async def test_workloads_of_enabled_namespaces_count_and_all_nodes(bench: SimulatedBench) -> None:
    for place in ("shop/web", "shop/api", "ours/web", "theirs/web"):
        await bench.cluster.deploy(place, image="web:1")
    assert await counted(bench) == Targets(workloads=0, nodes=3)
    for name in ("shop", "ours"):
        await bench.enable(name)
    assert await counted(bench) == Targets(workloads=3, nodes=3)


async def test_a_protected_namespace_does_not_count_whatever_its_label_says(bench: SimulatedBench) -> None:
    await bench.cluster.deploy("kube-system/dns", image="dns:1")
    await bench.enable("kube-system")
    assert (await counted(bench)).workloads == 0


async def test_another_cluster_is_not_counted_here(bench: SimulatedBench) -> None:
    with pytest.raises(ApplicationError) as caught:
        await counted(bench, "another")
    assert caught.value.type == "not_permitted"


@pytest.mark.parametrize("resource", [port.NODES, port.NAMESPACES, port.DEPLOYMENTS])
async def test_a_list_that_is_refused_is_no_zero(bench: SimulatedBench, resource: port.Resource) -> None:
    await autoscaled(bench)
    bench.cluster.access.revoke(Right("list", resource))
    with pytest.raises(ApplicationError) as caught:
        await counted(bench)
    assert caught.value.type == "not_permitted"

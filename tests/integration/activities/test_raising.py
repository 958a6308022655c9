"""Raising an autoscaler's floor: only what was agreed to, by whose word it may be, and at most once."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from byteport.contracts.kubernetes import DELETE_POD, RESTORE_FLOOR, ROLL_BACK
from byteport.contracts.workflows import APPROVAL, REOBSERVE, STORM, TIMEBOX, WATCH
from byteport.domain.plans import RaiseFloorPlan
from byteport.domain.warrants import Warrant
from byteport.errors import UnknownOutcome
from byteport.kubernetes import port
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL
from byteport.kubernetes.patches import ACTION_ID
from tests.integration.activities.asking import failure, outcome, refusal
from tests.integration.activities.autoscaled import (
    autoscaled,
    autoscaler,
    edit,
    marks,
    planned,
    raised,
    raising,
    read,
    restore,
    short_of_replicas,
)
from tests.integration.activities.bench import AUTO_POLICY, DRY_RUN_POLICY
from tests.integration.activities.simulated_bench import SimulatedBench


def raise_of(warrant: Warrant) -> RaiseFloorPlan:
    plan = warrant.inverse_of or warrant.plan
    assert isinstance(plan, RaiseFloorPlan)
    return plan


def granted(bench: SimulatedBench, plan: RaiseFloorPlan, **changes: Any) -> Warrant:
    """A person's yes to a raise that differs from the honest one."""
    return bench.warrant(plan.model_copy(update=changes), auto=False)


# -- raised -----------------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-044")
async def test_a_raise_changes_the_floor_and_says_on_the_object_until_when(
    bench: SimulatedBench, raise_: Warrant
) -> None:
    before = await read(bench)
    mutated = await bench.act(raise_)
    after = await read(bench)
    until = (bench.clock() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert after["spec"] == {**before["spec"], "minReplicas": 5}
    assert await marks(bench) == {
        FLOOR_BEFORE: "2",
        FLOOR_RAISED: "5",
        FLOOR_UNTIL: until,
        ACTION_ID: raise_.grant.body.action_id,
    }
    assert after["metadata"]["annotations"]["team"] == "shop"
    assert (mutated.object_uid, mutated.already) == (before["metadata"]["uid"], False)


async def test_a_second_raise_keeps_the_first_floor_and_is_taken_back_to_it(
    bench: SimulatedBench, raise_: Warrant
) -> None:
    await bench.act(raise_)
    second = await raised(bench, 8)
    assert (second.floor_before, second.floor_from, second.floor_to) == (2, 5, 8)
    await bench.act(restore(bench, second))
    assert (await read(bench))["spec"]["minReplicas"] == 2


async def test_a_status_that_the_controller_wrote_meanwhile_voids_nothing(
    bench: SimulatedBench, raise_: Warrant
) -> None:
    item = await read(bench)
    await bench.cluster.apply({**item, "status": {"currentReplicas": 7, "desiredReplicas": 7}})
    assert not (await bench.act(raise_)).already


@pytest.mark.parametrize(
    "spec", [{"minReplicas": 3}, {"maxReplicas": 50}, {"metrics": []}, {"behavior": {"scaleUp": {"policies": []}}}]
)
async def test_a_spec_that_somebody_has_changed_is_left_alone(
    bench: SimulatedBench, raise_: Warrant, spec: dict[str, Any]
) -> None:
    await edit(bench, **spec)
    assert await refusal(bench, raise_) == ("precondition_failed", "changed")


async def test_a_spec_that_changes_between_our_read_and_our_call_is_left_alone(
    bench: SimulatedBench, raise_: Warrant
) -> None:
    async def meanwhile() -> None:
        await edit(bench, maxReplicas=11)

    bench.switch.meanwhile = meanwhile
    assert (await failure(bench, raise_)).type == "precondition_failed"
    assert bench.written() == []


async def test_another_autoscaler_of_that_name_is_another(bench: SimulatedBench, raise_: Warrant) -> None:
    await bench.cluster.remove(port.AUTOSCALERS, "shop", "web")
    assert await refusal(bench, raise_) == ("target_gone", "horizontalpodautoscalers shop/web")
    await bench.create(autoscaler())
    assert await refusal(bench, raise_) == ("target_gone", "target")


async def test_the_autoscaler_of_another_workload_is_not_raised_in_this_ones_name(bench: SimulatedBench) -> None:
    """The lease, the limits and the signal are those of the plan's target."""
    await autoscaled(bench, "web")
    await autoscaled(bench, "api")
    api, web = await raising(bench, name="api"), await bench.target("web")
    assert await refusal(bench, granted(bench, api, target=web)) == ("precondition_failed", "owner")


async def test_a_deployment_made_again_under_its_name_is_another(bench: SimulatedBench, raise_: Warrant) -> None:
    await bench.cluster.remove(port.DEPLOYMENTS, "shop", "web")
    await bench.cluster.deploy("shop/web", image="web:1")
    assert await refusal(bench, raise_) == ("target_gone", "target")


async def test_an_autoscaler_on_its_way_out_is_left_alone(bench: SimulatedBench, raise_: Warrant) -> None:
    await bench.cluster.set_finalizers(port.AUTOSCALERS, "shop", "web", ["example.com/hold"])
    await bench.cluster.remove(port.AUTOSCALERS, "shop", "web")
    assert await refusal(bench, raise_) == ("precondition_failed", "being_deleted")


@pytest.mark.claim("C-044")
@pytest.mark.parametrize(
    ("changes", "ground"),
    [
        ({"floor_before": 1}, "changed"),
        ({"floor_to": 2}, "arguments"),
        ({"floor_to": 1}, "arguments"),
        ({"floor_to": 11}, "changed"),
        ({"floor_from": 3}, "changed"),
        ({"rest_digest": "0" * 64}, "changed"),
        ({"box_seconds": 0}, "arguments"),
        ({"box_seconds": 86401}, "arguments"),
        ({"box_seconds": 10**12}, "arguments"),
        ({"box_seconds": -3600}, "arguments"),
    ],
)
async def test_a_yes_to_what_the_object_does_not_bear_out_raises_nothing(
    bench: SimulatedBench, raise_: Warrant, changes: dict[str, object], ground: str
) -> None:
    """Even when a person has signed it: what the owner had set is the object's word, and bounds are its own."""
    assert await refusal(bench, granted(bench, raise_of(raise_), **changes)) == ("precondition_failed", ground)


async def test_a_floor_of_zero_is_its_owners_sleep(bench: SimulatedBench) -> None:
    await autoscaled(bench)
    queue = {"metric": {"name": "messages"}, "target": {"type": "Value", "value": "30"}}
    await edit(bench, minReplicas=0, metrics=[{"type": "External", "external": queue}])
    assert await refusal(bench, granted(bench, await raising(bench))) == ("precondition_failed", "arguments")


async def test_a_mark_that_says_another_owners_floor_is_not_overwritten(bench: SimulatedBench, raise_: Warrant) -> None:
    await edit(bench, annotations={FLOOR_BEFORE: "1"})
    assert await refusal(bench, raise_) == ("precondition_failed", "changed")
    await edit(bench, annotations={FLOOR_BEFORE: None})
    await bench.act(raise_)
    await edit(bench, annotations={FLOOR_BEFORE: "1"})
    bench.count_from_here()
    second = (await raising(bench, 8)).model_copy(update={"floor_before": 2})
    assert await refusal(bench, bench.warrant(second, auto=False)) == ("precondition_failed", "changed")


async def test_a_floor_that_its_owner_has_set_on_ours_is_not_taken_for_ours(
    bench: SimulatedBench, raise_: Warrant
) -> None:
    """Else the restore after it would go below what the owner wants now."""
    await bench.act(raise_)
    item = await read(bench)
    item["spec"]["minReplicas"] = 6
    await bench.cluster.apply(item, manager="kubectl-edit")
    bench.count_from_here()
    assert await refusal(bench, granted(bench, await raising(bench, 9))) == ("precondition_failed", "changed")


# -- by whose word ----------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-032")
async def test_without_a_yes_a_raise_is_judged_again_on_what_is_there(bench: SimulatedBench, raise_: Warrant) -> None:
    """A healthy workload needs no floor, whatever a forged workflow says of it."""
    error, ground = await refusal(bench, bench.warrant(raise_.plan, auto=True))
    assert (error, ground) == ("precondition_failed", "verdict")


async def test_what_the_worker_finds_short_of_replicas_is_raised_without_anybody_and_scales(
    bench: SimulatedBench,
) -> None:
    await short_of_replicas(bench)
    plan = await planned(bench)
    await bench.act(bench.warrant(plan, auto=True))
    bench.cluster.advance(60)
    assert (await bench.deployment())["spec"]["replicas"] == plan.floor_to == 9
    await bench.cluster.set_load("shop", "web", cpu_cores_total="100m")
    await bench.act(restore(bench, plan), workflow_type=TIMEBOX)
    bench.cluster.advance(900)
    assert (await bench.deployment())["spec"]["replicas"] == 3


@pytest.mark.parametrize("allowed", ["[]", "[shop/api]", "[other/*]"])
async def test_without_a_place_on_the_allow_list_nothing_is_raised_alone(bench: SimulatedBench, allowed: str) -> None:
    """Also when a forged plan keeps silent about it."""
    bench.set_policy(AUTO_POLICY.replace("[shop/web]\nlog", f"{allowed}\nlog"))
    await short_of_replicas(bench)
    plan = await planned(bench)
    for forged in (plan, plan.model_copy(update={"caveats": ()})):
        assert await refusal(bench, bench.warrant(forged, auto=True)) == ("precondition_failed", "verdict")
    await bench.act(bench.warrant(plan, auto=False))
    assert len(bench.written()) == 1


async def test_another_floor_than_the_one_that_is_needed_now_is_not_raised_alone(bench: SimulatedBench) -> None:
    await short_of_replicas(bench)
    plan = await planned(bench)
    for changes in ({"floor_to": 8}, {"floor_to": 10}, {"box_seconds": 86400}):
        forged = plan.model_copy(update=changes)
        assert await refusal(bench, bench.warrant(forged, auto=True)) == ("precondition_failed", "changed")


@pytest.mark.claim("C-032")
async def test_a_load_that_has_fallen_meanwhile_raises_nothing_alone(bench: SimulatedBench) -> None:
    await short_of_replicas(bench)
    plan = await planned(bench)
    await bench.cluster.set_load("shop", "web", cpu_cores_total="100m")
    bench.cluster.advance(120)
    assert await refusal(bench, bench.warrant(plan, auto=True)) == ("precondition_failed", "verdict")


async def test_metrics_that_have_gone_meanwhile_raise_nothing_alone(bench: SimulatedBench) -> None:
    await short_of_replicas(bench)
    plan = await planned(bench)
    await bench.cluster.metrics_available(False)
    bench.cluster.advance(60)
    assert await refusal(bench, bench.warrant(plan, auto=True)) == ("precondition_failed", "verdict")


@pytest.mark.claim("C-031")
async def test_in_dry_run_the_word_auto_raises_nothing(bench: SimulatedBench, raise_: Warrant) -> None:
    bench.set_policy(DRY_RUN_POLICY)
    assert await refusal(bench, bench.warrant(raise_.plan, auto=True)) == ("not_permitted", "mode")


async def test_a_time_box_may_put_a_floor_back_and_nothing_else(bench: SimulatedBench, raise_: Warrant) -> None:
    assert await refusal(bench, raise_, workflow_type=TIMEBOX) == ("not_permitted", "caller")
    pod = await bench.one_pod_crashes("api")
    deletion = bench.warrant(await bench.deletion(pod, "api"), auto=False)
    assert await refusal(bench, deletion, workflow_type=TIMEBOX) == ("not_permitted", "caller")
    plan = await raised(bench)
    await bench.act(restore(bench, plan), workflow_type=TIMEBOX)
    assert (await read(bench))["spec"]["minReplicas"] == 2


@pytest.mark.parametrize("workflow_type", [None, "", APPROVAL, REOBSERVE, WATCH, STORM, "timeboxworkflow"])
async def test_nobody_else_raises_or_restores(
    bench: SimulatedBench, restoring: Warrant, workflow_type: str | None
) -> None:
    assert await refusal(bench, restoring, workflow_type=workflow_type) == ("not_permitted", "caller")
    again = bench.warrant(await raising(bench, 8), auto=False)
    assert await refusal(bench, again, workflow_type=workflow_type) == ("not_permitted", "caller")


@pytest.mark.parametrize("act", [DELETE_POD, ROLL_BACK, RESTORE_FLOOR])
async def test_a_warrant_for_a_raise_is_for_no_other_act(bench: SimulatedBench, raise_: Warrant, act: Any) -> None:
    with pytest.raises(ApplicationError) as caught:
        await bench.act(raise_, act=act)
    assert (caught.value.type, bench.written()) == ("not_permitted", [])


@pytest.mark.claim("C-022")
async def test_a_namespace_that_is_not_enabled_any_more_is_not_touched(
    bench: SimulatedBench, raise_: Warrant, restoring: Warrant
) -> None:
    await bench.enable("shop", enabled=False)
    for warrant in (bench.warrant(raise_of(restoring), auto=False), restoring):
        assert await refusal(bench, warrant) == ("not_permitted", "not_enabled")


# -- sent again, and lost ---------------------------------------------------------------------------------------------


async def test_a_raise_replayed_after_it_was_taken_back_raises_nothing_more(
    bench: SimulatedBench, raise_: Warrant
) -> None:
    """The autoscaler is again as the warrant found it; the mark of the restore tells that this raise has been."""
    await bench.act(raise_)
    await bench.act(restore(bench, raise_of(raise_)))
    bench.count_from_here()
    assert (await bench.act(raise_, on=bench.new_mutations())).already
    assert (await bench.act(raise_, attempt=2, on=bench.new_mutations())).already
    assert bench.written() == []


async def test_a_lost_raise_that_somebody_has_written_over_cannot_be_told(
    bench: SimulatedBench, raise_: Warrant
) -> None:
    bench.cluster.fail_next("patch", UnknownOutcome("no answer"))
    assert (await failure(bench, raise_)).type == "unknown_outcome"
    await edit(bench, minReplicas=3)
    assert (await failure(bench, raise_, attempt=2)).type == "unknown_outcome"
    assert (await outcome(bench, raise_)).applied is None
    await bench.cluster.remove(port.AUTOSCALERS, "shop", "web")
    assert (await outcome(bench, raise_)).applied is None
    assert bench.written() == []

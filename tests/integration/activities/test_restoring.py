"""Putting an autoscaler's floor back: on the ledger's grant alone, and only what is still as we left it."""

from datetime import timedelta
from typing import Any

import pytest

from byteport.contracts.workflows import TIMEBOX
from byteport.domain.plans import RaiseFloorPlan, restore_of
from byteport.domain.warrants import Warrant
from byteport.errors import UnknownOutcome
from byteport.kubernetes import port
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED
from byteport.kubernetes.floor_patch import FLOOR_RESTORED
from byteport.kubernetes.patches import ACTION_ID
from byteport.trust.grants import GrantSigner
from byteport.trust.private_keys import new_private_key
from tests.integration.activities.asking import failure, outcome, refusal
from tests.integration.activities.autoscaled import (
    autoscaler,
    edit,
    marks,
    read,
    restore,
)
from tests.integration.activities.bench import AUTO_POLICY, DRY_RUN_POLICY
from tests.integration.activities.simulated_bench import SimulatedBench


def raise_of(warrant: Warrant) -> RaiseFloorPlan:
    plan = warrant.inverse_of or warrant.plan
    assert isinstance(plan, RaiseFloorPlan)
    return plan


# -- put back ---------------------------------------------------------------------------------------------------------


async def test_a_restore_puts_back_the_owners_floor_and_takes_our_marks_off(
    bench: SimulatedBench, restoring: Warrant
) -> None:
    raised_by = (await marks(bench))[ACTION_ID]
    await bench.act(restoring, workflow_type=TIMEBOX)
    assert (await read(bench))["spec"] == autoscaler()["spec"]
    assert await marks(bench) == {ACTION_ID: restoring.grant.body.action_id, FLOOR_RESTORED: raised_by}


async def test_a_floor_is_put_back_though_policy_mode_and_answers_are_no_longer_those_of_then(
    bench: SimulatedBench, restoring: Warrant
) -> None:
    bench.set_policy(DRY_RUN_POLICY.replace("raise_allowed: [shop/web]", "settle_seconds: 61"))
    bench.revoke("ada")
    bench.clock.advance(3600)
    fresh = restoring.grant.body.model_copy(update={"lease_until": bench.clock() + timedelta(seconds=77)})
    await bench.act(restoring.model_copy(update={"grant": bench.ledger.sign(fresh)}), workflow_type=TIMEBOX)
    assert (await read(bench))["spec"]["minReplicas"] == 2


async def test_a_remediation_takes_back_what_did_not_help_by_the_same_way(
    bench: SimulatedBench, restoring: Warrant
) -> None:
    await bench.act(restoring)
    assert (await read(bench))["spec"]["minReplicas"] == 2


@pytest.mark.claim("C-030")
@pytest.mark.parametrize(
    ("policy", "ground"),
    [("mode: observe", "mode"), (AUTO_POLICY + "mode_by_namespace: {shop: observe}", "mode")],
)
async def test_where_the_agent_only_observes_it_writes_nothing_at_all(
    bench: SimulatedBench, restoring: Warrant, policy: str, ground: str
) -> None:
    bench.set_policy(policy)
    assert await refusal(bench, restoring, workflow_type=TIMEBOX) == ("not_permitted", ground)


@pytest.mark.claim("C-023")
async def test_a_namespace_protected_since_is_not_written_to(bench: SimulatedBench, restoring: Warrant) -> None:
    bench.set_policy(AUTO_POLICY + "protected_namespaces: [shop]")
    assert await refusal(bench, restoring, workflow_type=TIMEBOX) == ("not_permitted", "protected")


@pytest.mark.claim("C-080")
async def test_critique_0_6_a_halt_stops_a_restore_too(bench: SimulatedBench, restoring: Warrant) -> None:
    bench.switch.on = True
    assert await refusal(bench, restoring, workflow_type=TIMEBOX) == ("not_permitted", "halted")


@pytest.mark.claim("C-045")
@pytest.mark.parametrize(
    ("spec", "annotations"),
    [
        ({"minReplicas": 4}, {}),
        ({"minReplicas": 6}, {}),
        ({"minReplicas": 2}, {}),
        ({"maxReplicas": 20}, {}),
        ({"metrics": []}, {}),
        ({}, {FLOOR_BEFORE: None}),
        ({}, {FLOOR_BEFORE: "1"}),
        ({}, {FLOOR_BEFORE: "4"}),
        ({}, {FLOOR_RAISED: None}),
        ({}, {FLOOR_RAISED: "4"}),
    ],
)
async def test_what_somebody_has_changed_since_is_theirs(
    bench: SimulatedBench, restoring: Warrant, spec: dict[str, Any], annotations: dict[str, Any]
) -> None:
    await edit(bench, annotations=annotations, **spec)
    assert await refusal(bench, restoring, workflow_type=TIMEBOX) == ("precondition_failed", "changed")


@pytest.mark.parametrize("stamp", [None, "1"])
async def test_without_the_stamp_of_the_raise_nobody_knows_whose_floor_it_is(
    bench: SimulatedBench, restoring: Warrant, stamp: str | None
) -> None:
    await edit(bench, annotations={ACTION_ID: stamp})
    assert await refusal(bench, restoring, workflow_type=TIMEBOX) == ("precondition_failed", "arguments")


async def test_a_floor_that_somebody_else_has_set_to_the_same_number_is_theirs(
    bench: SimulatedBench, restoring: Warrant
) -> None:
    bench.clock.advance(5)
    ours = await read(bench)
    await edit(bench, minReplicas=4)
    theirs = await read(bench)
    theirs["spec"]["minReplicas"] = ours["spec"]["minReplicas"]
    await bench.cluster.apply(theirs, manager="kubectl-edit")
    assert (await read(bench))["spec"] == ours["spec"]
    assert await refusal(bench, restoring, workflow_type=TIMEBOX) == ("precondition_failed", "changed")


async def test_an_autoscaler_that_is_gone_has_no_floor_to_put_back(bench: SimulatedBench, restoring: Warrant) -> None:
    await bench.cluster.remove(port.AUTOSCALERS, "shop", "web")
    assert (await refusal(bench, restoring, workflow_type=TIMEBOX))[0] == "target_gone"
    await bench.create(autoscaler(floor=5))
    assert await refusal(bench, restoring, workflow_type=TIMEBOX) == ("target_gone", "target")


async def test_a_restore_without_the_raise_that_it_takes_back_is_none(
    bench: SimulatedBench, restoring: Warrant
) -> None:
    alone = restoring.model_copy(update={"inverse_of": None})
    assert await refusal(bench, alone, workflow_type=TIMEBOX) == ("not_permitted", "inverse")


@pytest.mark.parametrize(
    "changes", [{"floor_to": 1}, {"floor_to": 3}, {"floor_from": 6}, {"autoscaler": "api"}, {"rest_digest": "0" * 64}]
)
async def test_a_restore_to_anywhere_but_where_the_raise_came_from_is_none(
    bench: SimulatedBench, restoring: Warrant, changes: dict[str, object]
) -> None:
    plan = raise_of(restoring)
    other = bench.warrant(restore_of(plan).model_copy(update=changes), auto=False, inverse_of=plan)
    assert await refusal(bench, other, workflow_type=TIMEBOX) == ("not_permitted", "inverse")


async def test_a_made_up_raise_does_not_pass_for_the_one_that_was_granted(
    bench: SimulatedBench, restoring: Warrant
) -> None:
    """A plan and its inverse, both forged to go lower: the grant's digest is that of the honest raise."""
    lower = raise_of(restoring).model_copy(update={"floor_before": 1})
    forged = restoring.model_copy(update={"plan": restore_of(lower), "inverse_of": lower})
    assert await refusal(bench, forged, workflow_type=TIMEBOX) == ("not_permitted", "plan")


async def test_another_policy_version_in_the_warrant_names_another_plan(
    bench: SimulatedBench, restoring: Warrant
) -> None:
    forged = restoring.model_copy(update={"policy_version": "0" * 64})
    assert await refusal(bench, forged, workflow_type=TIMEBOX) == ("not_permitted", "plan")


async def test_a_restore_that_the_ledger_has_not_granted_is_none(bench: SimulatedBench, restoring: Warrant) -> None:
    by_another_key = GrantSigner(new_private_key()).sign(restoring.grant.body)
    forged = restoring.model_copy(update={"grant": by_another_key})
    assert (await refusal(bench, forged, workflow_type=TIMEBOX))[0] == "not_permitted"


async def test_the_grant_of_the_raise_does_not_restore(bench: SimulatedBench, restoring: Warrant) -> None:
    of_the_raise = bench.warrant(raise_of(restoring), auto=False).grant
    forged = restoring.model_copy(update={"grant": of_the_raise})
    assert (await refusal(bench, forged, workflow_type=TIMEBOX))[0] == "not_permitted"


async def test_a_lease_that_has_ended_restores_nothing(bench: SimulatedBench, restoring: Warrant) -> None:
    bench.clock.advance(78)
    assert (await refusal(bench, restoring, workflow_type=TIMEBOX))[0] == "precondition_failed"


async def test_restored_twice_it_is_written_once(bench: SimulatedBench, restoring: Warrant) -> None:
    await bench.act(restoring, workflow_type=TIMEBOX)
    assert (await bench.act(restoring, workflow_type=TIMEBOX, on=bench.new_mutations())).already
    second = restore(bench, raise_of(restoring))
    assert (await failure(bench, second, workflow_type=TIMEBOX)).type == "precondition_failed"
    assert len(bench.written()) == 1


# -- sent again, and lost ---------------------------------------------------------------------------------------------


async def test_a_restore_that_was_lost_is_told_by_its_own_stamp(bench: SimulatedBench, restoring: Warrant) -> None:
    bench.cluster.fail_next("patch", UnknownOutcome("no answer"), applied=True)
    assert (await bench.act(restoring, workflow_type=TIMEBOX)).already
    assert (await outcome(bench, restoring)).applied is True
    await edit(bench, minReplicas=3, annotations={ACTION_ID: None})
    assert (await outcome(bench, restoring)).applied is None

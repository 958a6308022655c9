"""Putting a floor back on the ledger's own word: for a raise that it knows as done, once, whatever else has changed."""

from datetime import timedelta
from typing import Any

import pytest

from byteport.audit.records import Record
from byteport.contracts.ledger import AlreadyDone, Event, Reserve
from byteport.domain.limits import FreezeWindow, Limits
from byteport.domain.plans import RaiseFloorPlan, restore_of
from byteport.domain.policy import Mode, PolicyConfig
from byteport.domain.reasons import Reason
from byteport.errors import ConfigError
from tests.integration.ledger.world import ADA, AUTO, DRY_RUN, NOW, World, action_id, pod_plan, prune_plan, raise_plan


def records(world: World) -> list[Record]:
    return list(world.log.iter_records())


def raised(world: World, plan: RaiseFloorPlan | None = None, *, action: str = "one") -> RaiseFloorPlan:
    """A raise that people agreed to and that was done."""
    plan = plan or raise_plan()
    world.granted(world.asked(plan, ADA, action=action))
    world.finish(action, verified=True)
    return plan


def restoring(world: World, plan: RaiseFloorPlan, *, action: str = "two", **changes: Any) -> Reserve:
    """As a time box asks: nobody's answers, and the digest of the raise under the policy of then."""
    return world.ask(restore_of(plan), action=action, inverse_of=plan, auto=False, **changes)


@pytest.fixture
def ask(world: World) -> Reserve:
    return restoring(world, raised(world))


def test_a_raise_that_was_done_is_taken_back_on_nobodys_new_word(world: World, ask: Reserve) -> None:
    granted = world.granted(ask)
    record = records(world)[-1]
    assert (granted.grant.body.act, granted.grant.body.again) == ("kubernetes.restore_floor", False)
    assert (record.event, record.action_id, record.approver, record.answers) == (Event.STARTED, ask.action_id, None, ())
    assert record.command == restore_of(raise_plan()).command


def test_it_is_taken_back_though_policy_mode_keys_and_answers_are_not_those_of_then(world: World, ask: Reserve) -> None:
    world.policy.policy = DRY_RUN.model_copy(update={"settle_seconds": 61})
    world.revoke(ADA)
    world.clock.move(days=2)
    world.granted(ask)


def test_it_is_taken_back_though_nobody_can_read_who_may_agree(world: World, ask: Reserve) -> None:
    (world.folder / "allowed_signers").unlink()
    world.granted(ask)
    with pytest.raises(ConfigError, match="allowed_signers"):
        world.reserve(world.ask(raise_plan("api"), action="three", incident="inc-3"))


def test_the_word_auto_is_not_asked_for_either(world: World, ask: Reserve) -> None:
    world.policy.policy = DRY_RUN
    world.granted(ask.model_copy(update={"auto": True}))


def test_neither_freeze_nor_limits_nor_a_storm_nor_a_fix_that_did_not_hold_keep_a_floor_up(tmp_path: Any) -> None:
    window = FreezeWindow(start=NOW + timedelta(minutes=1), end=NOW + timedelta(hours=9))
    limits = Limits(per_target_per_hour=1, per_namespace_per_hour=1, per_cluster_per_hour=1, freezes=(window,))
    world = World(tmp_path, limits=limits)
    ask = restoring(world, raised(world))
    world.finish("one", verified=False)
    world.clock.move(minutes=2)
    standing = world.standing(runbook="CpuSpikeRunbook")
    assert (standing.frozen, standing.limit_reached) == (True, True)
    world.granted(ask)


def test_a_restore_counts_and_another_raise_then_waits(tmp_path: Any) -> None:
    world = World(tmp_path, limits=Limits(per_target_per_hour=2))
    ask = restoring(world, raised(world))
    world.granted(ask)
    world.finish("two", verified=True)
    again = world.ask(raise_plan(), action="three", incident="inc-2")
    assert Reason.LIMIT_REACHED in world.refusal(again)


def test_a_halt_stops_it(world: World, ask: Reserve) -> None:
    world.halts.halt(by="ada", reason="drill")
    assert world.refusal(ask) == (Reason.HALTED,)
    world.halts.resume(by="ada", reason="over")
    world.granted(ask)


@pytest.mark.claim("C-030")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mode": Mode.OBSERVE}, Reason.MODE_OBSERVES),
        ({"mode_by_namespace": {"shop": Mode.OBSERVE}}, Reason.MODE_OBSERVES),
        ({"mode_by_runbook": {"CpuSpikeRunbook": Mode.OBSERVE}}, Reason.MODE_OBSERVES),
        ({"protected_namespaces": frozenset({"shop"})}, Reason.PROTECTED_NAMESPACE),
    ],
)
def test_where_the_agent_may_not_write_at_all_it_is_refused(
    world: World, ask: Reserve, changes: dict[str, Any], reason: Reason
) -> None:
    world.policy.policy = AUTO.model_copy(update=changes)
    before = len(records(world))
    assert world.refusal(ask) == (reason,)
    assert len(records(world)) == before


# -- whose raise it is ------------------------------------------------------------------------------------------------


def test_a_restore_of_what_was_never_raised_is_refused(world: World) -> None:
    assert world.refusal(restoring(world, raise_plan())) == (Reason.NOT_PERMITTED,)
    assert records(world) == []


@pytest.mark.parametrize("outcome", ["not_done", "unknown"])
def test_a_restore_of_a_raise_that_is_not_known_as_done_is_refused(world: World, outcome: str) -> None:
    plan = raise_plan()
    world.granted(world.asked(plan, ADA))
    world.finish("one", outcome)
    assert world.refusal(restoring(world, plan)) == (Reason.NOT_PERMITTED,)


def test_a_raise_that_is_still_being_verified_is_waited_for(world: World) -> None:
    """A box may be shorter than it takes to verify what it is about: that is no refusal that a person must hear of."""
    plan = raise_plan()
    world.granted(world.asked(plan, ADA))
    world.clock.move(hours=3)
    assert world.refusal(restoring(world, plan)) == (Reason.TARGET_LEASED,)
    assert world.refusal(restoring(world, raise_plan(floor_to=7))) == (Reason.NOT_PERMITTED,)
    world.finish("one", verified=True)
    world.granted(restoring(world, plan))


def test_a_raise_whose_end_nobody_ever_said_is_not_waited_for_for_ever(world: World) -> None:
    plan = raise_plan()
    world.granted(world.asked(plan, ADA))
    world.clock.move(days=1, minutes=1)
    assert world.refusal(restoring(world, plan)) == (Reason.NOT_PERMITTED,)


def test_another_incidents_raise_is_not_taken_back(world: World, ask: Reserve) -> None:
    other = restoring(world, raise_plan(), incident="inc-2")
    assert world.refusal(other) == (Reason.NOT_PERMITTED,)


@pytest.mark.parametrize(
    "changes", [{"floor_before": 1}, {"floor_to": 8}, {"autoscaler": "api"}, {"box_seconds": 7200}, {"floor_from": 3}]
)
def test_a_made_up_raise_and_its_exact_inverse_are_refused(world: World, ask: Reserve, changes: dict[str, Any]) -> None:
    made_up = raise_plan().model_copy(update=changes)
    assert world.refusal(restoring(world, made_up)) == (Reason.NOT_PERMITTED,)


def test_a_digest_that_is_not_that_of_the_raise_is_refused(world: World, ask: Reserve) -> None:
    """What the arguments do not hold (counts of pods, caveats) the digest of the intent does."""
    assert world.refusal(ask.model_copy(update={"plan_digest": "0" * 64})) == (Reason.NOT_PERMITTED,)


@pytest.mark.parametrize(
    "changes", [{"floor_to": 1}, {"floor_to": 3}, {"floor_from": 4}, {"autoscaler": "api"}, {"rest_digest": "other"}]
)
def test_a_restore_that_leads_elsewhere_is_refused(world: World, ask: Reserve, changes: dict[str, Any]) -> None:
    elsewhere = restore_of(raise_plan()).model_copy(update=changes)
    assert world.refusal(world.ask(elsewhere, action="two", inverse_of=raise_plan())) == (Reason.NOT_PERMITTED,)


def test_a_restore_without_the_raise_that_it_takes_back_is_refused(world: World, ask: Reserve) -> None:
    assert world.refusal(ask.model_copy(update={"inverse_of": None})) == (Reason.NOT_PERMITTED,)


def test_a_raise_is_no_restore(world: World, ask: Reserve) -> None:
    raise_again = world.ask(raise_plan(floor_to=8), action="two", inverse_of=raise_plan())
    assert world.refusal(raise_again) == (Reason.NOT_PERMITTED,)


# -- once -------------------------------------------------------------------------------------------------------------


def test_a_raise_is_taken_back_once(world: World, ask: Reserve) -> None:
    world.granted(ask)
    again = ask.model_copy(update={"action_id": action_id("three")})
    assert world.refusal(again) == (Reason.NOT_PERMITTED,)
    world.finish("two", verified=True)
    assert world.refusal(again) == (Reason.NOT_PERMITTED,)
    assert isinstance(world.reserve(ask), AlreadyDone)


def test_a_restore_that_was_not_done_may_be_asked_for_anew(world: World, ask: Reserve) -> None:
    world.granted(ask)
    world.finish("two", "not_done")
    world.granted(ask.model_copy(update={"action_id": action_id("three")}))


def test_a_restore_whose_outcome_is_unknown_is_nobodys_to_repeat(world: World, ask: Reserve) -> None:
    world.granted(ask)
    world.finish("two", "unknown")
    assert world.refusal(ask) == (Reason.UNKNOWN_OUTCOME,)
    assert world.refusal(ask.model_copy(update={"action_id": action_id("three")})) == (Reason.NOT_PERMITTED,)


def test_asked_again_after_the_policy_changed_it_grants_for_the_same_record(world: World, ask: Reserve) -> None:
    first = world.granted(ask)
    world.policy.policy = AUTO.model_copy(update={"settle_seconds": 61})
    second = world.granted(ask)
    assert (second.record, second.grant.body.again) == (first.record, True)


def test_the_second_of_two_raises_is_the_one_to_take_back(world: World) -> None:
    first = raised(world)
    second = raised(world, raise_plan(floor_to=8, before=2, floor_from=5), action="two")
    assert restore_of(second).floor_to == restore_of(first).floor_to == 2
    world.granted(restoring(world, second, action="three"))


def test_it_waits_for_whoever_works_on_the_workload(world: World, ask: Reserve) -> None:
    world.granted(world.ask(pod_plan(), action="three", incident="inc-2"))
    assert world.refusal(ask) == (Reason.TARGET_LEASED,)
    world.finish("three", verified=True)
    world.granted(ask)


# -- raising and pruning ----------------------------------------------------------------------------------------------


def test_a_raise_and_a_prune_are_granted_as_every_act_is(world: World) -> None:
    world.granted(world.ask(raise_plan()))
    world.granted(world.ask(prune_plan(), action="two", incident="inc-2"))
    world.policy.policy = PolicyConfig(mode=Mode.DRY_RUN)
    for plan in (raise_plan("api"), prune_plan("node-2")):
        assert world.refusal(world.ask(plan, action="three", incident="inc-3")) == (Reason.MODE_DRY_RUN,)
        world.granted(world.asked(plan, ADA, action=plan.act, incident="inc-4"))


def test_a_raise_is_voided_by_a_policy_that_changed_since(world: World) -> None:
    ask = world.ask(raise_plan())
    world.policy.policy = AUTO.model_copy(update={"settle_seconds": 61})
    assert world.refusal(ask) == (Reason.TARGET_CHANGED,)


def test_a_command_in_any_namespace_but_the_helpers_is_refused(world: World) -> None:
    assert world.refusal(world.ask(prune_plan(namespace="shop"))) == (Reason.PROTECTED_NAMESPACE,)
    world.policy.policy = AUTO.model_copy(update={"helper_namespace": "shop"})
    world.granted(world.ask(prune_plan(namespace="shop")))


def test_a_node_is_leased_as_a_workload_is(world: World) -> None:
    world.granted(world.ask(prune_plan()))
    assert world.refusal(world.ask(prune_plan(), action="two", incident="inc-2")) == (Reason.TARGET_LEASED,)
    world.granted(world.ask(prune_plan("node-2"), action="three", incident="inc-3"))

"""Limits, freezes, halts and fixes that did not hold: what stops an act, and what a person may still say yes to."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from byteport.contracts.ledger import Event, ReadStanding, Result
from byteport.domain.limits import FreezeWindow, Limits, RecurringFreeze
from byteport.domain.policy import Standing
from byteport.domain.reasons import Reason
from tests.integration.ledger.world import (
    ADA,
    NOW,
    World,
    draft,
    pod_plan,
    prune_plan,
    rollback_plan,
    signal,
    target,
)


def world_with(folder: Path, **limits: Any) -> World:
    return World(folder, limits=Limits(**limits))


OUTCOMES: tuple[tuple[str, bool | None], ...] = (
    ("done", True),
    ("done", False),
    ("done", None),
    ("not_done", None),
    ("unknown", None),
)


def act(world: World, action: str, name: str = "web", *, namespace: str = "shop", verified: bool | None = True) -> None:
    world.granted(world.ask(pod_plan(name, namespace=namespace), action=action, incident=f"inc-{action}"))
    world.finish(action, verified=verified)


def refusal(world: World, name: str = "web", *, namespace: str = "shop") -> tuple[Reason, ...]:
    return world.refusal(world.ask(pod_plan(name, namespace=namespace), action="last", incident="inc-last"))


def test_nothing_stands_in_the_way_of_the_first_act(world: World) -> None:
    assert world.standing() == Standing()


@pytest.mark.claim("C-113")
def test_a_target_has_so_many_acts_in_an_hour_whatever_came_of_them(tmp_path: Path) -> None:
    world = world_with(tmp_path, per_target_per_hour=3)
    act(world, "one")
    world.granted(world.ask(pod_plan(), action="two"))
    world.finish("two", outcome="not_done")
    world.clock.move(minutes=10)
    act(world, "three", verified=None)
    assert world.standing() == Standing(limit_reached=True)
    assert refusal(world) == (Reason.LIMIT_REACHED,)
    assert not world.standing("api").limit_reached
    world.clock.move(minutes=50, milliseconds=1)
    act(world, "four")


def test_an_act_that_is_still_open_counts(tmp_path: Path) -> None:
    world = world_with(tmp_path, per_cluster_per_hour=1)
    world.granted(world.ask(pod_plan()))
    assert refusal(world, "api") == (Reason.LIMIT_REACHED,)


@pytest.mark.parametrize(("outcome", "verified"), OUTCOMES)
@pytest.mark.parametrize("scope", ["per_target_per_hour", "per_namespace_per_hour", "per_cluster_per_hour"])
def test_every_way_in_which_an_act_may_end_counts(
    tmp_path: Path, scope: str, outcome: str, verified: bool | None
) -> None:
    world = world_with(tmp_path, **{scope: 1})
    world.granted(world.ask(pod_plan()))
    world.finish(outcome=outcome, verified=verified)
    assert Reason.LIMIT_REACHED in refusal(world)


def helps_nobody(world: World, action: str, name: str, *, outcome: str = "done", back: int | None = None) -> None:
    plan = pod_plan(name) if back is None else rollback_plan(name, back=back)
    world.granted(world.ask(plan, action=action, incident=f"inc-{action}"))
    world.finish(action, outcome=outcome, verified=False if outcome == "done" else None)


def test_the_third_act_of_a_kind_that_does_not_help_is_not_tried_on_whatever_target(world: World) -> None:
    helps_nobody(world, "one", "a")
    assert not world.standing("c").ineffective
    helps_nobody(world, "two", "b", outcome="unknown")
    assert world.standing("c") == Standing(ineffective=True)
    assert refusal(world, "c") == (Reason.INEFFECTIVE,)
    world.clock.move(hours=1, milliseconds=1)
    act(world, "three", "c")


def test_acts_of_another_kind_are_not_held_back_by_it(world: World) -> None:
    helps_nobody(world, "one", "a")
    helps_nobody(world, "two", "b")
    assert not world.standing("c", runbook="FailedDeployAutoRollbackRunbook").ineffective
    world.granted(world.ask(rollback_plan("c"), action="three"))


@pytest.mark.parametrize(("outcome", "verified"), [("done", True), ("done", None), ("not_done", None)])
def test_what_helped_or_was_not_done_is_no_ineffective_act(world: World, outcome: str, verified: bool | None) -> None:
    helps_nobody(world, "one", "a")
    world.granted(world.ask(pod_plan("b"), action="two"))
    world.finish("two", outcome=outcome, verified=verified)
    assert not world.standing("c").ineffective


def test_an_inverse_that_failed_is_no_ineffective_act_and_none_holds_it_back(world: World) -> None:
    forward = rollback_plan("a")
    helps_nobody(world, "one", "a", back=1)
    helps_nobody(world, "two", "b", back=1)
    inverse = world.ask(
        rollback_plan("a", back=2, from_revision=3, inverse=True), action="back", incident="inc-one", inverse_of=forward
    )
    world.granted(inverse)


def test_a_fix_that_did_not_hold_makes_an_act_ineffective_afterwards(world: World) -> None:
    helps_nobody(world, "one", "a")
    act(world, "two", "b")
    assert not world.standing("c").ineffective
    world.ledger.record(draft("later", event=Event.REOBSERVED, incident="inc-two", result=Result.FAILURE))
    assert world.standing("c").ineffective


def test_fixes_that_did_not_hold_in_a_row_stop_their_runbook(tmp_path: Path) -> None:
    world = world_with(tmp_path, failures_in_a_row=2)
    for number, name in enumerate("ab"):
        act(world, f"{number}", name)
        world.clock.move(hours=2)
    for number in range(2):
        assert not world.standing("c").limit_reached
        seen = draft(f"again-{number}", event=Event.REOBSERVED, incident=f"inc-{number}", result=Result.FAILURE)
        world.ledger.record(seen)
    assert world.standing("c") == Standing(limit_reached=True)
    assert refusal(world, "c") == (Reason.LIMIT_REACHED,)


@pytest.mark.claim("C-113")
@pytest.mark.parametrize(
    ("limits", "namespace"), [({"per_namespace_per_hour": 2}, "shop"), ({"per_cluster_per_hour": 2}, "other")]
)
def test_a_namespace_and_a_cluster_have_their_own_limits(
    tmp_path: Path, limits: dict[str, int], namespace: str
) -> None:
    world = world_with(tmp_path, **limits)
    act(world, "one", "api")
    act(world, "two", "db")
    assert refusal(world, namespace=namespace) == (Reason.LIMIT_REACHED,)


def test_a_namespaces_limit_leaves_the_others_alone(tmp_path: Path) -> None:
    world = world_with(tmp_path, per_namespace_per_hour=1)
    act(world, "one", "api")
    act(world, "two", "api", namespace="other")


def test_a_limit_of_nothing_allows_nothing(tmp_path: Path) -> None:
    assert refusal(world_with(tmp_path, per_cluster_per_hour=0)) == (Reason.LIMIT_REACHED,)


def test_fault_21_a_clock_set_back_frees_no_act(tmp_path: Path) -> None:
    world = world_with(tmp_path, per_target_per_hour=1)
    act(world, "one")
    world.clock.move(hours=-3)
    assert refusal(world) == (Reason.LIMIT_REACHED,)


def test_fault_21_an_act_done_while_the_clock_was_back_counts_when_it_is_right_again(tmp_path: Path) -> None:
    world = world_with(tmp_path, per_target_per_hour=1)
    world.ledger.record(draft("before"))
    world.clock.move(hours=-3)
    act(world, "one")
    world.clock.move(hours=3)
    assert refusal(world) == (Reason.LIMIT_REACHED,)


def test_the_same_action_asked_again_is_not_counted_twice(tmp_path: Path) -> None:
    world = world_with(tmp_path, per_target_per_hour=1)
    call = world.ask(pod_plan())
    world.granted(call)
    world.granted(call)


@pytest.mark.claim("C-048")
def test_a_fix_that_did_not_hold_is_not_repeated_until_a_day_has_passed(world: World) -> None:
    act(world, "one", verified=False)
    assert world.standing() == Standing(did_not_hold=True)
    assert refusal(world) == (Reason.DID_NOT_HOLD,)
    assert not world.standing("api").did_not_hold
    assert not world.standing(runbook="FailedDeployAutoRollbackRunbook").did_not_hold
    world.clock.move(hours=24, milliseconds=1)
    act(world, "two")


def test_a_later_success_ends_it(world: World) -> None:
    act(world, "one", verified=False)
    call = world.asked(pod_plan(), ADA, action="two", request={"reasons": (Reason.DID_NOT_HOLD,)})
    world.granted(call)
    world.finish("two", verified=True)
    assert world.standing() == Standing()


def test_what_was_not_done_says_nothing_about_the_fix_before_it(world: World) -> None:
    act(world, "one", verified=False)
    world.granted(world.asked(pod_plan(), ADA, action="two", request={"reasons": (Reason.DID_NOT_HOLD,)}))
    world.finish("two", outcome="not_done")
    assert world.standing().did_not_hold


def test_a_later_record_that_does_not_know_whether_it_helped_forgets_nothing(world: World) -> None:
    act(world, "one", verified=False)
    world.finish("one", verified=None)
    assert world.standing().did_not_hold


def test_an_unknown_outcome_counts_as_one_that_did_not_hold(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    world.finish(outcome="unknown")
    assert world.standing().did_not_hold


def test_a_reobservation_that_failed_counts_against_the_fix(world: World) -> None:
    act(world, "one")
    assert not world.standing().did_not_hold
    world.ledger.record(draft("later", event=Event.REOBSERVED, incident="inc-one", result=Result.FAILURE))
    assert world.standing().did_not_hold


def test_a_reobservation_that_held_counts_against_nothing(world: World) -> None:
    act(world, "one")
    world.ledger.record(draft("later", event=Event.REOBSERVED, incident="inc-one", result=Result.SUCCESS))
    assert not world.standing().did_not_hold


def test_a_recurrence_says_by_itself_that_the_fix_did_not_hold(world: World) -> None:
    call = ReadStanding(target=target(), runbook="PodCrashloopRunbook", signal=signal(recurrence_of="inc-9"))
    assert world.ledger.read_standing(call).standing.did_not_hold


def test_failures_in_a_row_stop_the_runbook_everywhere(tmp_path: Path) -> None:
    world = world_with(tmp_path, failures_in_a_row=2)
    act(world, "one", "a", verified=False)
    act(world, "two", "b", verified=True)
    world.clock.move(hours=1, milliseconds=1)
    act(world, "three", "c", verified=False)
    assert not world.standing("d").limit_reached
    act(world, "four", "d", verified=False)
    world.clock.move(hours=1, milliseconds=1)
    assert world.standing("e").limit_reached
    assert refusal(world, "e") == (Reason.LIMIT_REACHED,)
    assert not world.standing("e", runbook="FailedDeployAutoRollbackRunbook").limit_reached


def test_an_inverse_passes_limits_freezes_and_the_failure_that_it_answers_and_is_counted(tmp_path: Path) -> None:
    freeze = FreezeWindow(start=NOW + timedelta(minutes=1), end=NOW + timedelta(hours=1))
    world = world_with(tmp_path, per_target_per_hour=1, freezes=(freeze,))
    forward = rollback_plan()
    world.granted(world.ask(forward))
    world.finish(verified=False)
    world.clock.move(minutes=5)
    back = rollback_plan(back=2, from_revision=3, inverse=True)
    world.granted(world.ask(back, action="two", inverse_of=forward))
    assert world.standing("web").limit_reached


def test_an_inverse_is_not_counted_as_a_second_failure_of_its_runbook(tmp_path: Path) -> None:
    world = world_with(tmp_path, failures_in_a_row=2)
    forward = rollback_plan()
    world.granted(world.ask(forward))
    world.finish(verified=False)
    back = rollback_plan(back=2, from_revision=3, inverse=True)
    world.granted(world.ask(back, action="two", inverse_of=forward))
    world.finish("two", outcome="unknown")
    assert not world.standing("api", runbook="FailedDeployAutoRollbackRunbook").limit_reached


def test_in_a_freeze_nothing_is_done_alone(tmp_path: Path) -> None:
    freeze = FreezeWindow(start=NOW, end=NOW + timedelta(hours=1), namespaces=frozenset({"shop"}))
    world = world_with(tmp_path, freezes=(freeze,))
    assert world.standing() == Standing(frozen=True)
    assert refusal(world) == (Reason.FROZEN,)
    act(world, "one", namespace="other")
    world.clock.move(hours=1)
    act(world, "two")


@pytest.mark.parametrize(
    "freeze",
    [
        FreezeWindow(start=NOW, end=NOW + timedelta(hours=1), namespaces=frozenset({"shop"})),
        RecurringFreeze(cron="0 * * * *", timezone="UTC", hours=1, namespaces=frozenset({"shop"})),
    ],
)
def test_a_node_carries_pods_of_any_namespace_and_is_frozen_with_each(
    tmp_path: Path, freeze: FreezeWindow | RecurringFreeze
) -> None:
    world = world_with(tmp_path, freezes=(freeze,))
    assert world.refusal(world.ask(prune_plan())) == (Reason.FROZEN,)


@pytest.mark.parametrize("reason", [Reason.FROZEN, Reason.LIMIT_REACHED, Reason.DID_NOT_HOLD])
def test_a_yes_passes_a_stop_that_it_was_asked_about_and_no_other(tmp_path: Path, reason: Reason) -> None:
    freezes = (FreezeWindow(start=NOW, end=NOW + timedelta(days=2)),) if reason is Reason.FROZEN else ()
    world = world_with(tmp_path, per_target_per_hour=1 if reason is Reason.LIMIT_REACHED else 9, freezes=freezes)
    if not freezes:
        act(world, "one", verified=reason is not Reason.DID_NOT_HOLD)
    unaware = world.asked(pod_plan(), ADA, action="last")
    assert world.refusal(unaware) == (reason,)
    world.granted(world.asked(pod_plan(), ADA, action="last", request={"reasons": (reason,)}))


@pytest.mark.claim("C-080")
def test_critique_0_6_a_halt_stops_reservations_retries_inverses_and_every_yes_at_once(world: World) -> None:
    forward = rollback_plan()
    world.granted(world.ask(forward))
    world.finish(verified=False)
    open_call = world.ask(pod_plan("api"), action="open")
    world.granted(open_call)
    world.halts.halt(by="ada", reason="something is off")
    assert world.standing().halted
    inverse = world.ask(rollback_plan(back=2, from_revision=3, inverse=True), action="two", inverse_of=forward)
    knowing = world.asked(pod_plan("db"), ADA, action="yes", request={"reasons": (Reason.HALTED,)})
    for call in (world.ask(pod_plan("db"), action="new"), open_call, inverse, knowing):
        assert world.refusal(call) == (Reason.HALTED,)
    world.halts.resume(by="ada", reason="")
    world.granted(inverse)


@pytest.mark.claim("C-081")
def test_review_22_a_halt_is_seen_by_another_process_and_after_a_restart(world: World) -> None:
    other = World(world.folder)
    other.halts.halt(by="bob", reason="drill")
    assert world.halts.is_halted()
    world.open()
    halt = world.halts.in_force()
    assert halt is not None
    assert (halt.by, halt.since, halt.reason) == ("bob", NOW, "drill")
    other.store.close()


async def test_the_last_line_asks_without_blocking(world: World) -> None:
    assert await world.halts.halted() is False
    world.halts.halt(by="ada", reason="")
    assert await world.halts.halted() is True


@pytest.mark.claim("C-082")
def test_halts_and_resumptions_are_records_with_who_and_why(world: World) -> None:
    world.halts.halt(by="ada", reason="drill")
    world.halts.halt(by="bob", reason="me too")
    world.halts.resume(by="ada", reason="over")
    assert world.halts.resume(by="ada", reason="again") is None
    told = [(record.event.value, record.approver, record.note, record.command) for record in world.log.iter_records()]
    assert told == [
        ("halted", "ada", "drill", "byteport halt"),
        ("halted", "bob", "me too", "byteport halt"),
        ("resumed", "ada", "over", "byteport resume"),
    ]


def test_the_first_halt_is_the_one_in_force(world: World) -> None:
    world.halts.halt(by="ada", reason="drill")
    world.clock.move(minutes=1)
    world.halts.halt(by="bob", reason="me too")
    halt = world.halts.in_force()
    assert halt is not None
    assert (halt.by, halt.since) == ("ada", NOW)


@pytest.mark.claim("C-081")
def test_a_kill_switch_that_cannot_be_read_is_thrown(world: World) -> None:
    world.go_away()
    assert world.halts.is_halted()


@pytest.mark.parametrize(
    "wrong",
    [
        {"per_target_per_hour": -1},
        {"failures_in_a_row": 0},
        {"freezes": [{"start": "2026-03-10T09:00:00Z", "end": "2026-03-10T09:00:00Z"}]},
        {"freezes": [{"start": "2026-03-10T09:00:00", "end": "2026-03-11T09:00:00"}]},
        {"per_target_per_day": 3},
    ],
)
def test_absurd_limits_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Limits.model_validate(wrong)

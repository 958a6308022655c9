"""Leases fence by absolute time, and an inverse is another action on the same target."""

from datetime import timedelta
from typing import Any

import pytest

from byteport.contracts.ledger import AlreadyDone, Granted
from byteport.domain import ids
from byteport.domain.reasons import Reason
from byteport.errors import PreconditionFailed
from byteport.trust.grants import Call
from tests.integration.ledger.world import ADA, DRY_RUN, World, action_id, pod_plan, rollback_plan


def test_a_target_is_leased_to_one_action_at_a_time(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    other = world.ask(pod_plan(), action="two", incident="inc-2")
    assert world.refusal(other) == (Reason.TARGET_LEASED,)
    world.granted(world.ask(pod_plan("api"), action="three"))
    world.finish(verified=True)
    world.granted(other)


def test_a_lease_ends_at_its_absolute_time_and_then_fences_the_first_holder(world: World) -> None:
    first, second = world.ask(pod_plan()), world.ask(pod_plan(), action="two", incident="inc-2")
    old = world.granted(first)
    world.clock.move(seconds=76.999)
    assert world.refusal(second) == (Reason.TARGET_LEASED,)
    world.clock.move(seconds=0.001)
    world.granted(second)
    assert world.refusal(first) == (Reason.TARGET_LEASED,)
    zombie = Call(
        act=first.act,
        action_id=first.action_id,
        arguments_digest=first.arguments_digest,
        plan_digest=first.plan_digest,
        cluster_uid="uid-1",
        client_timeout=timedelta(seconds=12),
    )
    with pytest.raises(PreconditionFailed):
        world.verifier.admit(old.grant, zombie, now=world.clock.now)


def test_a_lease_ends_although_the_process_was_down_all_the_time(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    world.store.close()
    world.clock.move(minutes=10)
    world.open()
    world.granted(world.ask(pod_plan(), action="two", incident="inc-2"))


def test_a_lease_is_kept_on_an_unknown_outcome_until_it_is_known(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    world.finish(outcome="unknown")
    other = world.ask(pod_plan(), action="two", incident="inc-2")
    assert world.refusal(other) == (Reason.DID_NOT_HOLD,)
    by_person = world.asked(
        pod_plan(), ADA, action="two", incident="inc-2", request={"reasons": (Reason.DID_NOT_HOLD,)}
    )
    assert world.refusal(by_person) == (Reason.TARGET_LEASED,)
    world.finish(outcome="not_done")
    world.granted(by_person)


def test_giving_a_lease_back_late_does_not_take_it_from_the_next_holder(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    world.clock.move(seconds=100)
    world.granted(world.ask(pod_plan(), action="two", incident="inc-2"))
    world.finish("one", verified=True)
    assert world.refusal(world.ask(pod_plan(), action="three", incident="inc-3")) == (Reason.TARGET_LEASED,)


def rolled_back(world: World, **changes: Any) -> Any:
    forward = rollback_plan()
    world.granted(world.ask(forward))
    world.finish(verified=False)
    back = rollback_plan(back=2, from_revision=3, inverse=True)
    return world.ask(back, action="two", inverse_of=forward).model_copy(update=changes)


def test_an_inverse_of_what_was_done_is_granted_though_the_fix_did_not_hold(world: World) -> None:
    world.granted(rolled_back(world))


def test_an_act_and_its_inverse_are_two_actions_and_a_reset_of_both_writes_nothing_more(world: World) -> None:
    """Both carry the digest of the plan that was agreed to, so that only their index tells them apart."""
    forward, back = rollback_plan(), rollback_plan(back=2, from_revision=3, inverse=True)

    def run_once() -> list[object]:
        """What a workflow asks for, from its start; a reset makes it do so again under the same ids."""
        digest = world.ask(forward).plan_digest
        act, undo = (ids.action_id("remediate:1", "first-run", 0, index, digest) for index in (0, 1))
        first = world.reserve(world.ask(forward).model_copy(update={"action_id": act}))
        world.finish(act, verified=False)
        second = world.reserve(world.ask(back, inverse_of=forward).model_copy(update={"action_id": undo}))
        world.finish(undo)
        return [first, second]

    assert [type(answer) for answer in run_once()] == [Granted, Granted]
    before = [record.hash for record in world.log.iter_records()]
    assert len(before) == 4
    assert [type(answer) for answer in run_once()] == [AlreadyDone, AlreadyDone]
    assert [record.hash for record in world.log.iter_records()] == before


def test_an_inverse_is_granted_once(world: World) -> None:
    inverse = rolled_back(world)
    world.granted(inverse)
    world.finish("two", outcome="done")
    again = inverse.model_copy(update={"action_id": action_id("three")})
    assert world.refusal(again) == (Reason.NOT_PERMITTED,)


def test_an_inverse_of_what_was_never_done_is_refused(world: World) -> None:
    inverse = world.ask(rollback_plan(back=2, from_revision=3, inverse=True), action="two", inverse_of=rollback_plan())
    assert world.refusal(inverse) == (Reason.NOT_PERMITTED,)


@pytest.mark.parametrize("outcome", [None, "not_done", "unknown"])
def test_an_inverse_of_what_is_not_known_to_be_done_is_refused(world: World, outcome: str | None) -> None:
    forward = rollback_plan()
    world.granted(world.ask(forward))
    if outcome is not None:
        world.finish(outcome=outcome)
    back = rollback_plan(back=2, from_revision=3, inverse=True)
    assert world.refusal(world.ask(back, action="two", inverse_of=forward)) == (Reason.NOT_PERMITTED,)


def test_an_inverse_that_leads_elsewhere_is_refused(world: World) -> None:
    elsewhere = rollback_plan(back=7, from_revision=3, inverse=True)
    call = rolled_back(world, plan=elsewhere, arguments_digest=world.ask(elsewhere).arguments_digest)
    assert world.refusal(call) == (Reason.NOT_PERMITTED,)


def test_a_yes_to_a_rollback_is_a_yes_to_its_inverse(world: World) -> None:
    world.policy.policy = DRY_RUN
    forward = rollback_plan()
    call = world.asked(forward, ADA)
    world.granted(call)
    world.finish(verified=False)
    inverse = world.ask(
        rollback_plan(back=2, from_revision=3, inverse=True),
        action="two",
        inverse_of=forward,
        auto=False,
        request=call.request,
        answers=call.answers,
    )
    world.granted(inverse)

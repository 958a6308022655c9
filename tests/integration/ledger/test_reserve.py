"""Reserve: one transaction that grants or refuses, idempotent by action id, and believes nothing that it was told."""

from datetime import timedelta
from typing import Any

import pytest

from byteport.audit.records import Record
from byteport.contracts.ledger import AlreadyDone, Decision, Event, Result
from byteport.domain.approvals import Answer, ApprovalRequest
from byteport.domain.policy import ApprovalRule, Mode, PolicyConfig
from byteport.domain.reasons import Reason
from byteport.errors import PreconditionFailed
from byteport.trust.grants import Call
from tests.integration.ledger.world import ADA, AUTO, BOB, DRY_RUN, World, action_id, pod_plan, rollback_plan
from tests.unit.trust.people import person


def records(world: World) -> list[Record]:
    return list(world.log.iter_records())


def test_a_grant_is_signed_for_this_very_call_and_its_intent_is_in_the_log_first(world: World) -> None:
    call = world.ask(pod_plan())
    granted = world.granted(call)
    (record,) = records(world)
    assert (record.event, record.decision, record.result) == (Event.STARTED, Decision.ACTED, None)
    assert (record.action_id, record.plan_digest, record.command) == (
        call.action_id,
        call.plan_digest,
        "kubectl delete pod web-1 -n shop",
    )
    body = granted.grant.body
    assert (body.record_hash, body.seq) == (record.hash, record.seq)
    assert body.lease_until == world.clock.now + timedelta(seconds=77)
    call_now = Call(
        act=call.act,
        action_id=call.action_id,
        arguments_digest=call.arguments_digest,
        plan_digest=call.plan_digest,
        cluster_uid="uid-1",
        client_timeout=timedelta(seconds=12),
    )
    world.verifier.admit(granted.grant, call_now, now=world.clock.now)


def test_asked_again_it_grants_for_the_same_record_with_a_new_lease(world: World) -> None:
    call = world.ask(pod_plan())
    first = world.granted(call)
    world.clock.move(seconds=30)
    second = world.granted(call)
    assert second.record == first.record
    assert second.grant.body.lease_until == first.grant.body.lease_until + timedelta(seconds=30)
    assert len(records(world)) == 1


def test_asked_after_it_has_ended_it_says_how_and_writes_nothing(world: World) -> None:
    call = world.ask(pod_plan())
    world.granted(call)
    world.clock.move(seconds=5)
    world.finish(verified=True)
    ended = world.clock.now
    world.clock.move(hours=30)
    assert world.reserve(call) == AlreadyDone(result=Result.SUCCESS, at=ended)
    assert len(records(world)) == 2


@pytest.mark.parametrize(("outcome", "verified"), [("not_done", None), ("done", False)])
def test_what_was_not_done_or_did_not_help_ended_as_a_failure(
    world: World, outcome: str, verified: bool | None
) -> None:
    call = world.ask(pod_plan())
    world.granted(call)
    world.finish(outcome=outcome, verified=verified)
    answer = world.reserve(call)
    assert isinstance(answer, AlreadyDone)
    assert answer.result is Result.FAILURE


def test_an_unknown_outcome_is_not_tried_again(world: World) -> None:
    call = world.ask(pod_plan())
    world.granted(call)
    world.finish(outcome="unknown")
    assert world.refusal(call) == (Reason.UNKNOWN_OUTCOME,)


def test_one_action_id_stands_for_one_plan(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    assert world.refusal(world.ask(pod_plan("api"))) == (Reason.NOT_PERMITTED,)


def test_a_grant_survives_the_end_of_the_process(world: World) -> None:
    call = world.ask(pod_plan())
    first = world.granted(call)
    world.open()
    assert world.granted(call).record == first.record


# what fits together


@pytest.mark.parametrize(
    "forged",
    [
        {"arguments_digest": "0" * 64},
        {"act": "kubernetes.roll_back"},
        {"lease_seconds": 0},
        {"lease_seconds": 901},
        {"incident_id": "inc-2"},
        {"inverse_of": rollback_plan()},
    ],
)
def test_a_request_that_contradicts_itself_is_refused_and_writes_nothing(world: World, forged: dict[str, Any]) -> None:
    assert world.refusal(world.ask(pod_plan()).model_copy(update=forged)) == (Reason.NOT_PERMITTED,)
    assert records(world) == []


@pytest.mark.parametrize("field", ["tenant", "cluster_uid"])
def test_another_tenants_or_clusters_intent_is_refused(world: World, field: str) -> None:
    call = world.ask(pod_plan())
    foreign = call.model_copy(update={"intent": call.intent.model_copy(update={field: "other"})})
    assert world.refusal(foreign) == (Reason.NOT_PERMITTED,)


def test_a_plan_that_its_digest_does_not_name_is_refused(world: World) -> None:
    call = world.ask(pod_plan())
    other = pod_plan("api")
    swapped = call.model_copy(update={"plan": other, "arguments_digest": world.ask(other).arguments_digest})
    assert world.refusal(swapped) == (Reason.TARGET_CHANGED,)


def test_a_policy_that_changed_since_voids_the_plan(world: World) -> None:
    call = world.ask(pod_plan())
    world.policy.policy = AUTO.model_copy(update={"settle_seconds": 61})
    assert world.refusal(call) == (Reason.TARGET_CHANGED,)


def test_a_protected_namespace_is_refused_whoever_asks(world: World) -> None:
    plan = pod_plan(namespace="kube-system")
    assert world.refusal(world.ask(plan)) == (Reason.PROTECTED_NAMESPACE,)
    assert world.refusal(world.asked(plan, ADA)) == (Reason.PROTECTED_NAMESPACE,)


@pytest.mark.parametrize(
    ("mode", "reason"), [(Mode.DRY_RUN, Reason.MODE_DRY_RUN), (Mode.OBSERVE, Reason.MODE_OBSERVES)]
)
def test_the_word_auto_is_worth_nothing_where_the_ledgers_own_policy_does_not_say_it(
    world: World, mode: Mode, reason: Reason
) -> None:
    world.policy.policy = PolicyConfig(mode=mode)
    assert world.refusal(world.ask(pod_plan())) == (reason,)


def test_a_plan_with_a_caveat_is_never_auto(world: World) -> None:
    plan = pod_plan(caveats=(Reason.NO_HEALTHY_SIBLING,))
    assert world.refusal(world.ask(plan)) == (Reason.NO_HEALTHY_SIBLING,)
    world.granted(world.asked(plan, ADA))


def test_the_record_says_what_the_ledger_knows_and_not_what_it_was_told(world: World) -> None:
    call = world.ask(pod_plan())
    lies = {"event": Event.SKIPPED, "result": Result.SUCCESS, "command": "ls", "approver": "ada", "mttr_seconds": 1}
    world.granted(call.model_copy(update={"intent": call.intent.model_copy(update=lies)}))
    (record,) = records(world)
    assert (record.event, record.result, record.approver, record.mttr_seconds) == (Event.STARTED, None, None, None)
    assert record.command == "kubectl delete pod web-1 -n shop"


# people


def test_a_signed_yes_is_granted_and_kept_with_its_signature(world: World) -> None:
    world.policy.policy = DRY_RUN
    call = world.asked(pod_plan(), ADA)
    world.granted(call)
    (record,) = records(world)
    assert (record.approver, record.answers) == ("ada", call.answers)
    assert record.allowed_signers == world.signers.read().digest


def changed(call_answers: Any, **changes: Any) -> Any:
    return tuple(answer.model_copy(update={"text": answer.text.model_copy(update=changes)}) for answer in call_answers)


@pytest.mark.parametrize(
    "changes",
    [{"tenant": "umbrella"}, {"cluster_uid": "uid-2"}, {"incident_id": "inc-2"}, {"plan_digest": "0" * 64}],
)
def test_an_answer_given_elsewhere_is_worth_nothing_even_when_the_request_claims_it(
    world: World, changes: dict[str, str]
) -> None:
    call = world.ask(pod_plan(), auto=False)
    elsewhere = world.request(call, **changes)
    replayed = call.model_copy(update={"request": elsewhere, "answers": (world.say(ADA, elsewhere),)})
    assert world.refusal(replayed) == (Reason.NOT_PERMITTED,)


def test_a_forged_answer_is_refused(world: World) -> None:
    call = world.asked(pod_plan(), ADA)
    forged = call.model_copy(update={"answers": changed(call.answers, id="0" * 32)})
    assert world.refusal(forged) == (Reason.NOT_PERMITTED,)


def test_nobodys_answer_is_refused(world: World) -> None:
    assert world.refusal(world.asked(pod_plan())) == (Reason.NOT_PERMITTED,)
    assert world.refusal(world.ask(pod_plan(), auto=False)) == (Reason.NOT_PERMITTED,)
    assert world.refusal(world.asked(pod_plan(), person("mallory"))) == (Reason.NOT_PERMITTED,)


def test_an_expired_answer_is_refused_as_such(world: World) -> None:
    call = world.asked(pod_plan(), ADA)
    world.clock.move(hours=4)
    assert world.refusal(call) == (Reason.EXPIRED,)


def test_a_key_revoked_after_it_signed_voids_the_answer(world: World) -> None:
    call = world.asked(pod_plan(), ADA)
    world.revoke(ADA)
    assert world.refusal(call) == (Reason.NOT_PERMITTED,)


def test_a_key_revoked_between_two_attempts_stops_the_second(world: World) -> None:
    call = world.asked(pod_plan(), ADA)
    world.granted(call)
    world.revoke(ADA)
    assert world.refusal(call) == (Reason.NOT_PERMITTED,)


def test_whoever_asked_cannot_approve(world: World) -> None:
    assert world.refusal(world.asked(pod_plan(), ADA, request={"requester": "ada"})) == (Reason.NOT_PERMITTED,)


def ruled(**rule: Any) -> PolicyConfig:
    return DRY_RUN.model_copy(update={"approvals": {"PodCrashloopRunbook": ApprovalRule(**rule)}})


def test_the_quorum_is_the_policys_and_not_the_requests(world: World) -> None:
    world.policy.policy = ruled(quorum=2)
    assert world.refusal(world.asked(pod_plan(), ADA, request={"quorum": 1})) == (Reason.NOT_PERMITTED,)
    world.granted(world.asked(pod_plan(), ADA, BOB))


def test_two_keys_of_one_person_are_not_a_quorum(world: World) -> None:
    world.policy.policy = ruled(quorum=2)
    other = ADA.with_another_key()
    world.allow(ADA, other, BOB)
    call = world.asked(pod_plan(), ADA)
    assert call.request is not None
    both = call.model_copy(update={"answers": (*call.answers, world.say(other, call.request, number=2))})
    assert world.refusal(both) == (Reason.NOT_PERMITTED,)


def test_the_approvers_are_the_policys_and_not_the_requests(world: World) -> None:
    world.policy.policy = ruled(approvers=frozenset({"bob"}))
    everybody = {"approvers": frozenset({"ada", "bob"})}
    assert world.refusal(world.asked(pod_plan(), ADA, request=everybody)) == (Reason.NOT_PERMITTED,)
    world.granted(world.asked(pod_plan(), BOB, request=everybody))


def test_a_no_among_the_answers_refuses(world: World) -> None:
    call = world.asked(pod_plan(), ADA)
    request: ApprovalRequest | None = call.request
    assert request is not None
    with_no = call.model_copy(update={"answers": (*call.answers, world.say(BOB, request, Answer.REJECT))})
    assert world.refusal(with_no) == (Reason.REJECTED,)


def test_an_unsigned_answer_needs_the_settings_word_and_a_place_without_auto(world: World) -> None:
    def unsigned() -> Any:
        call = world.asked(pod_plan(), ADA)
        plain = call.answers[0].model_copy(update={"signature": None, "claimed_by": "ada"})
        return call.model_copy(update={"answers": (plain,)})

    world.policy.policy = DRY_RUN
    assert world.refusal(unsigned()) == (Reason.NOT_PERMITTED,)
    world.policy.policy = AUTO.model_copy(update={"accept_unsigned_answers": True})
    assert world.refusal(unsigned()) == (Reason.NOT_PERMITTED,)
    world.policy.policy = DRY_RUN.model_copy(update={"accept_unsigned_answers": True})
    world.granted(unsigned())


def test_one_answer_leads_to_one_action(world: World) -> None:
    call = world.asked(pod_plan(), ADA)
    world.granted(call)
    world.finish(verified=True)
    again = call.model_copy(update={"action_id": action_id("two")})
    assert world.refusal(again) == (Reason.NOT_PERMITTED,)


def test_an_answer_is_not_used_up_by_an_action_that_was_not_done(world: World) -> None:
    call = world.asked(pod_plan(), ADA)
    world.granted(call)
    world.finish(outcome="not_done")
    world.granted(call.model_copy(update={"action_id": action_id("two")}))


# leases


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


# inverses


def rolled_back(world: World, **changes: Any) -> Any:
    forward = rollback_plan()
    world.granted(world.ask(forward))
    world.finish(verified=False)
    back = rollback_plan(back=2, from_revision=3, inverse=True)
    return world.ask(back, action="two", inverse_of=forward).model_copy(update=changes)


def test_an_inverse_of_what_was_done_is_granted_though_the_fix_did_not_hold(world: World) -> None:
    world.granted(rolled_back(world))


def test_an_act_and_its_inverse_are_two_actions_and_a_reset_of_both_writes_nothing_more(world: World) -> None:
    inverse = rolled_back(world)
    world.granted(inverse)
    world.finish("two", outcome="done")
    before = len(records(world))
    assert isinstance(world.reserve(world.ask(rollback_plan())), AlreadyDone)
    assert isinstance(world.reserve(inverse), AlreadyDone)
    assert len(records(world)) == before
    assert inverse.action_id != action_id("one")


def test_an_inverse_is_granted_once(world: World) -> None:
    inverse = rolled_back(world)
    world.granted(inverse)
    world.finish("two", outcome="done")
    again = inverse.model_copy(update={"action_id": action_id("three")})
    assert world.refusal(again) == (Reason.NOT_PERMITTED,)


def test_an_inverse_of_what_was_never_done_is_refused(world: World) -> None:
    inverse = world.ask(rollback_plan(back=2, from_revision=3, inverse=True), action="two", inverse_of=rollback_plan())
    assert world.refusal(inverse) == (Reason.NOT_PERMITTED,)


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

"""On the word of people: whose answers the ledger takes before it grants, by its own files and its own rule."""

from typing import Any

import pytest

from byteport.audit.records import Record
from byteport.domain.approvals import Answer, ApprovalRequest
from byteport.domain.policy import ApprovalRule, PolicyConfig
from byteport.domain.reasons import Reason
from tests.integration.ledger.world import ADA, AUTO, BOB, DRY_RUN, World, action_id, pod_plan
from tests.unit.trust.people import person


def records(world: World) -> list[Record]:
    return list(world.log.iter_records())


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


@pytest.mark.claim("C-061")
def test_a_key_revoked_after_it_signed_voids_the_answer(world: World) -> None:
    call = world.asked(pod_plan(), ADA)
    world.revoke(ADA)
    assert world.refusal(call) == (Reason.NOT_PERMITTED,)


@pytest.mark.claim("C-061")
def test_a_key_revoked_between_two_attempts_stops_the_second(world: World) -> None:
    call = world.asked(pod_plan(), ADA)
    world.granted(call)
    world.revoke(ADA)
    assert world.refusal(call) == (Reason.NOT_PERMITTED,)


@pytest.mark.claim("C-062")
def test_whoever_asked_cannot_approve(world: World) -> None:
    assert world.refusal(world.asked(pod_plan(), ADA, request={"requester": "ada"})) == (Reason.NOT_PERMITTED,)


def ruled(**rule: Any) -> PolicyConfig:
    return DRY_RUN.model_copy(update={"approvals": {"PodCrashloopRunbook": ApprovalRule(**rule)}})


@pytest.mark.claim("C-064")
def test_the_quorum_is_the_policys_and_not_the_requests(world: World) -> None:
    world.policy.policy = ruled(quorum=2)
    assert world.refusal(world.asked(pod_plan(), ADA, request={"quorum": 1})) == (Reason.NOT_PERMITTED,)
    world.granted(world.asked(pod_plan(), ADA, BOB))


@pytest.mark.claim("C-062")
def test_two_keys_of_one_person_are_not_a_quorum(world: World) -> None:
    world.policy.policy = ruled(quorum=2)
    other = ADA.with_another_key()
    world.allow(ADA, other, BOB)
    call = world.asked(pod_plan(), ADA)
    assert call.request is not None
    both = call.model_copy(update={"answers": (*call.answers, world.say(other, call.request, number=2))})
    assert world.refusal(both) == (Reason.NOT_PERMITTED,)


@pytest.mark.claim("C-064")
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


@pytest.mark.claim("C-063")
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


@pytest.mark.claim("C-060")
def test_review_9_one_answer_leads_to_one_action(world: World) -> None:
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

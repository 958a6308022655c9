"""Whether an answer holds now: forged, replayed elsewhere, too late, by the wrong person, with a dead key."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from byteport.domain.approvals import (
    Answer,
    ApprovalRequest,
    NotTaken,
    Rejection,
    SignedAnswer,
    Taken,
)
from byteport.domain.reasons import Reason
from byteport.trust import sshsig
from byteport.trust.allowed_signers import AllowedSigners, RevokedKeys, parse_allowed_signers
from byteport.trust.answers import quorum_met, sign_answer, verify_answers
from tests.unit.trust.people import NOW, Person, allowing, person, request

ADA, BOB = person("ada"), person("bob")
BOTH = allowing(ADA, BOB)
NONE_REVOKED = RevokedKeys()


def verdicts(
    answers: Sequence[SignedAnswer],
    asked: ApprovalRequest,
    allowed: AllowedSigners = BOTH,
    *,
    revoked: RevokedKeys = NONE_REVOKED,
    later: timedelta = timedelta(),
    auto_possible: bool = False,
    accept_unsigned: bool = False,
) -> tuple[Taken | NotTaken, ...]:
    return verify_answers(
        answers,
        asked,
        allowed=allowed,
        revoked=revoked,
        now=NOW + later,
        auto_possible=auto_possible,
        accept_unsigned=accept_unsigned,
    )


def because(verdict: Taken | NotTaken) -> Rejection:
    assert isinstance(verdict, NotTaken)
    return verdict.because


def test_a_signed_yes_is_taken_as_its_persons() -> None:
    (verdict,) = verdicts([ADA.says(request())], request())
    assert isinstance(verdict, Taken)
    assert (verdict.principal, verdict.answer, verdict.signed) == ("ada", Answer.APPROVE, True)
    assert verdict.key_fingerprint == ADA.key.public_key.fingerprint


@pytest.mark.claim("C-060")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tenant": "umbrella"}, Rejection.OTHER_TENANT),
        ({"cluster_uid": "22222222-2222-4222-8222-222222222222"}, Rejection.OTHER_CLUSTER),
        ({"plan_digest": "b" * 64}, Rejection.OTHER_PLAN),
        ({"incident_id": "inc-000000000000000000000002"}, Rejection.OTHER_INCIDENT),
        ({"reasons": (Reason.MODE_DRY_RUN, Reason.FROZEN)}, Rejection.OTHER_PLAN),
        ({"reasons": ()}, Rejection.OTHER_PLAN),
    ],
)
def test_critique_b3_an_answer_cannot_be_replayed_elsewhere(changes: dict[str, object], expected: Rejection) -> None:
    (verdict,) = verdicts([ADA.says(request())], request(**changes))
    assert because(verdict) is expected


@pytest.mark.claim("C-060")
@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (timedelta(hours=4), Rejection.EXPIRED),
        (timedelta(hours=30), Rejection.EXPIRED),
        (timedelta(minutes=-2), Rejection.NOT_YET_VALID),
    ],
)
def test_review_9_an_answer_holds_only_in_its_time(later: timedelta, expected: Rejection) -> None:
    (verdict,) = verdicts([ADA.says(request())], request(), later=later)
    assert because(verdict) is expected


@pytest.mark.claim("C-060")
def test_an_answer_never_outlives_a_day_even_where_the_request_waits_longer() -> None:
    waits_long = request(expires_at=NOW + timedelta(days=3))
    (verdict,) = verdicts([ADA.says(waits_long)], waits_long, later=timedelta(hours=24))
    assert because(verdict) is Rejection.EXPIRED


@pytest.mark.claim("C-060")
def test_a_text_that_claims_more_than_a_day_is_refused() -> None:
    text = ADA.says(request()).text.model_copy(update={"expires_at": NOW + timedelta(hours=25)})
    (verdict,) = verdicts([sign_answer(text, ADA.key, reason="looks right")], request())
    assert because(verdict) is Rejection.TOO_LONG


def test_a_text_changed_after_it_was_signed_is_refused() -> None:
    rejected = ADA.says(request(), Answer.REJECT)
    forged = rejected.model_copy(update={"text": rejected.text.model_copy(update={"answer": Answer.APPROVE})})
    (verdict,) = verdicts([forged], request())
    assert because(verdict) is Rejection.BAD_SIGNATURE


def test_a_reason_exchanged_beside_the_signature_is_refused() -> None:
    (verdict,) = verdicts([ADA.says(request()).model_copy(update={"reason": "another"})], request())
    assert because(verdict) is Rejection.MALFORMED


def test_review_9_a_signature_made_for_git_is_no_approval() -> None:
    text = ADA.says(request()).text
    signature = sshsig.sign(text.signed_bytes(), ADA.key, namespace="git")
    (verdict,) = verdicts([SignedAnswer(text=text, reason="looks right", signature=signature)], request())
    assert because(verdict) is Rejection.BAD_SIGNATURE


def test_a_signature_that_is_no_signature_is_malformed() -> None:
    (verdict,) = verdicts([ADA.says(request()).model_copy(update={"signature": "yes"})], request())
    assert because(verdict) is Rejection.MALFORMED


def test_review_9_a_strangers_key_is_nobodys() -> None:
    (verdict,) = verdicts([person("mallory").says(request())], request())
    assert because(verdict) is Rejection.NOT_AN_APPROVER


def test_a_key_allowed_for_git_only_cannot_approve() -> None:
    for_git = parse_allowed_signers(ADA.line.replace("byteport-approval", "git").encode())
    (verdict,) = verdicts([ADA.says(request())], request(), for_git)
    assert because(verdict) is Rejection.NOT_AN_APPROVER


def test_only_named_approvers_may_answer() -> None:
    asked = request(approvers=frozenset({"bob"}))
    first, second = verdicts([ADA.says(asked), BOB.says(asked)], asked)
    assert because(first) is Rejection.NOT_AN_APPROVER
    assert isinstance(second, Taken)


@pytest.mark.claim("C-062")
def test_review_9_whoever_asked_cannot_answer() -> None:
    asked = request(requester="ada")
    (verdict,) = verdicts([ADA.says(asked)], asked)
    assert verdict == NotTaken(because=Rejection.REQUESTER, principal="ada")


@pytest.mark.claim("C-062")
def test_whoever_asked_under_an_alias_cannot_answer_either() -> None:
    aliased = parse_allowed_signers(ADA.line.replace("ada ", "ada,ada@example.com ", 1).encode())
    asked = request(requester="ada@example.com")
    (verdict,) = verdicts([ADA.says(asked)], asked, aliased)
    assert because(verdict) is Rejection.REQUESTER


@pytest.mark.claim("C-061")
def test_critique_b3_a_key_revoked_after_it_signed_voids_the_answer() -> None:
    answer = ADA.says(request())
    assert isinstance(verdicts([answer], request())[0], Taken)
    (verdict,) = verdicts([answer], request(), revoked=RevokedKeys(frozenset({ADA.key.public_key})))
    assert because(verdict) is Rejection.KEY_REVOKED


@pytest.mark.claim("C-061")
def test_review_9_a_key_removed_after_it_signed_voids_the_answer() -> None:
    (verdict,) = verdicts([ADA.says(request())], request(), allowing(BOB))
    assert because(verdict) is Rejection.NOT_AN_APPROVER


@pytest.mark.claim("C-061")
def test_a_key_whose_time_ended_after_it_signed_voids_the_answer() -> None:
    line = ADA.line.replace(" namespaces", ' valid-before="202603101000Z",namespaces')
    allowed = parse_allowed_signers(line.encode())
    assert isinstance(verdicts([ADA.says(request())], request(), allowed)[0], Taken)
    (verdict,) = verdicts([ADA.says(request())], request(), allowed, later=timedelta(hours=1))
    assert because(verdict) is Rejection.KEY_REVOKED


def test_a_key_whose_time_has_not_come_is_nobodys() -> None:
    line = ADA.line.replace(" namespaces", ' valid-after="20260311Z",namespaces')
    (verdict,) = verdicts([ADA.says(request())], request(), parse_allowed_signers(line.encode()))
    assert because(verdict) is Rejection.NOT_AN_APPROVER


def unsigned(who: Person) -> SignedAnswer:
    return who.says(request()).model_copy(update={"signature": None, "claimed_by": who.name})


@pytest.mark.claim("C-063")
def test_an_unsigned_answer_is_refused_by_default() -> None:
    (verdict,) = verdicts([unsigned(ADA)], request())
    assert because(verdict) is Rejection.UNSIGNED


def test_an_unsigned_answer_is_taken_as_such_where_the_settings_accept_it() -> None:
    (verdict,) = verdicts([unsigned(ADA)], request(), accept_unsigned=True)
    assert isinstance(verdict, Taken)
    assert (verdict.principal, verdict.signed, verdict.key_fingerprint) == ("ada", False, None)


@pytest.mark.claim("C-063")
def test_an_unsigned_answer_is_never_taken_where_auto_is_possible() -> None:
    (verdict,) = verdicts([unsigned(ADA)], request(), accept_unsigned=True, auto_possible=True)
    assert because(verdict) is Rejection.UNSIGNED


def test_an_unsigned_answer_needs_a_name() -> None:
    nameless = unsigned(ADA).model_copy(update={"claimed_by": ""})
    (verdict,) = verdicts([nameless], request(), accept_unsigned=True)
    assert because(verdict) is Rejection.UNSIGNED


def test_the_same_answer_twice_counts_once() -> None:
    answer = ADA.says(request())
    first, second = verdicts([answer, answer], request())
    assert isinstance(first, Taken)
    assert because(second) is Rejection.ALREADY_ANSWERED
    assert not quorum_met((first, second), 2)


@pytest.mark.claim("C-062")
def test_critique_b3_two_keys_of_one_person_are_not_a_quorum() -> None:
    other = ADA.with_another_key()
    answers = [ADA.says(request()), other.says(request(), number=2)]
    said = verdicts(answers, request(), allowing(ADA, other, BOB))
    assert quorum_met(said, 1)
    assert not quorum_met(said, 2)


def test_two_people_are_a_quorum_of_two() -> None:
    assert quorum_met(verdicts([ADA.says(request()), BOB.says(request())], request()), 2)


def test_a_refused_answer_does_not_count() -> None:
    assert not quorum_met(verdicts([ADA.says(request()), person("eve").says(request())], request()), 2)


@pytest.mark.parametrize("order", [1, -1])
def test_a_no_stops_a_quorum_in_whatever_order_it_comes(order: int) -> None:
    answers = [ADA.says(request()), BOB.says(request()), BOB.says(request(), Answer.REJECT, number=2)][::order]
    assert not quorum_met(verdicts(answers, request()), 1)


def test_nothing_said_is_no_quorum_even_of_none() -> None:
    assert not quorum_met((), 0)


def test_a_reason_that_is_not_the_signed_one_is_not_put_beside_it() -> None:
    with pytest.raises(ValueError, match="reason"):
        sign_answer(ADA.says(request()).text, ADA.key, reason="another")

"""What a person hears at once: their answer checked against the files as they are now."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.approvals.check import Approvals
from byteport.contracts.people import CheckAnswer
from byteport.domain.approvals import NotTaken, Rejection, Taken
from byteport.domain.policy import ApprovalRule
from tests.integration.ledger.world import ADA, BOB, DRY_RUN, World, pod_plan
from tests.unit.trust.people import Person


@pytest.fixture
def approvals(world: World) -> Approvals:
    world.policy.policy = DRY_RUN
    return Approvals(signers=world.signers, policy=world.policy, clock=world.clock)


def question(world: World, who: Person = ADA, *, waits: bool = True, auto: bool = False) -> CheckAnswer:
    call = world.asked(pod_plan(), who)
    return CheckAnswer(answer=call.answers[0], request=call.request if waits else None, auto_possible=auto)


async def test_a_valid_answer_is_taken_and_says_against_which_file(world: World, approvals: Approvals) -> None:
    checked = await ActivityEnvironment().run(approvals.check_answer, question(world))
    assert isinstance(checked.verdict, Taken)
    assert checked.allowed_signers_digest == world.signers.read().digest


def test_an_answer_for_which_nothing_waits_is_closed_and_its_person_known(world: World, approvals: Approvals) -> None:
    late = question(world, waits=False)
    assert approvals.check(late).verdict == NotTaken(because=Rejection.CLOSED, principal="ada")
    world.revoke(ADA)
    assert approvals.check(late).verdict == NotTaken(because=Rejection.CLOSED)


def test_an_answer_after_expiry_is_refused(world: World, approvals: Approvals) -> None:
    asked = question(world)
    world.clock.move(hours=4)
    verdict = approvals.check(asked).verdict
    assert verdict == NotTaken(because=Rejection.EXPIRED, principal="ada")


def test_a_key_revoked_since_is_refused(world: World, approvals: Approvals) -> None:
    asked = question(world)
    world.revoke(ADA)
    assert approvals.check(asked).verdict == NotTaken(because=Rejection.KEY_REVOKED)


def test_the_policys_approvers_count_and_not_the_requests(world: World, approvals: Approvals) -> None:
    rule = ApprovalRule(approvers=frozenset({"bob"}))
    world.policy.policy = DRY_RUN.model_copy(update={"approvals": {"PodCrashloopRunbook": rule}})
    assert approvals.check(question(world)).verdict == NotTaken(because=Rejection.NOT_AN_APPROVER, principal="ada")
    assert isinstance(approvals.check(question(world, BOB)).verdict, Taken)


def test_an_unsigned_answer_needs_the_workers_own_settings_word(world: World, approvals: Approvals) -> None:
    asked = question(world)
    plain = asked.answer.model_copy(update={"signature": None, "claimed_by": "ada"})
    unsigned = asked.model_copy(update={"answer": plain})
    assert approvals.check(unsigned).verdict == NotTaken(because=Rejection.UNSIGNED)
    world.policy.policy = DRY_RUN.model_copy(update={"accept_unsigned_answers": True})
    taken = approvals.check(unsigned).verdict
    assert isinstance(taken, Taken)
    assert not taken.signed
    where_auto = unsigned.model_copy(update={"auto_possible": True})
    assert approvals.check(where_auto).verdict == NotTaken(because=Rejection.UNSIGNED)


def test_review_9_an_answer_from_a_clock_that_is_a_little_ahead_is_taken(world: World, approvals: Approvals) -> None:
    world.clock.move(seconds=50)
    asked = question(world)
    world.clock.now -= timedelta(seconds=50)
    assert isinstance(approvals.check(asked).verdict, Taken)


async def test_without_the_signers_file_nobody_is_believed(world: World, approvals: Approvals) -> None:
    asked = question(world)
    (world.folder / "allowed_signers").unlink()
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(approvals.check_answer, asked)
    assert (caught.value.type, caught.value.non_retryable) == ("config_error", False)

"""Answers that an identity provider attests, at the ledger: heard, granted upon, and kept with their token for an auditor."""

import pytest

from activities.approvals.check import Approvals
from byteport.contracts.ledger import Event, Reserve
from byteport.contracts.people import CheckAnswer
from byteport.domain.approvals import Least, NotTaken, Rejection, Taken
from byteport.domain.policy import ApprovalRule
from byteport.domain.reasons import Reason
from byteport.trust.attested import Attested, attested_by
from byteport.trust.files import SignersFiles, read_attesters
from tests.integration.ledger.world import DRY_RUN, World, draft, pod_plan
from tests.unit.trust.providers import Provider

LOGIN = Provider()


@pytest.fixture
def listing(world: World) -> World:
    """A ledger that takes ada's word, and bob's, from their identity provider."""
    rule = ApprovalRule(least=Least.ATTESTED)
    world.policy.policy = DRY_RUN.model_copy(update={"approvals": {"PodCrashloopRunbook": rule}})
    issuers = LOGIN.mount(world.folder)
    world.signers = SignersFiles(world.folder / "allowed_signers", world.folder / "revoked_keys", issuers)
    world.allow()
    world.store.close()
    world.open()
    return world


def asked(world: World, subject: str = "sub-ada") -> Reserve:
    call = world.asked(pod_plan())
    assert call.request is not None
    answer = LOGIN.answers(call.request, subject, at=world.clock.now)
    world.clock.move(seconds=10)
    return call.model_copy(update={"answers": (answer,)})


def heard(world: World, call: Reserve, *, waits: bool = True) -> Taken | NotTaken:
    approvals = Approvals(signers=world.signers, policy=world.policy, clock=world.clock)
    question = CheckAnswer(answer=call.answers[0], request=call.request if waits else None, auto_possible=False)
    checked = approvals.check(question)
    assert checked.allowed_signers_digest == world.signers.read().digest
    return checked.verdict


@pytest.mark.claim("C-440")
def test_an_attested_yes_is_heard_and_granted_upon_once(listing: World) -> None:
    call = asked(listing)
    verdict = heard(listing, call)
    assert isinstance(verdict, Taken)
    assert (verdict.principal, verdict.attested_by) == ("ada", LOGIN.issuer)
    listing.granted(call)
    listing.finish()
    again = listing.ask(pod_plan(), action="two", auto=False).model_copy(
        update={"request": call.request, "answers": call.answers}
    )
    assert listing.refusal(again) != ()


@pytest.mark.claim("C-445")
def test_the_token_stays_in_the_record_and_proves_years_later_who_said_yes_to_what(listing: World) -> None:
    call = asked(listing)
    listing.granted(call)
    kept = read_attesters(listing.folder / "issuers.yaml")
    (record,) = listing.log.iter_records()
    (answer,) = record.answers
    assert (record.approver, record.allowed_signers) == ("ada", listing.signers.read().digest)
    listing.clock.move(hours=24 * 365 * 3)
    assert answer.token is not None
    said = attested_by(answer.token, answer.text, kept, now=listing.clock.now, first_heard=False)
    assert isinstance(said, Attested)
    assert (said.name, answer.text.plan_digest) == ("ada", record.plan_digest)
    assert all(report.is_good for report in listing.log.verify_all())


@pytest.mark.claim("C-445")
def test_a_token_is_not_readable_where_it_is_stored(listing: World) -> None:
    call = asked(listing)
    listing.granted(call)
    listing.store.close()
    stored = b"".join(path.read_bytes() for path in listing.folder.glob("ledger.db*"))
    listing.open()
    token = str(call.answers[0].token)
    assert not any(part.encode() in stored for part in token.split("."))


@pytest.mark.claim("C-442")
def test_a_person_taken_out_of_the_list_since_is_not_granted_upon(listing: World) -> None:
    call = asked(listing)
    assert isinstance(heard(listing, call), Taken)
    Provider(people={"sub-bob": "bob"}).mount(listing.folder)
    assert heard(listing, call) == NotTaken(because=Rejection.NOT_AN_APPROVER)
    assert listing.refusal(call) == (Reason.NOT_PERMITTED,)


@pytest.mark.claim("C-442")
def test_a_token_that_ended_before_it_was_heard_is_refused(listing: World) -> None:
    call = asked(listing)
    listing.clock.move(minutes=30)
    assert heard(listing, call) == NotTaken(because=Rejection.EXPIRED)
    listing.granted(call)


def test_late_as_it_is_its_person_is_known(listing: World) -> None:
    late = heard(listing, asked(listing), waits=False)
    assert late == NotTaken(because=Rejection.CLOSED, principal="ada")


@pytest.mark.claim("C-444")
def test_the_ledgers_own_rule_says_the_least(listing: World) -> None:
    listing.policy.policy = DRY_RUN
    call = asked(listing)
    assert heard(listing, call) == NotTaken(because=Rejection.TOO_WEAK, principal="ada")
    assert listing.refusal(call) == (Reason.NOT_PERMITTED,)


@pytest.mark.claim("C-166")
@pytest.mark.parametrize(("subject", "expected"), [("sub-ada", "ada"), ("sub-bob", "claimed: ada")])
def test_a_name_on_a_record_is_proven_by_a_token_for_exactly_that_answer(
    listing: World, subject: str, expected: str
) -> None:
    call = asked(listing, subject)
    plain = draft("said", event=Event.APPROVED, approver="ada", plan_digest=call.plan_digest, answers=call.answers)
    listing.ledger.record(plain)
    (record,) = listing.log.iter_records()
    assert record.approver == expected


@pytest.mark.parametrize("lost", ["issuers.yaml", "login.jwks.json"])
def test_a_list_that_cannot_be_read_lets_nobody_answer(listing: World, lost: str) -> None:
    call = asked(listing)
    (listing.folder / lost).unlink()
    with pytest.raises(Exception, match=r"approvals\.issuers"):
        listing.reserve(call)

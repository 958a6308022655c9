"""Whose word a record is: proven by a signature over this very plan, or kept as what somebody claimed."""

from typing import Any

import pytest

from activities.audit.said import by_whom
from byteport.audit.records import Record
from byteport.contracts.ledger import Event, Finish
from byteport.domain.approvals import Answer, SignedAnswer
from tests.integration.ledger.world import ADA, BOB, World, action_id, draft, pod_plan

PLAN = pod_plan()


def answer(world: World, who: Any = ADA, said: Answer = Answer.APPROVE, **request: Any) -> SignedAnswer:
    return world.say(who, world.request(world.ask(PLAN), **request), said)


def recorded(world: World, event: Event, *answers: SignedAnswer, **changes: Any) -> Record:
    """A record that a run sends, of a word of ada's."""
    call = world.ask(PLAN)
    plain = draft("said", event=event, approver="ada", plan_digest=call.plan_digest, answers=answers)
    world.ledger.record(plain.model_copy(update=changes))
    (record,) = world.log.iter_records()
    return record


@pytest.mark.claim("C-166")
@pytest.mark.parametrize("event", [Event.APPROVED, Event.REJECTED, Event.ACKNOWLEDGED, Event.ESCALATED])
def test_a_name_that_nothing_proves_is_kept_as_claimed(world: World, event: Event) -> None:
    assert recorded(world, event).approver == "claimed: ada"


def test_one_that_has_signed_is_named(world: World) -> None:
    record = recorded(world, Event.APPROVED, answer(world))
    assert (record.approver, record.answers) == ("ada", ())


def test_a_no_is_proven_by_a_no(world: World) -> None:
    assert recorded(world, Event.REJECTED, answer(world, said=Answer.REJECT)).approver == "ada"


def test_a_yes_that_was_refused_is_on_record_as_refused_and_as_nothing_else(world: World) -> None:
    assert recorded(world, Event.REJECTED, answer(world), note="refused: closed").approver == "ada"


@pytest.mark.claim("C-166")
@pytest.mark.parametrize("event", [Event.APPROVED, Event.REJECTED, Event.ACKNOWLEDGED])
def test_an_answer_that_says_otherwise_proves_nothing(world: World, event: Event) -> None:
    said = Answer.REJECT if event is Event.APPROVED else Answer.APPROVE
    assert recorded(world, event, answer(world, said=said)).approver == "claimed: ada"


@pytest.mark.claim("C-166")
@pytest.mark.parametrize(
    "other",
    [{"tenant": "umbrella"}, {"cluster_uid": "uid-2"}, {"incident_id": "inc-2"}, {"plan_digest": "f" * 64}],
)
def test_an_answer_to_something_else_proves_nothing(world: World, other: dict[str, str]) -> None:
    elsewhere = answer(world).model_copy(update={"text": answer(world).text.model_copy(update=other)})
    assert recorded(world, Event.APPROVED, elsewhere).approver == "claimed: ada"


@pytest.mark.claim("C-166")
def test_an_answer_of_somebody_else_or_unsigned_or_altered_proves_nothing(world: World) -> None:
    unsigned = answer(world).model_copy(update={"signature": None, "claimed_by": "ada"})
    altered = answer(world).text.model_copy(update={"reason_digest": "0" * 64})
    forged = answer(world).model_copy(update={"text": altered})
    assert recorded(world, Event.APPROVED, answer(world, BOB), unsigned, forged).approver == "claimed: ada"


def test_of_several_each_is_what_is_known_of_them(world: World) -> None:
    assert recorded(world, Event.ESCALATED, answer(world, BOB), approver="ada, bob").approver == "claimed: ada, bob"


def test_a_key_that_was_taken_back_proves_nothing_any_more(world: World) -> None:
    given = answer(world)
    world.revoke(ADA)
    assert recorded(world, Event.APPROVED, given).approver == "claimed: ada"


def test_it_is_on_record_though_the_signers_cannot_be_read(world: World) -> None:
    given = answer(world)
    (world.folder / "allowed_signers").unlink()
    assert recorded(world, Event.APPROVED, given).approver == "claimed: ada"


def test_an_outcome_names_whom_the_run_can_prove(world: World) -> None:
    call = world.asked(PLAN, ADA)
    world.granted(call)
    plain = draft("end", event=Event.FINISHED, plan_digest=call.plan_digest, approver="ada, eve", answers=call.answers)
    world.ledger.finish(Finish(action_id=action_id("one"), outcome="done", verified=True, record=plain))
    assert [one.approver for one in world.log.iter_records()] == ["ada", "ada, claimed: eve"]


def test_nobody_is_named_where_the_run_names_nobody(world: World) -> None:
    assert by_whom(draft("key"), world.signers, now=world.clock.now) is None
    assert by_whom(draft("key", approver=""), world.signers, now=world.clock.now) is None

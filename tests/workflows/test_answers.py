"""Whose answers count, and that each of the others is refused and recorded."""

import asyncio

import pytest

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision
from byteport.contracts.people import Ending
from byteport.contracts.workflows import ApprovalOutcome, Phase
from byteport.domain.approvals import Answer, NotTaken, Rejection, SignedAnswer, Taken
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from tests.workflows.patience import until
from tests.workflows.people import REASON
from tests.workflows.remediation import Remediation, Waiting, bad_release, remediation_of
from tests.workflows.world import World

pytestmark = pytest.mark.slow

RUNBOOK = "FailedDeployAutoRollbackRunbook"


def rule(world: World, **approval: object) -> None:
    world.policy(approvals={RUNBOOK: approval})


async def refused(waiting: Waiting, answer: SignedAnswer) -> Rejection:
    """Give an answer that must not be taken; why it was not."""
    reply = await waiting.give(answer)
    assert isinstance(reply.verdict, NotTaken)
    return reply.verdict.because


async def still_waits(waiting: Waiting) -> bool:
    state = await waiting.remediation.state()
    return state.phase is Phase.AWAITING_APPROVAL and waiting.world.writes == []


def notes(world: World, event: Event) -> list[str]:
    return [record.note or "" for record in world.records if record.event is event]


async def test_the_same_answer_by_update_and_by_message_counts_once(world: World) -> None:
    rule(world, quorum=2)
    remediation = await bad_release(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    ada = await waiting.signed(by="ada")
    await waiting.send(ada)
    replies = await asyncio.gather(waiting.give(ada), waiting.give(ada))
    assert [reply.approvals for reply in replies] == [1, 1]
    assert await still_waits(waiting)
    await waiting.approve(by="grace")
    await remediation.closed()
    assert len(world.writes) == 1
    assert len(notes(world, Event.APPROVED)) == 2


async def test_the_same_yes_again_after_it_led_to_the_act_does_nothing(world: World, bad_release: Remediation) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    yes = await waiting.signed(by="ada")
    first = await waiting.give(yes)
    await bad_release.closed()
    assert await waiting.give(yes) == first
    assert not await bad_release.is_running()
    assert len(world.writes) == 1
    assert len(notes(world, Event.APPROVED)) == 1


@pytest.mark.claim("C-062")
async def test_two_people_make_a_quorum_and_two_keys_of_one_do_not(world: World) -> None:
    rule(world, quorum=2)
    world.people.second_key("ada")
    remediation = await bad_release(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    await waiting.give(await waiting.signed(by="ada", key=0))
    assert await refused(waiting, await waiting.signed(by="ada", key=1)) is Rejection.ALREADY_ANSWERED
    assert await still_waits(waiting)
    await waiting.approve(by="grace")
    await remediation.closed()
    assert len(world.writes) == 1
    started = next(record for record in world.records if record.event is Event.STARTED)
    assert started.approver == "ada, grace"
    assert len(started.answers) == 2


async def test_answers_that_do_not_count_are_refused_each_with_its_reason_and_recorded(
    world: World, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    ada, grace = await waiting.signed(by="ada"), await waiting.signed(by="grace")
    forged = ada.model_copy(update={"signature": grace.signature})
    elsewhere = (await waiting.request()).model_copy(update={"tenant": "globex"})
    other_tenant = world.people.sign(elsewhere, Answer.APPROVE, by="ada", now=world.clock())
    stranger = await waiting.signed(by="mallory")
    unsigned = grace.model_copy(update={"signature": None, "claimed_by": "grace"})
    because = [await refused(waiting, answer) for answer in (forged, other_tenant, stranger, unsigned)]
    assert because == [
        Rejection.BAD_SIGNATURE,
        Rejection.OTHER_TENANT,
        Rejection.NOT_AN_APPROVER,
        Rejection.UNSIGNED,
    ]
    assert await still_waits(waiting)
    recorded = await until(lambda: notes(world, Event.REJECTED)[3:] and notes(world, Event.REJECTED), "the records")
    assert recorded == [f"refused: {why.value}; {REASON}" for why in because]


async def test_only_the_named_approvers_of_a_runbook_may_answer(world: World) -> None:
    rule(world, approvers=["grace"])
    remediation = await bad_release(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    assert await refused(waiting, await waiting.signed(by="ada")) is Rejection.NOT_AN_APPROVER
    assert await still_waits(waiting)
    await waiting.approve(by="grace")
    await remediation.closed()
    assert len(world.writes) == 1


@pytest.mark.claim("C-062")
@pytest.mark.parametrize("later", [False, True], ids=["alone", "and the watch later"])
async def test_who_asked_for_it_cannot_approve_it(world: World, later: bool) -> None:
    await world.a_release_fails()
    remediation = await remediation_of(world, Failure.BAD_ROLLOUT)
    await remediation.report(remediation.signal(reporter="ada"))
    if later:
        await remediation.report()
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    assert await refused(waiting, await waiting.signed(by="ada")) is Rejection.REQUESTER
    assert await still_waits(waiting)
    assert isinstance((await waiting.approve(by="grace")).verdict, Taken)
    await remediation.closed()
    assert len(world.writes) == 1


@pytest.mark.claim("C-061")
async def test_a_key_that_is_revoked_after_it_signed_voids_its_yes_at_the_act(world: World) -> None:
    rule(world, quorum=2)
    remediation = await bad_release(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    assert isinstance((await waiting.approve(by="ada")).verdict, Taken)
    world.people.revoke("ada")
    assert isinstance((await waiting.approve(by="grace")).verdict, Taken)
    escalated = await remediation.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.NOT_PERMITTED,)
    assert world.writes == []
    assert not [record for record in world.records if record.event is Event.STARTED]


async def test_a_no_ends_it_and_nothing_is_done(world: World, bad_release: Remediation) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    await waiting.reject(by="ada")
    closed = await bad_release.closed()
    assert (closed.decision, closed.reasons) == (Decision.DRY_RUN_PLANNED, (Reason.REJECTED,))
    assert world.writes == []
    assert [record.approver for record in world.records if record.event is Event.REJECTED] == ["ada"]
    asked, end = world.notices
    assert (asked.plan_digest, asked.ending, end.ending) == (waiting.plan_digest, None, Ending.TAKEN_OVER)
    assert asked.answer_by is not None


async def test_a_no_outweighs_the_yes_before_it(world: World) -> None:
    rule(world, quorum=2)
    remediation = await bad_release(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    await waiting.approve(by="ada")
    await waiting.reject(by="grace")
    assert (await remediation.closed()).reasons == (Reason.REJECTED,)
    assert (await waiting.asked()).outcome is ApprovalOutcome.REJECTED
    assert world.writes == []

"""Time for an answer runs out after days; what comes later is refused, and recorded."""

import pytest

from byteport.audit.words import Event
from byteport.contracts.workflows import ApprovalOutcome, Phase
from byteport.domain.approvals import NotTaken, Rejection
from byteport.domain.reasons import Reason
from tests.workflows.patience import until
from tests.workflows.remediation import Remediation, Waiting, bad_release
from tests.workflows.world import World

RUNBOOK = "FailedDeployAutoRollbackRunbook"
DAY = 86_400


async def expired(world: World, *, after: int) -> Waiting:
    """A plan to which nobody answered in the seconds that it had."""
    world.policy(approvals={RUNBOOK: {"expires_after_seconds": after}})
    waiting = await (await bad_release(world)).until(Phase.AWAITING_APPROVAL)
    await waiting.pass_time(after - 60)
    assert (await waiting.asked()).outcome is None
    await waiting.pass_time(120)
    return waiting


def refusals(world: World) -> list[str]:
    return [
        record.note or ""
        for record in world.records
        if record.event is Event.REJECTED and (record.note or "").startswith("refused")
    ]


async def test_a_plan_that_nobody_answers_expires_after_three_days_and_is_escalated(world: World) -> None:
    waiting = await expired(world, after=3 * DAY)
    escalated = await waiting.remediation.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.EXPIRED,)
    assert (await waiting.asked()).outcome is ApprovalOutcome.EXPIRED
    assert world.writes == []
    assert [record.reason for record in world.records if record.event is Event.EXPIRED] == ["expired"]


async def test_people_are_reminded_after_an_hour_then_more_and_more_seldom(
    world: World, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    await waiting.pass_time(3 * 3600 + 60)
    reminders = [notice for notice in world.notices if notice.title.startswith("Still waiting")]
    assert [round((notice.at - reminders[0].at).total_seconds(), -2) for notice in reminders] == [0, 7200]
    assert reminders[0].how_to_answer == f"byteport approve {waiting.plan_digest}"
    assert reminders[0].symptom is not None
    assert reminders[0].symptom.startswith("failed_deploy = ")
    assert ", asked at " in reminders[0].title


@pytest.mark.claim("C-065")
async def test_an_answer_after_expiry_is_refused_and_recorded(world: World) -> None:
    waiting = await expired(world, after=3600)
    await waiting.remediation.until(Phase.ESCALATED)
    reply = await waiting.approve(by="ada")
    assert reply.verdict == NotTaken(because=Rejection.CLOSED)
    assert await until(lambda: refusals(world), "the refusal's record") == ["refused: closed; looks right to me"]
    assert (await waiting.remediation.state()).phase is Phase.ESCALATED
    assert world.writes == []


@pytest.mark.claim("C-065")
async def test_a_yes_after_the_run_has_closed_is_refused_and_recorded_and_starts_no_remediation(
    world: World, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    late = await waiting.signed(by="grace")
    await waiting.approve(by="ada")
    await bad_release.closed()
    reply = await waiting.give(late)
    assert reply.verdict == NotTaken(because=Rejection.CLOSED)
    assert await until(lambda: refusals(world), "the refusal's record")
    assert not await bad_release.is_running()
    assert len(world.writes) == 1


async def test_a_late_answer_does_not_keep_the_next_plan_from_being_asked_about(
    world: World, bad_release: Remediation
) -> None:
    """The same plan, asked about again, has the approval id that a late answer may hold for some seconds."""
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    late = await waiting.signed(by="grace")
    await waiting.reject(by="ada")
    await bad_release.closed()
    await waiting.give(late)
    await bad_release.report()
    again = await bad_release.until(Phase.AWAITING_APPROVAL)
    assert again.plan_digest == waiting.plan_digest
    reply = await again.give(late)
    assert reply.verdict == NotTaken(because=Rejection.OTHER_INCIDENT, principal="grace")
    assert world.writes == []

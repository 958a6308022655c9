"""Faults 7 to 11: answers that come twice, late, forged, or to a plan that is not what it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from byteport.audit.words import Decision, Result
from byteport.contracts.workflows import ANSWER, Acknowledge, Phase
from byteport.domain.approvals import ApprovalRequest, NotTaken, Rejection, SignedAnswer, Taken
from byteport.domain.failures import Failure
from byteport.domain.ids import approval_id
from byteport.domain.reasons import Reason
from byteport.temporal import intake
from byteport.trust.private_keys import new_private_key
from tests.agent.agent import Agent
from tests.agent.places import Place
from tests.agent.simulated import SimulatedPlace
from tests.agent.trouble import trouble
from tests.faults.conftest import Begin

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

RUNBOOK = "FailedDeployAutoRollbackRunbook"


async def asked(agent: Agent) -> tuple[str, ApprovalRequest]:
    """A rollback that waits for a yes."""
    await trouble(agent.place, Failure.BAD_ROLLOUT)
    remediation = await agent.report(Failure.BAD_ROLLOUT)
    return remediation, await agent.asked()


def refusals(agent: Agent) -> list[str]:
    """What the log says of each answer that was not taken, in order."""
    notes = [one.note or "" for one in agent.records() if one.event.value == "rejected"]
    return [note.split(";")[0].removeprefix("refused: ") for note in notes]


@pytest.mark.claim("C-060")
async def test_fault_07_the_same_approval_by_message_and_by_update_acts_once(
    place: SimulatedPlace, begin: Begin
) -> None:
    async with begin(place, "dry_run") as agent:
        remediation, request = await asked(agent)
        yes = agent.sign(request)
        approval = agent.client.get_workflow_handle(approval_id(request.plan_digest))
        replies = await asyncio.gather(
            approval.signal(ANSWER, yes), agent.give(yes), agent.give(yes), approval.signal(ANSWER, yes)
        )
        assert isinstance(replies[1].verdict, Taken)
        assert replies[1] == replies[2]
        closed = await agent.until_closed(remediation)
        assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
        assert len(place.writes()) == 1
        assert agent.events() == ["planned", "approved", "started", "finished"]


@pytest.mark.claim("C-065")
async def test_fault_08_an_approval_after_expiry_is_refused_and_recorded(place: SimulatedPlace, begin: Begin) -> None:
    async with begin(place, "dry_run", approvals={RUNBOOK: {"expires_after_seconds": 3600}}) as agent:
        remediation, request = await asked(agent)
        in_time = agent.sign(request)
        await agent.skip(approval_id(request.plan_digest), 3601)
        state = await agent.until(remediation, Phase.ESCALATED)
        assert state.reasons == (Reason.EXPIRED,)
        await agent.until_event("escalated")
        assert (await agent.give(in_time)).verdict == NotTaken(because=Rejection.CLOSED)
        await agent.settled(approval_id(request.plan_digest))
        assert agent.events() == ["planned", "expired", "escalated", "rejected"]
        assert refusals(agent) == ["closed"]
        await intake.acknowledge(agent.client, remediation, Acknowledge(by="ada"))
        await agent.until_closed(remediation)
        assert place.writes() == []


@pytest.mark.claim("C-065")
async def test_fault_08_an_answer_whose_own_time_is_over_is_refused_and_recorded(
    place: SimulatedPlace, begin: Begin
) -> None:
    async with begin(place, "dry_run") as agent:
        remediation, request = await asked(agent)
        old = agent.sign(request, hours_ago=25)
        assert (await agent.give(old)).verdict == NotTaken(because=Rejection.EXPIRED, principal="operator")
        await agent.until_event("rejected")
        assert refusals(agent) == ["expired"]
        assert (await agent.until(remediation, Phase.AWAITING_APPROVAL)).approvals == ()
        assert place.writes() == []


@pytest.mark.claim("C-065")
async def test_fault_08_an_approval_after_the_run_closed_is_refused_and_recorded(
    place: SimulatedPlace, begin: Begin
) -> None:
    async with begin(place, "dry_run") as agent:
        remediation, request = await asked(agent)
        await agent.give(agent.sign(request))
        await agent.until_closed(remediation)
        assert (await agent.give(agent.sign(request))).verdict == NotTaken(because=Rejection.CLOSED)
        await agent.settled(approval_id(request.plan_digest))
        assert agent.events() == ["planned", "approved", "started", "finished", "rejected"]
        assert refusals(agent) == ["closed"]
        assert len(place.writes()) == 1


def of_another_tenant(agent: Agent, request: ApprovalRequest) -> SignedAnswer:
    return agent.sign(request.model_copy(update={"tenant": "globex"}))


def of_another_cluster(agent: Agent, request: ApprovalRequest) -> SignedAnswer:
    return agent.sign(request.model_copy(update={"cluster_uid": "11111111-2222-4333-8444-555555555555"}))


def of_another_incident(agent: Agent, request: ApprovalRequest) -> SignedAnswer:
    return agent.sign(request.model_copy(update={"incident_id": "inc-" + "0" * 24}))


def by_a_key_that_nobody_knows(agent: Agent, request: ApprovalRequest) -> SignedAnswer:
    return agent.sign(request, by=new_private_key())


def by_somebody_who_may_not(agent: Agent, request: ApprovalRequest) -> SignedAnswer:
    return agent.sign(request, by=agent.people["mallory"])


def changed_after_it_was_signed(agent: Agent, request: ApprovalRequest) -> SignedAnswer:
    signed = agent.sign(request)
    return signed.model_copy(update={"text": signed.text.model_copy(update={"id": "f" * 32})})


def without_a_signature(agent: Agent, request: ApprovalRequest) -> SignedAnswer:
    return agent.sign(request).model_copy(update={"signature": None, "claimed_by": "operator"})


FORGERIES = {
    of_another_tenant: Rejection.OTHER_TENANT,
    of_another_cluster: Rejection.OTHER_CLUSTER,
    of_another_incident: Rejection.OTHER_INCIDENT,
    by_a_key_that_nobody_knows: Rejection.NOT_AN_APPROVER,
    by_somebody_who_may_not: Rejection.NOT_AN_APPROVER,
    changed_after_it_was_signed: Rejection.BAD_SIGNATURE,
    without_a_signature: Rejection.UNSIGNED,
}


async def test_fault_09_an_answer_that_is_nobodys_to_give_is_refused_and_recorded(
    place: SimulatedPlace, begin: Begin
) -> None:
    async with begin(place, "dry_run", approvals={RUNBOOK: {"approvers": ["operator"]}}) as agent:
        agent.hire("mallory")
        remediation, request = await asked(agent)
        seen: list[str] = []
        for forge, because in FORGERIES.items():
            verdict = (await agent.give(forge(agent, request))).verdict
            assert isinstance(verdict, NotTaken)
            assert verdict.because is because, forge.__name__
            await agent.until_event("rejected", times=len(seen) + 1)
            seen.append(because.value)
        assert refusals(agent) == seen
        assert (await agent.until(remediation, Phase.AWAITING_APPROVAL)).approvals == ()
        assert place.writes() == []
        await agent.give(agent.sign(request))
        assert (await agent.until_closed(remediation)).decision is Decision.ACTED
        assert len(place.writes()) == 1


async def deploys_again(agent: Agent) -> None:
    await agent.place.a_release_fails(3)


async def changes_the_policy(agent: Agent) -> None:
    agent.change_policy(settle_seconds=2)


@pytest.mark.claim("C-050")
@pytest.mark.parametrize("somebody", [deploys_again, changes_the_policy])
async def test_fault_10_an_approval_is_void_when_the_plan_changes_after_it(
    place: SimulatedPlace, begin: Begin, somebody: Any
) -> None:
    async with begin(place, "dry_run") as agent:
        remediation, first = await asked(agent)
        look_after_the_yes = place.stops.hold("get", "namespaces", when=lambda: "approved" in agent.events())
        await agent.give(agent.sign(first))
        await look_after_the_yes.until_reached()
        await somebody(agent)
        look_after_the_yes.let()
        second = await agent.asked(other_than=first.plan_digest)
        assert (await agent.give(agent.sign(first))).verdict == NotTaken(because=Rejection.CLOSED)
        state = await agent.until(remediation, Phase.AWAITING_APPROVAL)
        assert (state.plan_digest, state.approvals) == (second.plan_digest, ())
        assert "started" not in agent.events()
        assert place.writes() == []


@pytest.mark.claim("C-022")
async def test_fault_11_the_label_is_taken_away_while_a_plan_waits_and_the_yes_comes(
    any_place: Place, begin: Begin
) -> None:
    async with begin(any_place, "dry_run") as agent:
        remediation, request = await asked(agent)
        await any_place.enable(enabled=False)
        await agent.give(agent.sign(request))
        closed = await agent.until_closed(remediation)
        assert (closed.decision, closed.reasons) == (Decision.SKIPPED, (Reason.NAMESPACE_NOT_ENABLED,))
        assert "started" not in agent.events()
        assert any_place.writes() == []


@pytest.mark.claim("C-022")
async def test_fault_11_the_label_is_taken_away_when_the_act_is_granted_already(any_place: Place, begin: Begin) -> None:
    """The agent's own check, just before the call: the ledger knows nothing of labels."""
    async with begin(any_place, "dry_run") as agent:
        remediation, request = await asked(agent)
        last_look = any_place.stops.hold("get", "namespaces", when=agent.has_intent)
        await agent.give(agent.sign(request))
        await last_look.until_reached()
        await any_place.enable(enabled=False)
        last_look.let()
        state = await agent.until(remediation, Phase.ESCALATED)
        assert state.reasons == (Reason.NOT_PERMITTED,)
        await agent.until_event("escalated")
        assert agent.events() == ["planned", "approved", "started", "finished", "escalated"]
        assert any_place.writes() == []

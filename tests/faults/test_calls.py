"""Faults 3 and 4: the call was made and its answer lost, or the cluster refused it because the target has moved."""

from __future__ import annotations

import pytest

from byteport.audit.words import Decision, Result
from byteport.contracts.workflows import Phase
from byteport.domain.approvals import NotTaken, Rejection
from byteport.domain.failures import Failure
from tests.agent.places import Place
from tests.agent.simulated import SimulatedPlace
from tests.agent.stops import Fate
from tests.agent.trouble import CALL, trouble
from tests.faults.conftest import Begin

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

BOTH_ACTS = pytest.mark.parametrize("failure", [Failure.CRASHLOOP, Failure.BAD_ROLLOUT], ids=["delete", "rollback"])


@pytest.mark.claim("C-073")
@BOTH_ACTS
async def test_fault_03_the_call_was_applied_and_its_answer_lost(
    any_place: Place, begin: Begin, failure: Failure
) -> None:
    async with begin(any_place, "auto") as agent:
        await trouble(any_place, failure)
        any_place.stops.lose_answers(*CALL[failure])
        remediation = await agent.report(failure)
        closed = await agent.until_closed(remediation)
        assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
        assert [write.verb for write in any_place.writes()] == [CALL[failure][0]]
        assert agent.events() == ["started", "finished"]
        assert await agent.said(remediation, "done before, found in place")


@BOTH_ACTS
async def test_fault_03_the_answer_is_lost_and_the_target_cannot_be_read_either(
    place: SimulatedPlace, begin: Begin, failure: Failure
) -> None:
    async with begin(place, "auto") as agent:
        await trouble(place, failure)
        place.stops.lose_answers(*CALL[failure])
        blind = place.stops.hold("get", CALL[failure][1], when=lambda: bool(place.writes()))
        blind.let(Fate.LOSE)
        remediation = await agent.report(failure)
        closed = await agent.until_closed(remediation)
        assert blind.caught
        assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
        assert len(place.writes()) == 1
        assert agent.events() == ["started", "finished"]
        assert await agent.said(remediation, "no answer to the call; reading the target again")


@pytest.mark.claim("C-050")
async def test_fault_04_a_pod_that_changed_under_the_delete_is_diagnosed_again_under_the_same_grant(
    any_place: Place, begin: Begin
) -> None:
    async with begin(any_place, "auto") as agent:
        victim = await trouble(any_place, Failure.CRASHLOOP)
        delete = any_place.stops.hold("delete", "pods")
        remediation = await agent.report(Failure.CRASHLOOP)
        await delete.until_reached()
        await any_place.annotate_pod(victim, {"example.com/touched": "by somebody"})
        delete.let()
        closed = await agent.until_closed(remediation)
        assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
        assert [write.name for write in any_place.writes()] == [victim]
        assert agent.events() == ["started", "finished"]


@pytest.mark.claim("C-050")
async def test_fault_04_an_approval_is_void_when_the_template_changed_under_the_patch(
    any_place: Place, begin: Begin
) -> None:
    async with begin(any_place, "dry_run") as agent:
        await trouble(any_place, Failure.BAD_ROLLOUT)
        patch = any_place.stops.hold("patch", "deployments")
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        first = await agent.asked()
        await agent.give(agent.sign(first))
        await patch.until_reached()
        await any_place.a_release_fails(3)
        patch.let()
        second = await agent.asked(other_than=first.plan_digest)
        assert any_place.writes() == []
        assert (await agent.give(agent.sign(first))).verdict == NotTaken(because=Rejection.CLOSED)
        assert (await agent.until(remediation, Phase.AWAITING_APPROVAL)).plan_digest == second.plan_digest
        assert any_place.writes() == []
        await agent.give(agent.sign(second))
        closed = await agent.until_closed(remediation)
        assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
        assert await any_place.image() == "1"
        assert len(any_place.writes()) == 1

"""Faults 12 to 14: the target is not what it was when the agent looked, or gives nothing to go back to.

The witness is the cluster: no patch, whatever the agent says of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from byteport.audit.words import Decision, Event
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from tests.agent.agent import Agent
from tests.agent.places import Place
from tests.agent.trouble import trouble
from tests.faults.conftest import Begin

Somebody = Callable[[Place], Awaitable[None]]

pytestmark = pytest.mark.timeout(240)


async def deploys(place: Place) -> None:
    await place.release(3)


async def makes_it_again(place: Place) -> None:
    await place.remove()
    await place.release(1)


async def between_intent_and_act(agent: Agent, somebody: Somebody) -> str:
    """A rollback is granted and recorded; while the worker takes its last look, somebody does something."""
    await trouble(agent.place, Failure.BAD_ROLLOUT)
    last_look = agent.place.stops.hold("get", "namespaces", when=agent.has_intent)
    remediation = await agent.report(Failure.BAD_ROLLOUT)
    await last_look.until_reached()
    await somebody(agent.place)
    last_look.let()
    return remediation


@pytest.mark.claim("C-050")
async def test_fault_12_somebody_deploys_between_diagnosis_and_act(any_place: Place, begin: Begin) -> None:
    async with begin(any_place, "auto") as agent:
        remediation = await between_intent_and_act(agent, deploys)
        closed = await agent.until_closed(remediation)
        assert closed.decision is Decision.SKIPPED
        assert any_place.writes() == []
        assert await any_place.image() == "3"
        assert agent.events() == ["started", "finished", "skipped"]
        assert agent.records(event=Event.FINISHED)[0].reason == Reason.TARGET_CHANGED.value


@pytest.mark.claim("C-050")
async def test_fault_14_the_target_is_made_again_between_intent_and_act(any_place: Place, begin: Begin) -> None:
    async with begin(any_place, "auto") as agent:
        remediation = await between_intent_and_act(agent, makes_it_again)
        closed = await agent.until_closed(remediation)
        assert closed.decision is Decision.SKIPPED
        assert any_place.writes() == []
        assert agent.records(event=Event.FINISHED)[0].reason == Reason.TARGET_CHANGED.value


@pytest.mark.claim("C-050")
async def test_fault_14_the_target_is_made_again_while_a_plan_waits(any_place: Place, begin: Begin) -> None:
    async with begin(any_place, "dry_run") as agent:
        await trouble(any_place, Failure.BAD_ROLLOUT)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        request = await agent.asked()
        await makes_it_again(any_place)
        await agent.give(agent.sign(request))
        closed = await agent.until_closed(remediation)
        assert closed.decision is Decision.SKIPPED
        assert any_place.writes() == []
        assert "started" not in agent.events()


async def is_paused(place: Place) -> None:
    await trouble(place, Failure.BAD_ROLLOUT)
    await place.pause()


async def has_no_earlier_revision(place: Place) -> None:
    await place.enable()
    await place.a_release_fails(1)


async def has_lost_its_history(place: Place) -> None:
    await trouble(place, Failure.BAD_ROLLOUT)
    await place.remove()
    await place.a_release_fails(2)


async def differs_in_nothing(place: Place) -> None:
    """`kubectl rollout restart` of a Deployment whose pods do not come up any more."""
    await place.healthy()
    await place.restart_into(fault="crash")


NOTHING_TO_DO: dict[Somebody, set[Reason]] = {
    is_paused: {Reason.PAUSED},
    has_no_earlier_revision: {Reason.NO_HISTORY, Reason.NO_KNOWN_GOOD_REVISION},
    has_lost_its_history: {Reason.NO_HISTORY, Reason.NO_KNOWN_GOOD_REVISION},
    differs_in_nothing: {Reason.TEMPLATES_EQUAL},
}


@pytest.mark.parametrize("why", NOTHING_TO_DO, ids=lambda why: why.__name__)
async def test_fault_13_what_cannot_be_rolled_back_is_left_alone_with_the_reason(
    any_place: Place, begin: Begin, why: Somebody
) -> None:
    async with begin(any_place, "auto") as agent:
        await why(any_place)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        state = await agent.until(remediation, Phase.ESCALATED, Phase.CLOSED)
        assert set(state.reasons) & NOTHING_TO_DO[why]
        assert any_place.writes() == []
        assert "started" not in agent.events()
        await agent.until_event("escalated")
        said = agent.records(event=Event.ESCALATED)[0].reason or ""
        assert set(said.split(", ")) & {reason.value for reason in NOTHING_TO_DO[why]}

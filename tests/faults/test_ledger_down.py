"""Fault 18: the act is done, and then the ledger cannot be reached. The outcome is written later, and once."""

from __future__ import annotations

from pathlib import Path

import pytest

from byteport.audit.words import Decision, Result
from byteport.contracts.ledger import FINISH
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from tests.agent.agent import Agent
from tests.agent.simulated import SimulatedPlace
from tests.agent.stops import Moment
from tests.agent.trouble import CALL, trouble
from tests.builders.sampled import one_in
from tests.faults.conftest import Begin

pytestmark = pytest.mark.slow


class Ledger:
    """The ledger's file, on a disk that can be pulled out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._away = path.with_name("unplugged.db")

    def unplug(self) -> None:
        self._path.rename(self._away)

    def plug_in(self) -> None:
        self._away.rename(self._path)


async def tried(agent: Agent, workflow_id: str, act: str, times: int) -> None:
    """Wait until an act of the run has failed so often."""
    handle = agent.client.get_workflow_handle(workflow_id)

    async def look() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(one.activity_type.name == act and one.attempt > times for one in pending)

    await agent.eventually(f"{act} to fail {times} times", look)


@pytest.mark.parametrize("failure", one_in(2, CALL))
async def test_fault_18_the_ledger_is_down_after_the_action_and_the_outcome_is_written_later_once(
    place: SimulatedPlace, begin: Begin, failure: Failure
) -> None:
    async with begin(place, "auto") as agent:
        await trouble(place, failure)
        answer = place.stops.hold(*CALL[failure], moment=Moment.AFTER)
        remediation = await agent.report(failure)
        await answer.until_reached()
        ledger = Ledger(agent.ledger)
        ledger.unplug()
        answer.let()
        await tried(agent, remediation, FINISH.name, times=2)
        assert (await agent.until(remediation, Phase.VERIFYING)).decision is None
        ledger.plug_in()
        assert agent.events() == ["started"]
        closed = await agent.until_closed(remediation)
        assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
        assert agent.events() == ["started", "finished"]
        assert len(place.writes()) == 1


@pytest.mark.claim("C-072")
async def test_fault_18_a_ledger_that_goes_down_just_before_the_call_stops_it(
    place: SimulatedPlace, begin: Begin
) -> None:
    """The kill switch is in the ledger: what cannot be read is halted."""
    async with begin(place, "auto") as agent:
        await trouble(place, Failure.CRASHLOOP)
        last_look = place.stops.hold("get", "namespaces", when=agent.has_intent)
        remediation = await agent.report(Failure.CRASHLOOP)
        await last_look.until_reached()
        ledger = Ledger(agent.ledger)
        ledger.unplug()
        last_look.let()
        await tried(agent, remediation, FINISH.name, times=1)
        assert place.writes() == []
        ledger.plug_in()
        await agent.until(remediation, Phase.ESCALATED)
        assert place.writes() == []

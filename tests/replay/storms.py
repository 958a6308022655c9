"""The stories of storm watches. Comes after `telling.py`; `stories.py` has them in its list."""

from __future__ import annotations

import asyncio
import itertools

from byteport.contracts.workflows import Acknowledge, Trouble
from byteport.domain.failures import Failure
from byteport.domain.ids import storm_id
from byteport.domain.reasons import Cause
from byteport.temporal import intake
from tests.agent.places import eventually
from tests.replay.telling import Telling
from workflows.phases.storm_renewal import MOMENT

RULE = {"targets": 5, "common_targets": 3, "window_seconds": 10, "calm_seconds": 1}
"""The shortest that there is, since stories are told in real time."""


async def a_storm_comes_and_goes(telling: Telling) -> None:
    """Three targets share a node: it is paged, taken over, calm, and after a while nothing is in trouble any more."""
    agent, place = telling.agent, telling.place
    watch = storm_id(agent.installation.cluster_uid)
    async with telling.working():
        await place.healthy()
        await _tell(telling, over=False)
        await eventually("the storm", lambda: _recorded(telling, "storm_began"))
        await telling.keep("storm-open", watch)
        await intake.acknowledge(agent.client, watch, Acknowledge(by="grace"))
        await eventually("the acknowledgement", lambda: _recorded(telling, "acknowledged"))
        await _tell(telling, over=True)
        await agent.settled(watch)
        await telling.keep("storm-closed", watch)


async def troubles_come_without_a_pause(telling: Telling) -> None:
    """They share a node, so that a storm is on; the watch is renewed while they come."""
    agent = telling.agent
    watch = storm_id(agent.installation.cluster_uid)
    run = agent.client.get_workflow_handle(watch)
    async with telling.working():
        await telling.place.healthy()
        await _tell_of(telling, 0)
        first = (await run.describe()).run_id
        numbers = itertools.count(1)

        async def renewed() -> bool:
            await _tell_of(telling, next(numbers))
            await asyncio.sleep(MOMENT.total_seconds() / 3)
            return (await run.describe()).run_id != first

        await eventually("the next run", renewed)
        await telling.keep("storm-renewed-before", watch, first)
        await telling.keep("storm-renewed-after", watch)


async def _tell(telling: Telling, *, over: bool) -> None:
    for number in range(3):
        await _tell_of(telling, number, over=over)


async def _tell_of(telling: Telling, number: int, *, over: bool = False) -> None:
    agent, target = telling.agent, await telling.place.target()
    trouble = Trouble(
        target=target.model_copy(update={"name": f"web-{number}"}),
        failure=Failure.CRASHLOOP,
        cause=Cause.CRASHING,
        incident_id=f"inc-{number}",
        factors=("Node/node-1", "Namespace/shop"),
        at=telling.place.clock(),
        over=over,
    )
    settings = agent.settings
    await intake.report_trouble(agent.client, agent.installation, trouble, rule=settings.storm, ladder=settings.ladder)


async def _recorded(telling: Telling, event: str) -> bool:
    return any(record.event.value == event for record in telling.agent.records())

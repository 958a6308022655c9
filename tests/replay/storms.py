"""The stories of storm watches. Comes after `telling.py`; `stories.py` has them in its list."""

from __future__ import annotations

from byteport.contracts.workflows import Acknowledge, Trouble
from byteport.domain.failures import Failure
from byteport.domain.ids import storm_id
from byteport.domain.reasons import Cause
from byteport.temporal import intake
from tests.agent.places import eventually
from tests.replay.telling import Telling

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


async def _tell(telling: Telling, *, over: bool) -> None:
    agent, target = telling.agent, await telling.place.target()
    for number in range(3):
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
        await intake.report_trouble(
            agent.client, agent.installation, trouble, rule=settings.storm, ladder=settings.ladder
        )


async def _recorded(telling: Telling, event: str) -> bool:
    return any(record.event.value == event for record in telling.agent.records())

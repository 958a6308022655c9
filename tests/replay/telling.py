"""What a story is told with: an agent, its workers by queue, and a way to keep a history at a moment.

Comes before `stories.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.client import WorkflowHistory

from byteport.contracts.acts import Act
from byteport.contracts.workflows import Closed, Phase
from byteport.sandbox.dev_server import DevServer
from byteport.temporal.opened import open_history
from byteport.temporal.replay import recorded_schedule
from tests.agent.agent import Agent
from tests.agent.places import eventually
from tests.agent.running import quick, running
from tests.agent.simulated import SimulatedPlace
from tests.replay import store
from tests.replay.placeholders import Placeholders
from workers.processes import Process

UNDER_WAY = (EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED)
STARTED = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
WITHOUT_NOTICES = (Process.CONTROL, Process.LEDGER, Process.CLUSTER)


@dataclass
class Telling:
    """See the module."""

    agent: Agent
    place: SimulatedPlace
    kept: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def working(self, *processes: Process) -> AsyncIterator[None]:
        """Workers of these processes; all of them without a name."""
        async with AsyncExitStack() as stack:
            for process in processes or (Process.EMBEDDED,):
                await stack.enter_async_context(self.agent.worker(process))
            yield

    async def keep(self, story: str, workflow_id: str, run_id: str | None = None) -> None:
        """Write the history as it is now, once no task of it is under way."""
        found: WorkflowHistory = await eventually(f"{workflow_id} to rest", lambda: self._resting(workflow_id, run_id))
        opened = await open_history(found, store.converter())
        placeholders = Placeholders()
        scheduled = [placeholders.put(one._asdict()) for one in recorded_schedule(opened)]
        store.write(story, found, scheduled)
        self.kept.append(story)

    async def under_way(self, workflow_id: str, act: Act[Any, Any]) -> bool:
        """Whether a worker is performing the act for the run now."""
        described = await self.agent.client.get_workflow_handle(workflow_id).describe()
        pending = described.raw_description.pending_activities
        return any(one.activity_type.name == act.name and one.state == STARTED for one in pending)

    async def _resting(self, workflow_id: str, run_id: str | None) -> WorkflowHistory | None:
        found = await self.agent.history(workflow_id, run_id)
        return None if found.events[-1].event_type in UNDER_WAY else found

    async def until(self, workflow_id: str, *phases: Phase) -> None:
        await self.agent.until(workflow_id, *phases)

    async def until_closed(self, workflow_id: str) -> Closed:
        return await self.agent.until_closed(workflow_id)


@asynccontextmanager
async def told_by(
    server: DevServer, home: Path, policy: dict[str, Any], settings: dict[str, Any]
) -> AsyncIterator[Telling]:
    """An agent in real time whose payloads are encrypted with the published key; no worker yet."""
    place = SimulatedPlace()
    made = running(
        server,
        home,
        place,
        quick(**policy),
        settings=settings,
        payload_key=store.published_key(),
        skips_time=False,
    )
    async with made as agent:
        yield Telling(agent, place)

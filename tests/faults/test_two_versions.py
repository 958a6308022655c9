"""Fault 30: two versions of the worker during a rolling upgrade, on one task queue, on the real control plane.

The older one has none of the gates of today's workflows; a marker in a history tells that a gate was gone through, and
the identity in each completed task tells which process did it. How often something was done is told by the API server's
own audit log. That today's code replays the histories of its own past is shown by `tests/replay`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from temporalio.api.enums.v1 import EventType

from byteport.audit.words import Decision, Event, Result
from byteport.contracts.workflows import Closed
from byteport.domain.failures import Failure
from byteport.domain.ids import audit_id
from byteport.sandbox.children import Child
from byteport.sandbox.dev_server import DevServer
from tests.agent.agent import Agent
from tests.agent.processes import OLDER, PROGRAM, worker_process
from tests.agent.real import RealPlace
from tests.agent.running import quick, running
from tests.agent.stops import Fate, Moment
from tests.agent.trouble import CALL, trouble
from tests.faults.invariants import check
from workers.processes import Process

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(600)]

BOTH = (Process.CLUSTER, Process.REST)


@asynccontextmanager
async def version(agent: Agent, name: str, program: Sequence[str]) -> AsyncIterator[list[Child]]:
    """The two processes of a small installation, of one version."""
    async with AsyncExitStack() as stack:
        processes = [worker_process(agent, one, f"{name}-{one.value}", program) for one in BOTH]
        yield [await stack.enter_async_context(process) for process in processes]


class Told(NamedTuple):
    """What a run's history tells of who has worked on it."""

    gates: int
    pids: set[int]


async def told(agent: Agent, workflow_id: str) -> Told:
    events = (await agent.history(workflow_id)).events
    done = [
        one.workflow_task_completed_event_attributes
        for one in events
        if one.HasField("workflow_task_completed_event_attributes")
    ]
    gates = [one for one in events if one.event_type == EventType.EVENT_TYPE_MARKER_RECORDED]
    return Told(len(gates), {int(one.identity.rpartition(":")[2]) for one in done})


def done_once(agent: Agent, place: RealPlace, closed: Closed, failure: Failure) -> None:
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    intents = [record.action_id for record in agent.records(event=Event.STARTED)]
    attempts = [(one["verb"], one["objectRef"]["resource"], one["auditID"]) for one in place.attempts()]
    assert attempts == [(*CALL[failure], audit_id(str(action))) for action in intents]
    assert len(attempts) == 1


@pytest.mark.claim("C-073")
@pytest.mark.parametrize("moment", Moment)
async def test_review_25_and_fault_30_an_upgrade_while_an_act_is_on_its_way_has_one_effect(
    server: DevServer, on_control_plane: RealPlace, tmp_path: Path, moment: Moment
) -> None:
    """The older version dies hard with the call on its way; the newer one finds what it began."""
    place, failure = on_control_plane, Failure.CRASHLOOP
    async with running(server, tmp_path, place, quick("auto", place.namespace)) as agent:
        async with version(agent, "older", OLDER) as older:
            await trouble(place, failure)
            call = place.stops.hold(*CALL[failure], moment=moment)
            remediation = await agent.report(failure)
            await call.until_reached()
            assert (await told(agent, remediation)).gates == 0
            for child in older:
                await child.kill()
            call.let(Fate.LOSE if moment is Moment.BEFORE else Fate.PASS)
            async with version(agent, "newer", PROGRAM) as newer:
                closed = await agent.until_closed(remediation)
                done_once(agent, place, closed, failure)
                seen = await told(agent, remediation)
                assert seen.pids == {older[1].pid, newer[1].pid}
                assert seen.gates > 0, "the newer version goes on as it is, not as the older one was"
        await check(agent)


@pytest.mark.claim("C-073")
@pytest.mark.parametrize("failure", CALL)
async def test_review_25_and_fault_30_two_versions_that_serve_one_queue_have_one_effect_together(
    server: DevServer, on_control_plane: RealPlace, tmp_path: Path, failure: Failure
) -> None:
    """Neither is ended: what the older cannot replay it leaves to the newer."""
    place = on_control_plane
    async with running(server, tmp_path, place, quick("auto", place.namespace)) as agent:
        async with version(agent, "older", OLDER), version(agent, "newer", PROGRAM):
            await trouble(place, failure)
            closed = await agent.until_closed(await agent.report(failure))
            done_once(agent, place, closed, failure)
        await check(agent)

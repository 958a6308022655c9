"""Faults 1 and 2: a real worker process is killed with -9 around the call, on the real control plane.

The agent is two processes, as a small installation has it: `cluster`, which holds the cluster's credential, and `rest`.
The gateway holds the DELETE at one of two moments, the process dies, and only then the request, or its answer, goes on
its way. Another process takes over. How often the pod was deleted is told by the API server's own audit log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from byteport.audit.words import Decision, Event, Result
from byteport.contracts.workflows import Closed
from byteport.domain.failures import Failure
from byteport.domain.ids import audit_id
from byteport.sandbox.children import Child
from byteport.sandbox.dev_server import DevServer
from tests.agent.agent import Agent
from tests.agent.processes import worker_process
from tests.agent.real import RealPlace
from tests.agent.running import quick, running
from tests.agent.stops import Fate, Moment
from tests.agent.trouble import trouble
from tests.faults.invariants import check
from workers.processes import Process

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(600)]

EITHER = pytest.mark.parametrize("victim", [Process.CLUSTER, Process.REST], ids=lambda process: process.value)


@asynccontextmanager
async def an_agent_of_two(
    server: DevServer, folder: Path, place: RealPlace
) -> AsyncIterator[tuple[Agent, dict[Process, Child]]]:
    async with AsyncExitStack() as stack:
        policy = quick("auto", place.namespace)
        agent = await stack.enter_async_context(running(server, folder, place, policy))
        children = {
            process: await stack.enter_async_context(worker_process(agent, process, f"first-{process.value}"))
            for process in (Process.CLUSTER, Process.REST)
        }
        yield agent, children
        await check(agent)


@pytest.mark.claim("C-073")
@EITHER
async def test_fault_01_worker_killed_before_the_call_acts_once_on_another_worker(
    server: DevServer, on_control_plane: RealPlace, tmp_path: Path, victim: Process
) -> None:
    place = on_control_plane
    async with an_agent_of_two(server, tmp_path, place) as (agent, children):
        pod = await trouble(place, Failure.CRASHLOOP)
        delete = place.stops.hold("delete", "pods")
        remediation = await agent.report(Failure.CRASHLOOP)
        await delete.until_reached()
        await children[victim].kill()
        assert place.attempts() == []
        delete.let(Fate.LOSE if victim is Process.CLUSTER else Fate.PASS)
        async with worker_process(agent, victim, "second"):
            closed = await agent.until_closed(remediation)
            done_once(agent, place, closed, verb="delete", name=pod)


@pytest.mark.claim("C-073")
@EITHER
async def test_fault_02_worker_killed_after_the_call_and_before_the_record_makes_no_second_call(
    server: DevServer, on_control_plane: RealPlace, tmp_path: Path, victim: Process
) -> None:
    place = on_control_plane
    async with an_agent_of_two(server, tmp_path, place) as (agent, children):
        pod = await trouble(place, Failure.CRASHLOOP)
        delete = place.stops.hold("delete", "pods", moment=Moment.AFTER)
        remediation = await agent.report(Failure.CRASHLOOP)
        await delete.until_reached()
        assert [write.name for write in place.writes()] == [pod]
        assert agent.events() == ["started"]
        await children[victim].kill()
        delete.let()
        async with worker_process(agent, victim, "second"):
            closed = await agent.until_closed(remediation)
            done_once(agent, place, closed, verb="delete", name=pod)


@pytest.mark.claim("C-073")
async def test_fault_02_a_rollback_is_found_by_its_stamp(
    server: DevServer, on_control_plane: RealPlace, tmp_path: Path
) -> None:
    place = on_control_plane
    async with an_agent_of_two(server, tmp_path, place) as (agent, children):
        name = await trouble(place, Failure.BAD_ROLLOUT)
        patch = place.stops.hold("patch", "deployments", moment=Moment.AFTER)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        await patch.until_reached()
        await children[Process.CLUSTER].kill()
        patch.let()
        async with worker_process(agent, Process.CLUSTER, "second"):
            closed = await agent.until_closed(remediation)
            done_once(agent, place, closed, verb="patch", name=name)
            assert await agent.said(remediation, "done before, found in place")


def done_once(agent: Agent, place: RealPlace, closed: Closed, *, verb: str, name: str) -> None:
    """One request in the API server's audit log, under the action's own id, and one record of its outcome."""
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    (intent,) = agent.records(event=Event.STARTED)
    assert intent.action_id is not None
    attempts = [(one["verb"], one["objectRef"]["name"], one["auditID"]) for one in place.attempts()]
    assert attempts == [(verb, name, audit_id(intent.action_id))]
    assert agent.events() == ["started", "finished"]

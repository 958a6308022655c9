"""The two remediations from end to end on the real control plane, as the agent's own ServiceAccount.

The watch sees the trouble by itself; what the agent did is told by the API server's own audit log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from byteport.audit.words import Decision, Event, Result
from byteport.contracts.workflows import Closed
from byteport.domain.failures import Failure
from byteport.domain.ids import audit_id, remediation_id
from byteport.sandbox.controlplane import AGENT_USER
from byteport.sandbox.dev_server import DevServer
from tests.agent.agent import Agent
from tests.agent.places import APP
from tests.agent.real import RealPlace
from tests.agent.running import quick, running
from tests.faults.invariants import check

JSON = dict[str, Any]
WATCHING = {"watch": {"enabled": True}}

pytestmark = pytest.mark.timeout(600)


def the_one_write(agent: Agent, place: RealPlace) -> JSON:
    """The only request of the agent that changed anything, in this namespace or any other.

    One before it may have been refused, when the pod changed under it (409): that is an action of its own, not done.
    """
    asked = {audit_id(one.action_id or ""): one for one in agent.records(event=Event.STARTED)}
    *refused, write = place.attempts()
    assert {one["responseStatus"]["code"] for one in refused} <= {409}
    assert [one["auditID"] for one in (*refused, write)] == list(asked)
    assert write["user"]["username"] == AGENT_USER
    assert write["objectRef"]["namespace"] == place.namespace
    assert write["responseStatus"]["code"] == 200
    return write


def verified(agent: Agent, closed: Closed) -> None:
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    finished = agent.records(event=Event.FINISHED)[-1]
    assert finished.result is Result.SUCCESS
    assert finished.mttr_seconds == closed.mttr_seconds
    assert finished.approver == agent.records(event=Event.STARTED)[-1].approver


@pytest.mark.claim("C-213")
async def test_a_crash_loop_is_seen_repaired_and_verified(server: DevServer, place: RealPlace, tmp_path: Path) -> None:
    policy = quick("auto", place.namespace)
    async with running(server, tmp_path / "home", place, policy, settings=WATCHING) as agent, agent.worker():
        await place.healthy()
        victim = await place.a_pod_begins_to_crash(backoff_seconds=30)
        closed = await agent.until_closed(remediation_id(await place.target(), Failure.CRASHLOOP))
        verified(agent, closed)
        write = the_one_write(agent, place)
        assert (write["verb"], write["objectRef"]["name"]) == ("delete", victim)
        assert set(write["requestObject"]["preconditions"]) == {"uid", "resourceVersion"}
        await place.serves()
        await check(agent)


@pytest.mark.claim("C-213")
async def test_a_bad_image_is_rolled_back_by_a_signed_approval_and_verified(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    policy = quick("dry_run", place.namespace)
    async with running(server, tmp_path / "home", place, policy, settings=WATCHING) as agent, agent.worker():
        await place.healthy()
        await place.release(2, fault="image")
        request = await agent.asked()
        assert place.attempts() == []
        await agent.give(agent.sign(request, reason="the tag does not exist"))
        closed = await agent.until_closed(request.remediation_id)
        verified(agent, closed)
        write = the_one_write(agent, place)
        assert (write["verb"], write["objectRef"]["resource"], write["objectRef"]["name"]) == (
            "patch",
            "deployments",
            APP,
        )
        tested = [operation["path"] for operation in write["requestObject"] if operation["op"] == "test"]
        assert {"/metadata/uid", "/spec/template"} <= set(tested)
        assert await place.image() == "1"
        (intent,) = agent.records(event=Event.STARTED)
        assert intent.approver == "operator"
        assert [answer.signature is not None for answer in intent.answers] == [True]
        await place.serves()
        await check(agent)

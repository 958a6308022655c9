"""The whole agent against a real kubelet: what it repairs there, and what it hands to a person with the right cause.

Containers really crash, are really killed for memory and really cannot be pulled; the watch sees it by itself. What
the agent did is told by the API server's own audit log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from byteport.audit.words import Decision, Event, Result
from byteport.contracts.people import Notice
from byteport.contracts.workflows import Closed
from byteport.domain.failures import Failure
from byteport.domain.ids import audit_id, remediation_id
from byteport.domain.reasons import Cause
from byteport.sandbox.controlplane import AGENT_USER
from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.realnode import MISSING_IMAGE
from byteport.sandbox.realnode.image import TAGS
from tests.agent.agent import Agent
from tests.agent.places import APP
from tests.agent.real import RealPlace
from tests.agent.running import quick, running
from tests.cluster.at_work import WATCHING, lasted, notices, told
from tests.faults.invariants import check
from tests.node import workload
from tests.node.workload import break_one, serve

JSON = dict[str, Any]

pytestmark = pytest.mark.timeout(300)


@asynccontextmanager
async def at_work(server: DevServer, place: RealPlace, folder: Path, mode: str) -> AsyncIterator[Agent]:
    policy = quick(mode, place.namespace)
    async with running(server, folder, place, policy, settings=WATCHING) as agent, agent.worker():
        yield agent


def the_one_write(agent: Agent, place: RealPlace) -> JSON:
    """What changed anything, by the last intent of the log; those before it met a pod that was just changing (409)."""
    asked = [audit_id(one.action_id or "") for one in agent.records(event=Event.STARTED)]
    *refused, write = place.attempts()
    assert {one["responseStatus"]["code"] for one in refused} <= {409}
    assert {one["auditID"] for one in refused} <= set(asked[:-1])
    assert write["auditID"] == asked[-1]
    assert (write["user"]["username"], write["responseStatus"]["code"]) == (AGENT_USER, 200)
    return write


def verified(closed: Closed) -> None:
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)


async def paged(agent: Agent, place: RealPlace) -> Notice:
    """The first page; nothing was done, nor about to be."""
    notice = await told(agent, lambda one: one.rung == 1, within=120.0)
    assert place.attempts() == []
    assert agent.records(event=Event.STARTED) == []
    return notice


def cause_of(notice: Notice) -> str:
    """Without the culprit that may stand behind it."""
    return notice.cause.partition(":")[0]


async def test_a_real_crash_loop_is_seen_repaired_and_verified(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    await serve(place)
    async with at_work(server, place, tmp_path / "home", "auto") as agent:
        victim, injected = await break_one(place, workload.PANICS), place.clock()
        closed = await agent.until_closed(remediation_id(await place.target(), Failure.CRASHLOOP))
        lasted("first panic to a verified replacement", injected, place.clock())
        verified(closed)
        assert closed.cause is Cause.TRANSIENT
        write = the_one_write(agent, place)
        assert (write["verb"], write["objectRef"]["name"]) == ("delete", victim)
        await place.serves()
        assert victim not in {pod["metadata"]["name"] for pod in await place.pods()}
        await check(agent)


async def test_a_real_image_that_is_not_there_is_rolled_back_by_a_signed_approval_and_verified(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    await serve(place)
    async with at_work(server, place, tmp_path / "home", "dry_run") as agent:
        await place.apply(workload.web(image=MISSING_IMAGE))
        injected = place.clock()
        request = await agent.asked()
        lasted("bad release to a signed question", injected, place.clock())
        assert place.attempts() == []
        answered = place.clock()
        await agent.give(agent.sign(request, reason="the tag does not exist"))
        closed = await agent.until_closed(request.remediation_id)
        lasted("approval to a verified rollback", answered, place.clock())
        verified(closed)
        assert closed.cause is Cause.BAD_IMAGE
        write = the_one_write(agent, place)
        assert (write["verb"], write["objectRef"]["resource"]) == ("patch", "deployments")
        assert await place.image() == TAGS[0]
        await place.serves()
        await check(agent)


async def test_a_real_kill_for_memory_is_told_as_one_and_nothing_is_restarted(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    await serve(place)
    async with at_work(server, place, tmp_path / "home", "auto") as agent:
        victim, injected = await break_one(place, workload.EATS_MEMORY), place.clock()
        notice = await paged(agent, place)
        lasted("first kill to the page", injected, place.clock())
        assert cause_of(notice) == Cause.OOM_KILLED
        assert notice.target == f"{place.namespace}/Deployment/{APP}"
        assert victim in "\n".join(notice.evidence)
        assert victim in {pod["metadata"]["name"] for pod in await place.pods()}
        await check(agent)


async def test_the_log_of_a_real_container_names_the_dependency_that_is_down(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    """Exit code and reason are those of any crash: only what it printed tells that a restart would not help."""
    await serve(place)
    async with at_work(server, place, tmp_path / "home", "auto") as agent:
        victim = await break_one(place, workload.CANNOT_CONNECT)
        notice = await paged(agent, place)
        assert cause_of(notice) == Cause.DEPENDENCY_DOWN
        assert notice.cause == f"{Cause.DEPENDENCY_DOWN}: 10.96.7.7:5432"
        assert not any("dial tcp" in one.model_dump_json() for one in notices(agent))
        assert victim in "\n".join(notice.evidence)
        await check(agent)


async def test_a_container_that_its_liveness_probe_kills_is_told_as_such(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    await serve(place, probed=True)
    async with at_work(server, place, tmp_path / "home", "auto") as agent:
        await break_one(place, workload.GOES_DEAF)
        notice = await paged(agent, place)
        assert cause_of(notice) == Cause.PROBE_KILL
        await check(agent)

"""A raised floor and its end on the real control plane, as the agent's own ServiceAccount.

The watch sees the surge by itself; the real autoscaler controller scales up from the raised floor, and back once it is
restored. What the agent did is told by the API server's own audit log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from byteport.audit.records import Record
from byteport.audit.words import Decision, Event, Result
from byteport.contracts.kubernetes import RAISE_FLOOR, RESTORE_FLOOR
from byteport.contracts.orchestration import START_TIMEBOX
from byteport.contracts.workflows import Closed, Phase, TimeboxClosed
from byteport.domain.failures import Failure
from byteport.domain.ids import audit_id, remediation_id, timebox_id
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_UNTIL, floor_setter, rest_setter
from byteport.kubernetes.floor_patch import FLOOR_RESTORED
from byteport.kubernetes.patches import ACTION_ID
from byteport.sandbox.dev_server import DevServer
from tests.agent.agent import Agent
from tests.agent.places import APP
from tests.agent.real import RealPlace
from tests.agent.running import quick, running
from tests.cluster.at_work import WATCHING, lasted, told
from tests.cluster.surges import ASKED, CEILING, OWNERS_FLOOR, Busy
from tests.faults.invariants import check
from tests.workflows.histories import scheduled

JSON = dict[str, Any]

BOX_SECONDS = 60
EDITED = 5
BOOKED_SECONDS = 1.0
"""The API server's book-keeping knows whole seconds."""

pytestmark = pytest.mark.timeout(600)


@asynccontextmanager
async def at_work(server: DevServer, place: RealPlace, folder: Path, **more: Any) -> AsyncIterator[Agent]:
    """In `auto`, and this autoscaler is on the list."""
    named = [f"{place.namespace}/{APP}"]
    policy = quick("auto", place.namespace, raise_allowed=named, timebox_seconds=BOX_SECONDS, **more)
    async with running(server, folder, place, policy, settings=WATCHING) as agent, agent.worker():
        yield agent


def box_of(agent: Agent) -> WorkflowHandle[object, TimeboxClosed]:
    workflow_id = timebox_id(agent.place.uid, agent.place.namespace, APP)
    return agent.client.get_workflow_handle(workflow_id, result_type=TimeboxClosed)


async def verified(agent: Agent) -> Closed:
    closed = await agent.until_closed(remediation_id(await agent.place.target(), Failure.CPU))
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert closed.cause is Cause.AUTOSCALER_LIMITED
    return closed


async def until_over(agent: Agent) -> TimeboxClosed:
    await agent.settled(box_of(agent).id, within=BOX_SECONDS + 60)
    return await box_of(agent).result()


def patches(place: RealPlace) -> list[JSON]:
    """Every write that the agent tried, which are all patches of the one autoscaler."""
    found = place.attempts()
    for one in found:
        about = one["objectRef"]
        assert (one["verb"], about["resource"], about["namespace"], about["name"]) == (
            "patch",
            "horizontalpodautoscalers",
            place.namespace,
            APP,
        )
        assert one["responseStatus"]["code"] == 200
    return found


def marks(item: JSON) -> dict[str, str]:
    return dict(item["metadata"].get("annotations") or {})


def of_acts(agent: Agent) -> list[Record]:
    return [record for record in agent.records() if record.action_id]


@pytest.mark.claim("C-044", "C-213")
async def test_a_floor_is_raised_scaled_up_from_and_put_back(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    busy = Busy(place)
    await busy.begin(annotated=False)
    async with at_work(server, place, tmp_path / "home") as agent:
        async with busy.surge():
            injected = place.clock()
            marked = marks(raised := await busy.raised())
            assert (raised["spec"]["minReplicas"], marked[FLOOR_BEFORE]) == (ASKED, str(OWNERS_FLOOR))
            until = datetime.fromisoformat(marked[FLOOR_UNTIL])
            assert timedelta(0) < until - place.clock() <= timedelta(seconds=BOX_SECONDS)
            await busy.until_replicas(ASKED)
            scaled = place.clock()
            await busy.until_said(f"New size: {ASKED}; reason: Current number of replicas below Spec.MinReplicas")
            closed = await verified(agent)
            helped = place.clock()
        assert (await busy.floor(), await busy.replicas()) == (ASKED, ASKED)
        over = await until_over(agent)
        assert over.outcome == "restored"
        await busy.until_replicas(OWNERS_FLOOR)
        back = place.clock()
        await busy.until_said(f"New size: {OWNERS_FLOOR}; ")

        item = await busy.scaler()
        assert item["spec"]["minReplicas"] == OWNERS_FLOOR
        assert not {FLOOR_BEFORE, FLOOR_UNTIL} & set(marks(item))
        assert marks(item)[FLOOR_RESTORED] == marked[ACTION_ID]
        assert item["spec"] == {**raised["spec"], "minReplicas": OWNERS_FLOOR}

        records = of_acts(agent)
        assert [one.event for one in records] == [Event.STARTED, Event.FINISHED, Event.STARTED, Event.REVERTED]
        assert {one.incident_id for one in records} == {closed.incident_id}
        assert [one.result for one in records if one.event is not Event.STARTED] == [Result.SUCCESS, Result.SUCCESS]
        up, down = patches(place)
        assert [one["auditID"] for one in (up, down)] == [
            audit_id(one.action_id or "") for one in records if one.event is Event.STARTED
        ]
        await in_order(agent, up)
        begun = (await box_of(agent).describe()).start_time
        assert at(down) - begun >= timedelta(seconds=BOX_SECONDS)
        await check(agent)
    lasted("surge to raised floor", injected, at(up))
    lasted("raised floor to the controller's scaling", at(up), scaled)
    lasted("raised floor to verified", at(up), helped)
    lasted("end of the box to restored floor", until, at(down))
    lasted("restored floor to the controller's scaling back", at(down), back)


def at(write: JSON) -> datetime:
    """When the API server received it."""
    return datetime.fromisoformat(write["requestReceivedTimestamp"])


async def in_order(agent: Agent, up: JSON) -> None:
    """The clock of the floor ran before the floor was raised: by the history, and by the clocks of both servers."""
    target = await agent.place.target()
    handle = agent.client.get_workflow_handle(remediation_id(target, Failure.CPU))
    acts = [name for name, _ in await scheduled(agent.client, handle)]
    assert acts.index("audit.reserve") < acts.index(START_TIMEBOX.name) < acts.index(RAISE_FLOOR.name)
    assert RESTORE_FLOOR.name not in acts
    started = (await box_of(agent).describe()).start_time
    assert started.astimezone(UTC) < at(up)


@pytest.mark.claim("C-045")
async def test_a_floor_that_somebody_edits_meanwhile_is_left_and_the_record_says_who(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    busy = Busy(place)
    await busy.begin()
    async with at_work(server, place, tmp_path / "home") as agent:
        async with busy.surge():
            await busy.raised()
            closed = await verified(agent)
        await busy.edit(manager="kubectl-edit", minReplicas=EDITED)
        over = await until_over(agent)
        assert (over.outcome, over.reasons) == ("changed", (Reason.TARGET_CHANGED,))
        assert await busy.floor() == EDITED
        assert len(patches(place)) == 1
        left = agent.records(event=Event.SKIPPED)[-1]
        assert (left.incident_id, left.decision) == (closed.incident_id, Decision.SKIPPED)
        assert f"minReplicas is {EDITED}, last set by kubectl-edit" in (left.note or "")
        notice = await told(agent, lambda one: Reason.TARGET_CHANGED in one.reasons)
        assert any("kubectl-edit" in line for line in notice.evidence)
        await busy.until_replicas(EDITED)
        await check(agent)


async def test_a_floor_that_does_not_help_is_put_back_at_once_and_the_load_keeps_its_replicas(
    server: DevServer, place: RealPlace, tmp_path: Path
) -> None:
    busy = Busy(place)
    await busy.begin()
    async with at_work(server, place, tmp_path / "home", verify_deadline_seconds=20) as agent, busy.surge() as surge:
        injected = place.clock()
        await busy.raised()
        surge.grow()
        await busy.until_replicas(ASKED)  # which its controller does at its next look
        state = await agent.until(remediation_id(await place.target(), Failure.CPU), Phase.ESCALATED)
        assert state.decision is Decision.ESCALATED
        assert await busy.floor() == OWNERS_FLOOR
        records = of_acts(agent)
        assert [one.event for one in records][:3] == [Event.STARTED, Event.FINISHED, Event.STARTED]
        assert records[1].result is Result.FAILURE
        assert records[-1].event is Event.REVERTED
        page = await told(agent, lambda one: one.rung == 1)
        done, failed, undone = page.tried
        assert (done[:6], undone[:6]) == ("done: ", "done: ")
        assert failed.startswith("it did not help")
        assert f'"minReplicas":{OWNERS_FLOOR}' in undone
        up, down = patches(place)
        await busy.until_observed()
        assert await busy.replicas() >= ASKED
        await check(agent)
    lasted("surge to raised floor", injected, at(up))
    lasted("raised floor to put back, since it did not help", at(up), at(down))


async def test_who_set_the_floor_and_who_the_rest_is_told_by_the_api_servers_own_book_keeping(place: RealPlace) -> None:
    busy = Busy(place)
    await busy.begin()
    made = await busy.scaler()
    assert floor_setter(made).manager == rest_setter(made).manager == "kubectl-client-side-apply"
    for manager, spec in (("byteport-agent", {"minReplicas": EDITED}), ("kubectl-edit", {"maxReplicas": CEILING + 1})):
        await asyncio.sleep(BOOKED_SECONDS)
        await busy.edit(manager=manager, **spec)
    await busy.until_observed()
    item = await busy.scaler()
    raised, changed = floor_setter(item), rest_setter(item)
    assert (raised.manager, changed.manager) == ("byteport-agent", "kubectl-edit")
    assert raised.at is not None
    assert changed.at is not None
    assert raised.at < changed.at

"""Faults 2 and 3 of a floor: the cluster worker is killed with -9 between the patch and its record, both ways.

The gateway holds the answer of the raise, and later that of the restore; each time the worker dies with it, and a fresh
process that remembers nothing finds what was done by its mark. The API server's own audit log holds two patches.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from byteport.audit.words import Decision, Event, Result
from byteport.domain.failures import Failure
from byteport.domain.ids import audit_id, remediation_id, timebox_id
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_UNTIL
from byteport.sandbox.dev_server import DevServer
from tests.agent.places import APP
from tests.agent.processes import worker_process
from tests.agent.real import RealPlace
from tests.agent.running import quick, running
from tests.agent.stops import Moment, Stop
from tests.cluster.at_work import WATCHING
from tests.cluster.surges import ASKED, OWNERS_FLOOR, Busy
from tests.faults.invariants import check
from workers.processes import Process

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(900)]

BOX_SECONDS = 60


async def reached(stop: Stop, within: float) -> None:
    async with asyncio.timeout(within):
        await stop.reached.wait()


@pytest.mark.claim("C-073")
async def test_a_worker_killed_after_a_raise_and_after_its_restore_makes_no_second_patch(
    server: DevServer, on_control_plane: RealPlace, tmp_path: Path
) -> None:
    place = on_control_plane
    busy = Busy(place)
    await busy.begin()
    named = [f"{place.namespace}/{APP}"]
    policy = quick("auto", place.namespace, raise_allowed=named, timebox_seconds=BOX_SECONDS)
    async with running(server, tmp_path / "home", place, policy, settings=WATCHING, skips_time=False) as agent:
        remediation = remediation_id(await place.target(), Failure.CPU)
        box = timebox_id(agent.place.uid, place.namespace, APP)
        async with worker_process(agent, Process.REST, "rest"):
            async with busy.surge():
                raising = place.stops.hold("patch", "horizontalpodautoscalers", moment=Moment.AFTER)
                async with worker_process(agent, Process.CLUSTER, "first") as first:
                    await reached(raising, within=180.0)
                    assert await busy.floor() == ASKED
                    assert [record.event for record in agent.records() if record.action_id] == [Event.STARTED]
                    await first.kill()
                    raising.let()
                restoring = place.stops.hold("patch", "horizontalpodautoscalers", moment=Moment.AFTER)
                async with worker_process(agent, Process.CLUSTER, "second") as second:
                    closed = await agent.until_closed(remediation)
                    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
                    assert await agent.said(remediation, "done before, found in place")
                    await reached(restoring, within=BOX_SECONDS + 90.0)
                    assert await busy.floor() == OWNERS_FLOOR
                    await second.kill()
                    restoring.let()
            async with worker_process(agent, Process.CLUSTER, "third"):
                await agent.settled(box, within=180.0)
                records = [record for record in agent.records() if record.action_id]
                events = [record.event for record in records]
                assert events == [Event.STARTED, Event.FINISHED, Event.STARTED, Event.REVERTED]
                assert records[-1].result is Result.SUCCESS
                attempts = [(one["verb"], one["objectRef"]["name"], one["auditID"]) for one in place.attempts()]
                intents = [record.action_id for record in records if record.event is Event.STARTED]
                assert attempts == [("patch", APP, audit_id(action)) for action in intents if action]
                marks = (await busy.scaler())["metadata"].get("annotations") or {}
                assert not {FLOOR_BEFORE, FLOOR_UNTIL} & set(marks)
        await check(agent)

"""A repair on a real API server with Events chosen: the boundary is whole with the one right more, `kubectl describe` tells what
was done, and the API server's own audit log has no write that the log and the design do not explain."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from byteport.domain.failures import Failure
from byteport.kubernetes.told_events import EventReason, Telling, event_of
from byteport.sandbox.controlplane import AGENT_USER, ControlPlane
from byteport.sandbox.dev_server import DevServer
from tests.agent.places import APP
from tests.agent.real import NAMESPACED, directly
from tests.agent.running import quick, running
from tests.agent.stolen import Thief
from tests.cluster.test_matched_real import causes, verdict

pytestmark = pytest.mark.timeout(600)

WITH_EVENTS = NAMESPACED.model_copy(update={"events": True})


@pytest.mark.claim("C-483", "C-484")
@pytest.mark.control_plane
async def test_kubectl_describe_tells_a_repair_and_its_events_are_explained_but_no_thiefs(
    control_plane: ControlPlane, server: DevServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        directly(control_plane, WITH_EVENTS) as place,
        running(server, tmp_path / "home", place, quick("auto", place.namespace)) as agent,
    ):
        async with agent.worker():
            await place.healthy()
            await place.one_pod_crashes()
            closed = await agent.until_closed(await agent.report(Failure.CRASHLOOP))
            assert closed.result == "success"
        described = await asyncio.to_thread(
            control_plane.kubectl, "describe", "deployment", APP, "--namespace", place.namespace
        )
        told = [line for line in described.splitlines() if closed.incident_id in line]
        reasons = sorted(line.split()[1] for line in told)  # those of one second stand in any order
        assert reasons == ["RemediationActed", "RemediationPlanned", "RemediationVerified"]
        found = await asyncio.to_thread(verdict, agent, tmp_path, capsys)
        assert (found["verdict"], found["findings"], found["notices"]) == ("matched", [], [])
        written = control_plane.audit_events(user=AGENT_USER, verbs=("create",))
        here = [one for one in written if one["objectRef"].get("namespace") == place.namespace]
        events = [one for one in here if one["objectRef"]["resource"] == "events"]
        assert len([one for one in events if one["responseStatus"]["code"] < 300]) == len(told)
        telling = Telling(reason=EventReason.ESCALATED, target=await place.target(), incident_id=closed.incident_id)
        await Thief(place).tells(place.namespace, event_of(telling, now=datetime.now(UTC)))
        found = await asyncio.to_thread(verdict, agent, tmp_path, capsys)
        (cause,) = causes(found)
        assert cause in ("unrecorded_write", "after_the_records"), "by how soon after the last record it was"

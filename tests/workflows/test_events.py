"""What `kubectl describe` tells of an incident: each moment once, and never in the way of the repair."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from byteport.contracts.events import TELL_EVENT
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.errors import Unavailable
from byteport.kubernetes import port
from byteport.kubernetes.told_events import is_telling
from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.simulated import Right
from byteport.sandbox.simulated.interruptions import Interruption
from tests.workflows import remediation
from tests.workflows.interference import after_the_call
from tests.workflows.remediation import Remediation
from tests.workflows.restored import half_bad, restored_pods_fail
from tests.workflows.world import JSON, World, installed
from workflows.phases import events

pytestmark = pytest.mark.slow

BOUNDARY = {"enforced": False, "sight": "cluster", "events": True}


@pytest_asyncio.fixture
async def telling(server: DevServer, namespace: str, tmp_path: Path) -> AsyncIterator[World]:
    """An installation that writes Events."""
    async with installed(server, namespace, tmp_path, boundary=BOUNDARY) as made:
        yield made


async def told(world: World) -> list[JSON]:
    """Our Events, in the order in which they were written."""
    listed = await world.cluster.list(port.EVENTS, "shop")
    ours = [item for item in listed.items if item["metadata"]["name"].startswith("byteport.")]
    assert all(is_telling({**item, "metadata": {"name": item["metadata"]["name"]}}, "shop") for item in ours)
    return sorted(ours, key=lambda item: int(item["metadata"]["resourceVersion"]))


async def reasons(world: World) -> list[str]:
    return [item["reason"].removeprefix("Remediation") for item in await told(world)]


async def asked(run: Remediation) -> list[str]:
    """The activities that the run asked for, by name."""
    history = await run.handle.fetch_history()
    found = [event.activity_task_scheduled_event_attributes.activity_type.name for event in history.events]
    return [name for name in found if name]


@pytest.mark.claim("C-483")
async def test_a_repair_that_is_done_alone_is_told_from_plan_to_proof(telling: World) -> None:
    telling.policy(mode="auto")
    closed = await (await remediation.crash_loop(telling)).closed()
    assert closed.result is Result.SUCCESS
    assert await reasons(telling) == ["Planned", "Acted", "Verified"]
    events = await told(telling)
    deployment = await telling.cluster.get(port.DEPLOYMENTS, "shop", "web")
    assert {event["involvedObject"]["uid"] for event in events} == {deployment["metadata"]["uid"]}
    assert all(event["message"].endswith(f"Incident {closed.incident_id}.") for event in events)
    assert events[0]["message"].startswith("BytePort plans to delete one pod that is not Ready. It does so alone.")


@pytest.mark.claim("C-483")
async def test_a_plan_that_waits_for_a_yes_says_so_and_is_done_when_it_comes(telling: World) -> None:
    waiting = await (await remediation.bad_release(telling)).until(Phase.AWAITING_APPROVAL)
    await waiting.approve(by="ada")
    assert (await waiting.remediation.closed()).decision is Decision.ACTED
    assert await reasons(telling) == ["Planned", "Acted", "Verified"]
    planned, acted, _ = await told(telling)
    assert "roll back to revision 1. It waits for a person's yes." in planned["message"]
    assert "Because of: " in planned["message"]
    assert acted["message"].startswith("BytePort rolled back to revision 1,")


@pytest.mark.claim("C-483")
async def test_what_did_not_help_is_told_as_undone_and_handed_over(telling: World) -> None:
    agreed_by_one = await half_bad(telling)
    after_the_call(telling.cluster, "patch", lambda: restored_pods_fail(telling))
    await agreed_by_one.approve(by="grace")
    run = agreed_by_one.remediation
    await run.until(Phase.ESCALATED)
    await run.acknowledge(by="ada")
    await run.closed()
    assert await reasons(telling) == ["Planned", "Acted", "Undone", "Escalated"]
    assert [event["type"] for event in await told(telling)] == ["Normal", "Normal", "Warning", "Warning"]


@pytest.mark.claim("C-483")
async def test_a_target_that_a_person_only_named_is_told_of_under_the_uid_that_was_read(telling: World) -> None:
    telling.policy(mode="auto")
    await telling.one_pod_crashes()
    known = await remediation.remediation_of(telling, Failure.CRASHLOOP)
    named = Remediation(telling, known.target.model_copy(update={"uid": ""}), Failure.CRASHLOOP)
    await named.report()
    await named.closed()
    assert await reasons(telling) == ["Planned", "Acted", "Verified"]
    assert {event["involvedObject"]["uid"] for event in await told(telling)} == {known.target.uid}


@pytest.mark.claim("C-483")
@pytest.mark.parametrize("refused", [True, False], ids=["no right", "no answer"])
async def test_a_repair_goes_on_and_ends_the_same_though_no_event_can_be_written(telling: World, refused: bool) -> None:
    telling.policy(mode="auto")
    if refused:
        telling.cluster.access.revoke(Right("create", port.EVENTS))
    else:
        telling.cluster.interruptions.add("create", Interruption(Unavailable("no answer")), times=100)
    closed = await (await remediation.crash_loop(telling)).closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert await told(telling) == []


async def test_an_api_server_that_hangs_holds_up_the_end_of_a_run_for_a_while_and_no_longer(
    telling: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling.policy(mode="auto")
    monkeypatch.setattr(events, "LONGEST_LEFT", timedelta(seconds=0.1))
    telling.cluster.interruptions.add("create", Interruption(Unavailable("no answer"), after_seconds=0.5), times=100)
    run = await remediation.crash_loop(telling)
    closed = await run.closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert "its last Kubernetes Events could not be written" in [moment.what for moment in (await run.state()).timeline]


@pytest.mark.claim("C-483")
async def test_where_it_was_not_chosen_none_is_written_and_none_is_asked_for(world: World) -> None:
    world.policy(mode="auto")
    run = await remediation.crash_loop(world)
    await run.closed()
    assert TELL_EVENT.name not in await asked(run)
    assert await told(world) == []

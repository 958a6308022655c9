"""Every incident that closes gets one postmortem, by a run of its own, and a record that says where it lies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from byteport.audit.records import Record
from byteport.audit.verify import Verdict
from byteport.audit.words import Event
from byteport.contracts.ledger import Decision
from byteport.contracts.workflows import Closed, Phase
from byteport.domain.failures import Failure
from byteport.domain.ids import postmortem_id
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.sandbox.dev_server import DevServer
from tests.workflows import remediation
from tests.workflows.patience import until
from tests.workflows.world import World, installed

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture
async def telling(server: DevServer, namespace: str, tmp_path: Path) -> AsyncIterator[World]:
    """An installation that files postmortems; its log verifies in the end, with their records in it."""
    async with installed(server, namespace, tmp_path, postmortem={"target": "file"}) as made:
        yield made
        assert [report.intact for report in made.log.verify_all()] == [Verdict.INTACT]


def folder_of(world: World) -> Path:
    assert world.settings.postmortem.folder is not None
    return world.settings.postmortem.folder


async def filed(world: World, closed: Closed) -> tuple[str, Record]:
    """The one postmortem there is, and the one record that tells of it."""

    def told() -> list[Record]:
        return [record for record in world.records if record.postmortem_url is not None]

    (record,) = await until(told, "the record of a postmortem")
    (file,) = folder_of(world).iterdir()
    await world.client.get_workflow_handle(postmortem_id(closed.incident_id)).result()
    assert record.postmortem_url == file.as_uri()
    assert (record.event, record.incident_id, record.result) == (Event.REOBSERVED, closed.incident_id, None)
    assert (record.decision, record.mttr_seconds) == (closed.decision, closed.mttr_seconds)
    return file.read_text(), record


@pytest.mark.claim("C-478")
async def test_a_repair_has_one_with_what_each_mode_would_have_done(telling: World) -> None:
    telling.policy(mode="auto")
    closed = await (await remediation.crash_loop(telling)).closed()
    said, record = await filed(telling, closed)
    assert f"| time to repair (MTTR) | {closed.mttr_seconds} s |" in said
    assert "| observe | tell people, and not act alone |" in said
    assert "| dry_run | ask for a yes, and act on nothing else |" in said
    assert "| **auto** (in force) | act alone |" in said
    assert record.command is not None
    assert f"`{record.command}`" in said


@pytest.mark.claim("C-478")
async def test_a_plan_that_a_person_refused_has_one(telling: World) -> None:
    waiting = await (await remediation.bad_release(telling)).until(Phase.AWAITING_APPROVAL)
    await waiting.reject(by="ada")
    closed = await waiting.remediation.closed()
    said, _ = await filed(telling, closed)
    assert closed.decision is Decision.DRY_RUN_PLANNED
    assert "| **dry_run** (in force) | ask for a yes, and act on nothing else |" in said
    assert telling.writes == []


@pytest.mark.claim("C-478")
async def test_an_escalation_has_one_once_somebody_has_taken_it_over(telling: World) -> None:
    telling.policy(mode="observe")
    escalated = await remediation.bad_release(telling)
    await escalated.until(Phase.ESCALATED)
    assert not folder_of(telling).exists()
    await escalated.acknowledge(by="ada")
    said, _ = await filed(telling, await escalated.closed())
    assert "taken over by ada" in said
    assert "| **observe** (in force) |" in said


@pytest.mark.claim("C-478")
async def test_what_was_skipped_has_one_that_says_that_nothing_was_judged(telling: World) -> None:
    telling.policy(mode="auto")
    await telling.a_release_fails()
    await telling.cluster.label_namespace("shop", {ENABLED_LABEL: None})
    skipped = await remediation.remediation_of(telling, Failure.BAD_ROLLOUT)
    await skipped.report()
    said, _ = await filed(telling, await skipped.closed())
    assert "No plan was judged" in said


@pytest.mark.claim("C-478")
async def test_a_run_that_somebody_cancelled_has_one(telling: World) -> None:
    waiting = await (await remediation.bad_release(telling)).until(Phase.AWAITING_APPROVAL)
    cancelled = waiting.remediation
    await cancelled.handle.cancel()
    await cancelled.has_ended()
    await until(lambda: [record for record in telling.records if record.postmortem_url], "the record of a postmortem")
    (file,) = folder_of(telling).iterdir()
    assert "| decision | escalated |" in file.read_text()


@pytest.mark.claim("C-475", "C-478")
async def test_a_place_that_is_down_holds_nothing_open_and_is_filed_in_once_by_the_next_worker(telling: World) -> None:
    telling.policy(mode="auto")
    folder_of(telling).write_text("in the way")
    repaired = await remediation.crash_loop(telling)
    closed = await repaired.closed()
    assert not await repaired.is_running()
    await telling.stop_worker()
    folder_of(telling).unlink()
    await telling.start_worker()
    await filed(telling, closed)


async def test_where_none_is_asked_for_a_run_is_as_it_was(world: World) -> None:
    world.policy(mode="auto")
    closed = await (await remediation.crash_loop(world)).closed()
    runs = [run.id async for run in world.client.list_workflows("WorkflowType = 'PostmortemWorkflow'")]
    assert runs == []
    assert not folder_of(world).exists()
    assert {record.postmortem_url for record in world.records} == {None}
    assert closed.mttr_seconds is not None

"""Remediations in a storm: nothing is done alone, one page goes out for all, and who outlasts it is paged after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from byteport.audit.words import Event
from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from byteport.contracts.ledger import Decision
from byteport.contracts.workflows import REMEDIATION, Phase, ToldOver
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.domain.signals import Source
from byteport.errors import Unavailable
from byteport.kubernetes import port
from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.simulated import SimulatedCluster
from byteport.temporal import intake
from byteport.temporal.alerts_intake import tell_over
from byteport.temporal.attributes import CLUSTER, PHASE
from tests.workflows.interference import Outage, held
from tests.workflows.patience import paged, until, until_so
from tests.workflows.remediation import Remediation, remediation_of
from tests.workflows.storms import Storm
from tests.workflows.world import World, installed
from workflows.phases import storm_hold

pytestmark = pytest.mark.slow

CALM = 30
RULE = {"targets": 4, "share": 0.2, "common_targets": 3, "window_seconds": 600, "calm_seconds": CALM}
HELD = "part of a storm: one page for all"


@pytest_asyncio.fixture
async def world(server: DevServer, namespace: str, tmp_path: Path) -> AsyncIterator[World]:
    async with installed(server, namespace, tmp_path, storm=RULE) as made:
        yield made


@pytest.fixture
def cluster(world: World) -> SimulatedCluster:
    return world.cluster


@pytest.fixture
def storm(world: World) -> Storm:
    return Storm(world)


async def begin(storm: Storm) -> None:
    """Three other targets share a node."""
    for number in range(3):
        await storm.tell(f"other-{number}", "Node/far")
    await storm.until("the storm", on=True)
    await until(lambda: storm.pages, "its page")


async def end(storm: Storm) -> None:
    for number in range(3):
        await storm.tell(f"other-{number}", "Node/far", over=True)
    await storm.until_counted(1)
    await storm.pass_time(CALM + 5)
    await storm.until("the end of the storm", on=False)


async def crash(world: World, fault: str, name: str = "web") -> Remediation:
    """Its time passes only when the test says so."""
    await world.one_pod_crashes(name, fault=fault)
    remediation = await remediation_of(world, Failure.CRASHLOOP, name)
    with world.time_stands_still():
        await remediation.report()
    return remediation


async def has_noted(remediation: Remediation, what: str) -> None:
    async def noted() -> bool:
        return any(moment.what == what for moment in (await remediation.state()).timeline)

    await until_so(noted, what)


def pages_of(world: World, remediation: Remediation) -> list[int]:
    return [notice.rung for notice in world.notices if notice.workflow_id == remediation.id]


@pytest.mark.claim("C-049")
async def test_in_a_storm_what_would_be_done_alone_waits_for_a_yes_and_pages_when_the_storm_is_over(
    world: World, storm: Storm, monkeypatch: pytest.MonkeyPatch
) -> None:
    # While an approval is open, its child's real time holds the remediation's up.
    monkeypatch.setattr(storm_hold, "FIRST_LOOK", timedelta(seconds=5))
    world.policy(mode="auto", reread_seconds=3600)
    await begin(storm)
    remediation = await crash(world, "transient")
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    assert waiting.state.reasons == (Reason.STORM,)
    await has_noted(remediation, HELD)
    assert pages_of(world, remediation) == []
    assert world.writes == []
    await end(storm)
    await paged(world, 1, phase="awaiting_approval")
    assert pages_of(world, remediation) == [1]
    assert len(storm.pages) == 1


@pytest.mark.slow
async def test_what_waits_for_the_end_of_a_storm_that_never_ends_is_paged_after_hours(
    world: World, storm: Storm
) -> None:
    """As when the runs that it counts were terminated: nobody would ever hear of anything else."""
    await begin(storm)
    await storm.acknowledge()
    remediation = await crash(world, "liveness")
    await remediation.until(Phase.ESCALATED)
    await has_noted(remediation, HELD)
    for _ in range(23):
        await remediation.pass_time(605)
    assert pages_of(world, remediation) == []
    for _ in range(4):
        await remediation.pass_time(605)
    await paged(world, 1, phase="escalated")
    assert pages_of(world, remediation)[0] == 1


async def test_a_ledger_that_does_not_answer_once_is_no_end_of_the_storm_and_people_hear_of_one_that_never_does(
    world: World, storm: Storm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds ask it at the same time."""
    monkeypatch.setattr(storm_hold, "FIRST_LOOK", storm_hold.RAREST_LOOK)
    between = (storm_hold.RAREST_LOOK + storm_hold.ANSWER_WITHIN).total_seconds() + 2
    await begin(storm)
    await storm.acknowledge()
    remediation = await crash(world, "liveness")
    await remediation.until(Phase.ESCALATED)
    await has_noted(remediation, HELD)
    outage = Outage(world)
    for in_vain in range(1, storm_hold.MOST_UNHEARD):
        outage.begin()
        await remediation.pass_time(in_vain * between)
        outage.end()
        await remediation.pass_time(between)
        assert pages_of(world, remediation) == []
    outage.begin()
    await remediation.pass_time(storm_hold.MOST_UNHEARD * between)
    await paged(world, 1, phase="escalated")
    outage.end()
    await has_noted(remediation, "nobody can tell whether the storm is over")


async def test_a_yes_is_taken_in_a_storm_by_whoever_knows_of_it(world: World, storm: Storm) -> None:
    world.policy(mode="auto", reread_seconds=3600)
    await begin(storm)
    remediation = await crash(world, "transient")
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    await waiting.approve(by="ada")
    await until(lambda: world.writes, "the act")
    assert pages_of(world, remediation) == []


async def test_who_takes_a_remediation_over_in_a_storm_is_not_paged_for_it(world: World, storm: Storm) -> None:
    await begin(storm)
    remediation = await crash(world, "liveness")
    await remediation.until(Phase.ESCALATED)
    await has_noted(remediation, HELD)
    await remediation.acknowledge(by="grace")
    closed = await remediation.closed()
    assert closed.decision is Decision.ESCALATED
    assert pages_of(world, remediation) == []
    assert [r.approver for r in world.records if r.event is Event.ACKNOWLEDGED] == ["claimed: grace"]


async def test_what_passes_with_the_storm_is_closed_by_a_record_and_pages_nobody(
    world: World, storm: Storm, cluster: SimulatedCluster
) -> None:
    await begin(storm)
    remediation = await crash(world, "liveness")
    await remediation.until(Phase.ESCALATED)
    await has_noted(remediation, HELD)
    for pod in await world.pods():
        await cluster.annotate_pod("shop", str(pod["metadata"]["name"]), {"sim.byteport.io/fault": None})
    world.advance(3600)
    await remediation.pass_time(65)
    await remediation.pass_time(125)
    closed = await remediation.closed()
    assert closed.decision is Decision.ESCALATED
    assert pages_of(world, remediation) == []
    last = world.records[-1]
    assert (last.event, last.reason) == (Event.SKIPPED, "storm, recovered")
    await storm.until_counted(3)


async def test_what_its_alerts_call_over_in_a_storm_ends_by_itself_and_pages_nobody(
    world: World, storm: Storm, cluster: SimulatedCluster
) -> None:
    world.policy(settle_seconds=5)
    await begin(storm)
    await world.one_pod_crashes(fault="liveness")
    remediation = await remediation_of(world, Failure.CRASHLOOP)
    with world.time_stands_still():
        await remediation.report(remediation.signal("a1").model_copy(update={"source": Source.ALERTMANAGER}))
    await has_noted(remediation, HELD)
    for pod in await world.pods():
        await cluster.annotate_pod("shop", str(pod["metadata"]["name"]), {"sim.byteport.io/fault": None})
    world.advance(3600)
    told = ToldOver(evidence_digest="a1")
    await tell_over(world.client, world.installation, remediation.target, remediation.failure, told)
    await remediation.pass_time(10)
    assert (await remediation.closed()).reasons == (Reason.RECOVERED,)
    assert [notice for notice in world.notices if notice.workflow_id == remediation.id] == []


@pytest.mark.claim("C-049")
async def test_many_at_once_are_one_page(world: World, storm: Storm) -> None:
    names = [f"w{number}" for number in range(4)]
    for name in names:
        await world.healthy(name, for_seconds=60)
    for name in names:
        victim = str((await world.pods(name))[0]["metadata"]["name"])
        await world.cluster.annotate_pod("shop", victim, {"sim.byteport.io/fault": "liveness"})
    world.advance(400)
    world.clock.to_present()
    together = [await remediation_of(world, Failure.CRASHLOOP, name) for name in names]
    with world.time_stands_still():
        await asyncio.gather(*(one.report() for one in together))
        for one in together:
            await one.until(Phase.ESCALATED)
        await storm.until("the storm", on=True)
        for one in together:
            await has_noted(one, HELD)
    await until(lambda: storm.pages, "the storm's page")
    assert [notice.cause for notice in world.notices] == ["storm"]
    assert world.writes == []


@pytest.mark.parametrize(
    ("others", "phase", "waits"),
    [
        (3, Phase.ESCALATED, storm_hold.GATHERING),
        (4, Phase.STARTING, storm_hold.LONGEST_GATHERING),
        (2, Phase.STARTING, timedelta(0)),
    ],
    ids=["a minute", "longer while as many are still to be diagnosed", "not at all where fewer begin"],
)
async def test_where_as_many_begin_as_make_a_storm_a_page_waits_for_it_to_be_called_one(
    world: World, others: int, phase: Phase, waits: timedelta
) -> None:
    so_far = TypedSearchAttributes(
        [SearchAttributePair(CLUSTER, world.installation.cluster_name), SearchAttributePair(PHASE, phase.value)]
    )
    for number in range(others):
        await world.client.start_workflow(
            REMEDIATION, id=f"remediate:other-{number}", task_queue="nobodys", search_attributes=so_far
        )
    remediation = await crash(world, "liveness")
    await remediation.until(Phase.ESCALATED)
    for _ in range(150):
        if not pages_of(world, remediation):
            await remediation.pass_time(storm_hold.HEAR_FIRST.total_seconds())
    await paged(world, 1, phase="escalated")
    (page,) = [notice for notice in world.notices if notice.workflow_id == remediation.id]
    assert page.since is not None
    waited = page.at - page.since
    assert waits <= waited <= waits + timedelta(seconds=45)


async def test_a_storm_watch_that_cannot_be_asked_any_more_keeps_nobody_from_being_paged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    so_far = TypedSearchAttributes([SearchAttributePair(CLUSTER, world.installation.cluster_name)])
    for number in range(4):
        await world.client.start_workflow(
            REMEDIATION, id=f"remediate:other-{number}", task_queue="nobodys", search_attributes=so_far
        )
    asked = 0
    ask = intake.report_trouble

    async def once(*args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise Unavailable("the storm watch does not answer")
        return await ask(*args, **kwargs)

    monkeypatch.setattr(intake, "report_trouble", once)
    remediation = await crash(world, "liveness")
    await remediation.until(Phase.ESCALATED)
    for _ in range(60):
        if not pages_of(world, remediation):
            await remediation.pass_time(storm_hold.HEAR_FIRST.total_seconds())
    (page,) = [notice for notice in world.notices if notice.workflow_id == remediation.id]
    assert asked > 1
    assert page.since is not None
    assert storm_hold.GATHERING <= page.at - page.since <= storm_hold.GATHERING + timedelta(seconds=45)


async def test_what_the_agent_has_done_itself_is_paged_at_once_storm_or_not(
    world: World, storm: Storm, cluster: SimulatedCluster
) -> None:
    world.policy(mode="auto")
    await world.a_release_fails()
    remediation = await remediation_of(world, Failure.BAD_ROLLOUT)
    with world.time_stands_still(), held(cluster, "patch", port.DEPLOYMENTS) as hold:
        await remediation.report()
        await hold.reached.wait()
        await begin(storm)
        await cluster.scale("shop/web", 0)
    await remediation.until(Phase.ESCALATED)
    await paged(world, 1, phase="escalated")
    assert storm.standing().storm


async def test_a_remediation_that_ends_is_no_trouble_any_more(world: World, storm: Storm) -> None:
    remediation = await crash(world, "liveness")
    await storm.until_counted(1)
    await remediation.until(Phase.ESCALATED)
    await remediation.acknowledge()
    await remediation.closed()
    await storm.until_counted(0)


async def test_what_needs_nobody_is_no_trouble(world: World, storm: Storm) -> None:
    await world.healthy()
    world.clock.to_present()
    remediation = await remediation_of(world, Failure.CRASHLOOP)
    await remediation.report()
    assert (await remediation.closed()).decision is Decision.SKIPPED
    with pytest.raises(Exception, match="not found"):
        await storm.state()


async def test_the_command_line_takes_a_storm_over(world: World, storm: Storm) -> None:
    config = ["--config", str(world.home.config_file)]
    await storm.tell("w0")
    assert await asyncio.to_thread(invoke, [*config, "ack", "storm"]) == Exit.REFUSED
    await begin(storm)
    assert await asyncio.to_thread(invoke, [*config, "ack", "storm", "--as", "grace", "--note", "mine"]) == Exit.OK
    (taken,) = await until(lambda: [r for r in world.records if r.event is Event.ACKNOWLEDGED], "the record")
    assert (taken.approver, taken.note) == ("claimed: grace", "mine")

"""Many troubles at once: auto pauses, one page goes out for all, and it ends when it has been calm for long enough."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionDescription, WorkflowUpdateFailedError
from temporalio.service import RPCError

from byteport.audit.words import Decision, Event
from byteport.contracts.acts import Queue, task_queue_name
from byteport.contracts.ledger import SetStorm
from byteport.contracts.workflows import ACKNOWLEDGE, STORM, Acknowledge, StormAct, WatchStorm
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.sandbox.dev_server import DevServer
from tests.workflows.interference import Outage
from tests.workflows.patience import until, until_so
from tests.workflows.storms import Storm
from tests.workflows.world import World, installed
from workflows.phases.storm_renewal import MOMENT

pytestmark = pytest.mark.slow

CALM = 60
RULE = {"targets": 5, "share": 0.2, "common_targets": 4, "window_seconds": 600, "calm_seconds": CALM}


@pytest_asyncio.fixture
async def world(server: DevServer, namespace: str, tmp_path: Path) -> AsyncIterator[World]:
    """An installation of 10 workloads on three nodes."""
    async with installed(server, namespace, tmp_path, storm=RULE) as made:
        for number in range(10):
            await made.healthy(f"w{number}", replicas=1, for_seconds=10)
        made.clock.to_present()
        yield made


@pytest.fixture
def storm(world: World) -> Storm:
    return Storm(world)


async def share_a_node(storm: Storm, targets: int = 4, *, over: bool = False) -> None:
    for number in range(targets):
        await storm.tell(f"w{number}", "Node/node-1", "Namespace/shop", over=over)


def events(world: World) -> list[Event]:
    return [record.event for record in world.records]


@pytest.mark.claim("C-049")
async def test_targets_that_share_a_node_pause_auto_and_are_one_page_that_names_it(world: World, storm: Storm) -> None:
    await share_a_node(storm, 3)
    assert not (await storm.until_counted(3)).on
    await share_a_node(storm)
    state = await storm.until("the storm", on=True)
    assert (state.in_trouble, state.factor) == (4, "Node/node-1: 4 of 4")
    page = (await until(lambda: storm.pages, "the page"))[0]
    assert (page.rung, page.target, page.how_to_answer) == (1, "Node/node-1", "byteport ack storm")
    assert page.evidence[1] == "largest common factor: Node/node-1: 4 of 4"
    (began,) = world.records
    assert (began.event, began.decision) == (Event.STORM_BEGAN, Decision.ESCALATED)
    assert began.note == "4 targets in trouble; Node/node-1: 4 of 4"


async def test_a_share_of_all_targets_is_a_storm_though_they_have_nothing_in_common(world: World, storm: Storm) -> None:
    for number in range(4):
        await storm.tell(f"w{number}", f"Node/node-{number}")
    assert not (await storm.until_counted(4)).on
    await storm.tell("w4")
    state = await storm.until("the storm", on=True)
    assert state.of is not None
    assert state.of >= 10
    page = (await until(lambda: storm.pages, "the page"))[0]
    assert page.title == f"Storm: 5 of {state.of} targets in trouble"


async def test_a_few_of_many_are_no_storm(server: DevServer, namespace: str, tmp_path: Path) -> None:
    async with installed(server, namespace, tmp_path, storm=RULE | {"share": 0.9}) as world:
        await world.healthy("w0", replicas=1)
        storm = Storm(world)
        for number in range(5):
            await storm.tell(f"w{number}")
        state = await storm.until_counted(5)

        async def counted() -> bool:
            return (await storm.state()).of is not None

        await until_so(counted, "the count")
        state = await storm.state()
        assert state.of is not None
        assert state.on is (0.9 * state.of <= 5)


async def test_the_same_trouble_told_again_and_two_failures_of_one_target_count_once(storm: Storm) -> None:
    for _ in range(3):
        await storm.tell("w0", "Node/node-1")
    await storm.tell("w0", "Node/node-1", failure=Failure.MEMORY)
    await storm.tell("w1", "Node/node-1")
    assert not (await storm.until_counted(2)).on


async def test_only_its_own_end_ends_a_trouble(storm: Storm) -> None:
    await storm.tell("w0", incident="inc-2")
    await storm.tell("w0", incident="inc-1", over=True)
    await storm.tell("w1")
    await storm.until_counted(2)
    await storm.tell("w0", incident="inc-2", over=True)
    await storm.until_counted(1)


async def test_rung_after_rung_is_paged_until_somebody_takes_the_storm_over(world: World, storm: Storm) -> None:
    await share_a_node(storm)
    await storm.until("the storm", on=True)
    await until(lambda: storm.pages, "the first page")
    await storm.pass_time(905)
    await until(lambda: [page.rung for page in storm.pages] == [1, 2], "the second page")
    await storm.acknowledge(by="grace", note="the node is being replaced")
    acknowledged = await until(lambda: [r for r in world.records if r.event is Event.ACKNOWLEDGED], "the record")
    assert (acknowledged[0].approver, acknowledged[0].note) == ("claimed: grace", "the node is being replaced")
    await storm.pass_time(4000)
    assert [page.rung for page in storm.pages] == [1, 2]
    assert storm.standing().storm


async def test_a_storm_is_taken_over_by_update_too(world: World, storm: Storm) -> None:
    await share_a_node(storm)
    await storm.until("the storm", on=True)
    await storm.handle.execute_update(ACKNOWLEDGE, Acknowledge(by="grace"))
    await until(lambda: [r for r in world.records if r.event is Event.ACKNOWLEDGED], "the record")


async def test_it_is_over_when_it_has_been_calm_for_long_enough_and_the_next_one_pages_again(
    world: World, storm: Storm
) -> None:
    await share_a_node(storm)
    await storm.until("the storm", on=True)
    await share_a_node(storm, 3, over=True)
    await storm.until_counted(1)
    await storm.pass_time(CALM - 10)
    assert (await storm.state()).on
    await storm.pass_time(20)
    await storm.until("the end of the storm", on=False)
    assert events(world) == [Event.STORM_BEGAN, Event.STORM_ENDED]
    await share_a_node(storm)
    await storm.until("the next storm", on=True)
    await until(lambda: len(storm.pages) == 2, "its page")
    assert storm.pages[0].key != storm.pages[1].key


async def test_trouble_that_comes_back_before_it_has_been_calm_keeps_the_storm_on(world: World, storm: Storm) -> None:
    await share_a_node(storm)
    await storm.until("the storm", on=True)
    await share_a_node(storm, over=True)
    await storm.until_counted(0)
    await storm.pass_time(CALM / 2)
    await share_a_node(storm)
    await storm.until_counted(4)
    await storm.pass_time(CALM)
    assert (await storm.state()).on
    assert events(world) == [Event.STORM_BEGAN]


async def test_troubles_that_began_long_ago_are_no_part_of_a_storm(storm: Storm) -> None:
    await share_a_node(storm, 3)
    await storm.until_counted(3)
    await storm.tell("w9")
    await storm.pass_time(550)
    await storm.tell("w9", "Node/node-2")
    await storm.pass_time(100)
    await storm.tell("w8", "Node/node-1")
    assert not (await storm.until_counted(1)).on


async def test_a_watch_of_which_nothing_is_in_trouble_ends_and_begins_again_when_told(storm: Storm) -> None:
    await storm.tell("w0")
    await storm.tell("w0", over=True)
    await storm.until_counted(0)
    await storm.pass_time(700)
    async with asyncio.timeout(20):
        await storm.handle.result()
    await share_a_node(storm)
    await storm.until("the storm", on=True)


async def test_a_storm_that_a_terminated_run_has_left_on_ends_when_the_next_run_begins(
    world: World, storm: Storm
) -> None:
    await share_a_node(storm)
    await storm.until("the storm", on=True)
    await storm.handle.terminate("by mistake")
    assert storm.standing().storm
    await storm.tell("w9")
    await storm.until("the end of the pause", on=False)
    assert events(world) == [Event.STORM_BEGAN, Event.STORM_ENDED]
    await share_a_node(storm)
    await storm.until("the next storm", on=True)


async def test_with_the_ledger_down_people_are_paged_and_the_pause_follows_when_it_is_back(
    world: World, storm: Storm
) -> None:
    outage = Outage(world)
    outage.begin()
    await share_a_node(storm)
    await until(lambda: storm.pages, "the page")
    outage.end()
    await storm.until("the pause", on=True)
    assert events(world) == [Event.STORM_BEGAN]


@pytest.mark.slow
async def test_review_21_and_fault_24_thousands_of_messages_on_hundreds_of_targets_are_hundreds_of_entries_and_one_page(
    world: World, storm: Storm
) -> None:
    """It continues as new when it is quiet, and loses nothing by it."""
    targets, each = 250, 8
    first = (await _begin(storm)).run_id
    gate = asyncio.Semaphore(32)

    async def tell(number: int) -> None:
        async with gate:
            await storm.tell(f"t{number % targets}", "Node/node-1", f"Zone/{number % 3}")

    await asyncio.gather(*(tell(number) for number in range(targets * each)))
    state = await storm.until_counted(targets + 1)
    assert state.on

    async def renewed() -> bool:
        return (await storm.handle.describe()).run_id != first

    await until_so(renewed, "the next run")
    assert (await storm.until_counted(targets + 1)).on
    assert [page.rung for page in storm.pages] == [1]
    assert events(world) == [Event.STORM_BEGAN]
    assert storm.standing().storm


async def _begin(storm: Storm) -> WorkflowExecutionDescription:
    await storm.tell("first")
    return await storm.handle.describe()


@pytest.mark.claim("C-931")
async def test_a_steady_flow_of_messages_keeps_no_storm_from_being_renewed_and_it_stays_one_storm(
    world: World, storm: Storm
) -> None:
    """Never a moment without one; the server wants a run renewed after 150 events, and it is while they come. Whoever takes it over
    meanwhile is heard once."""
    await share_a_node(storm)
    await storm.until("the storm", on=True)
    runs = {(await storm.handle.describe()).run_id}
    told = itertools.count()

    async def renewed() -> bool:
        await storm.tell(f"s-{next(told)}", "Node/node-1")
        await asyncio.sleep(MOMENT.total_seconds() / 3)
        runs.add((await storm.handle.describe()).run_id)
        return len(runs) > 2

    async def take_over() -> None:
        while True:
            try:
                await storm.handle.execute_update(ACKNOWLEDGE, Acknowledge(by="grace"), id="taken-over")
            except (RPCError, WorkflowUpdateFailedError):  # between two runs it is told to try again
                await asyncio.sleep(0.05)
            else:
                return

    await asyncio.gather(take_over(), until_so(renewed, "two further runs"))
    assert (await storm.until_counted(4 + next(told))).on
    await until(lambda: Event.ACKNOWLEDGED in events(world), "the record of who has taken it over")
    await storm.pass_time(4000)
    assert sorted(events(world)) == sorted([Event.STORM_BEGAN, Event.ACKNOWLEDGED])
    assert [page.rung for page in storm.pages] == [1]
    assert storm.standing().storm


@pytest.mark.claim("C-931")
async def test_what_was_under_way_when_a_run_was_renewed_is_done_by_the_next_in_order_and_once(
    world: World, storm: Storm
) -> None:
    """As a run hands it on that did not wait for a ledger and for channels that were down."""
    await share_a_node(storm)
    await storm.until("the storm", on=True)
    page = (await until(lambda: storm.pages, "the page"))[0]
    await storm.handle.terminate("its place is taken by one that goes on")
    settings, ours = world.settings, world.installation

    def pause(number: int, *, on: bool) -> StormAct:
        key = f"carried:{number}:{'on' if on else 'off'}"
        call = SetStorm(cluster_uid=ours.cluster_uid, on=on, key=key, in_trouble=4, workflow_id=storm.id)
        return StormAct(pause=call)

    told = [pause(1, on=False), StormAct(page=page), pause(2, on=True), pause(2, on=False), pause(3, on=True)]
    start = WatchStorm(
        installation=ours,
        rule=settings.storm,
        ladder=settings.ladder,
        troubles=tuple(storm.trouble(f"w{number}", "Node/node-1") for number in range(4)),
        storm_no=3,
        since=world.clock(),
        of=10,
        rung=1,
        paged_at=world.clock(),
        acknowledged=Acknowledge(by="grace"),
        told=False,
        under_way=tuple(told),
    )
    queue = task_queue_name(Queue.CONTROL, ours.cluster_uid)
    with world.time_stands_still():
        await world.client.start_workflow(STORM, start, id=storm.id, task_queue=queue)
    await until(lambda: len(world.records) == 6, "every record")
    assert [event for event in events(world) if event is not Event.ACKNOWLEDGED] == [
        Event.STORM_BEGAN,
        Event.STORM_ENDED,
        Event.STORM_BEGAN,
        Event.STORM_ENDED,
        Event.STORM_BEGAN,
    ]
    assert storm.standing().storm
    assert len(storm.pages) == 1


async def test_fault_26_what_it_knows_goes_on_through_continue_as_new(world: World, storm: Storm) -> None:
    await share_a_node(storm)
    await storm.until("the storm", on=True)
    await storm.acknowledge()
    run = (await storm.handle.describe()).run_id
    for number in range(200):
        await storm.tell(f"again-{number % 4}", "Node/node-1")

    async def renewed() -> bool:
        return (await storm.handle.describe()).run_id != run

    await until_so(renewed, "the next run")
    state = await storm.until_counted(8)
    assert (state.on, state.paged) == (True, True)
    await storm.pass_time(4000)
    assert [page.rung for page in storm.pages] == [1]
    assert Reason.STORM in storm.pages[0].reasons

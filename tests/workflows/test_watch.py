"""The watch as a workflow: from an object's trouble to a verified record, across hand-overs, refusals and a long life."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from temporalio import activity
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import WorkflowHandle

from activities.kubernetes import rounds, watch
from byteport.contracts.kubernetes import WATCH_CLUSTER
from byteport.contracts.ledger import Decision, Event, Result
from byteport.contracts.workflows import WATCH, Phase
from byteport.domain.failures import Failure
from byteport.domain.ids import watch_id
from byteport.errors import Unavailable
from byteport.kubernetes import port
from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.simulated import Right
from tests.workflows.histories import attempts, details, scheduled
from tests.workflows.interference import Counted
from tests.workflows.operator import shorten
from tests.workflows.patience import until, until_so
from tests.workflows.remediation import Remediation, remediation_of
from tests.workflows.world import World, installed

pytestmark = pytest.mark.slow

WATCH_PODS = Right("watch", port.PODS)
CRASH_SECONDS = 1.5
"""A simulated container crashes a second after it has started, of the cluster's own time, which is real here."""

TRIES = 3
"""To hand over at once: on a machine that stands still for a moment the server's answer comes after the worker has gone."""
ALL_KINDS = sorted(
    resource.plural
    for resource in (*rounds.WATCHED.values(), *rounds.OF_LOAD.values(), *(one for one, _ in rounds.OF_NODES.values()))
)


class Watched:
    """A healthy `shop/web` in a cluster that lives in real time, and its watch."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.streams = Counted(world.cluster, "watch")

    @property
    def handle(self) -> WorkflowHandle[object, object]:
        return self.world.client.get_workflow_handle(watch_id(self.world.cluster.uid))

    async def streams_are_open(self) -> None:
        """Pods, Deployments, nodes and their events are being watched by the activity that runs now."""
        await until(lambda: self.streams.made >= len(ALL_KINDS), "all streams")

    async def hand_over(self) -> None:
        """End the worker as SIGTERM does, once it watches."""
        await self.streams_are_open()
        await self.world.stop_worker()
        self.streams.made = 0

    async def says(self, words: str) -> bool:
        return words in await details(self.handle)

    async def is_another_run_than(self, run_id: str) -> bool:
        return (await self.handle.describe()).run_id != run_id

    async def is_in_its_second_attempt(self) -> bool:
        (pending,) = (await self.handle.describe()).raw_description.pending_activities
        return pending.attempt == 2 and pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED

    async def starts(self) -> list[object]:
        """The bookmarks from which each activity was to go on, over all runs, oldest first."""
        found: list[object] = []
        async for run in self.world.client.list_workflows(f"WorkflowType = '{WATCH}'"):
            handle = self.world.client.get_workflow_handle(run.id, run_id=run.run_id)
            found = [*(call["bookmarks"] for _, call in await scheduled(self.world.client, handle)), *found]
        return found

    async def one_crashes(self) -> Remediation:
        victim = str((await self.world.pods())[0]["metadata"]["name"])
        await self.world.cluster.annotate_pod("shop", victim, {"sim.byteport.io/fault": "transient"})
        return await remediation_of(self.world, Failure.CRASHLOOP)


@pytest_asyncio.fixture
async def watched(server: DevServer, namespace: str, tmp_path: Path) -> AsyncIterator[Watched]:
    async with installed(server, namespace, tmp_path, watch={"enabled": True}) as world:
        world.policy(mode="auto")
        made = Watched(world)
        await world.healthy()
        world.clock.to_present()
        living = asyncio.create_task(world.cluster.run())
        await world.start_worker()
        yield made
        living.cancel()


async def repaired(remediation: Remediation) -> None:
    """Once. Two watchers for a while may have told it twice; what is told after the repair finds nothing wrong."""
    await remediation.until(Phase.CLOSED)
    await remediation.closed()
    ends = [(record.event, record.result) for record in remediation.world.records if record.decision is Decision.ACTED]
    assert ends[-1] == (Event.FINISHED, Result.SUCCESS)
    assert len(remediation.world.writes) == 1


async def test_a_crash_is_seen_repaired_and_verified_with_nobody_asking(watched: Watched) -> None:
    await watched.streams_are_open()
    await repaired(await watched.one_crashes())


async def test_a_worker_that_shuts_down_hands_its_bookmarks_over_and_what_happens_meanwhile_is_seen(
    watched: Watched,
) -> None:
    for tries in range(1, TRIES + 1):
        await watched.hand_over()
        if len(await watched.starts()) > tries:
            break
        # The server took longer than a worker waits, and has the next one go on later.
        await watched.world.start_worker()
    else:
        raise AssertionError("the next one is to go on from what was handed over, at once")
    remediation = await watched.one_crashes()
    await asyncio.sleep(CRASH_SECONDS)
    await watched.world.start_worker()
    await repaired(remediation)
    first, *others = await watched.starts()
    assert first == {}
    assert others
    for bookmarks in others:
        assert isinstance(bookmarks, dict)
        assert sorted(bookmarks) == ALL_KINDS
    assert set(await attempts(watched.handle)) == {1}


async def test_fault_31_a_stream_that_is_cut_goes_on_from_its_bookmark(watched: Watched) -> None:
    await watched.hand_over()
    watched.world.cluster.fail_next("watch", Unavailable("cut"), times=2)
    lists = Counted(watched.world.cluster, "list")
    await watched.world.start_worker()
    await watched.streams_are_open()
    assert lists.of(port.PODS, "") == 0
    await repaired(await watched.one_crashes())


async def test_fault_31_a_watcher_that_falls_silent_is_replaced_by_one_that_goes_on_from_its_last_heartbeat(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was killed, or cut off: the server hears no more of it. Cut off, it watches on beside the next."""

    async def once(round_: rounds.Round) -> None:
        activity.heartbeat(round_.following.bookmarks)
        await asyncio.Event().wait()

    await watched.hand_over()
    lists = Counted(watched.world.cluster, "list")
    with monkeypatch.context() as patch:
        patch.setattr(watch, "_heartbeat", once)
        await watched.world.start_worker()
        await watched.streams_are_open()
    sooner = ActivityOptions(heartbeat_timeout=Duration(seconds=2))
    await shorten(watched.world.client, watched.handle.id, WATCH_CLUSTER.name, sooner)
    await until_so(watched.is_in_its_second_attempt, "the next watcher")
    await until(lambda: watched.streams.made >= len(ALL_KINDS), "the next watcher's streams")
    assert lists.of(port.PODS, "") == 0
    await repaired(await watched.one_crashes())


async def test_a_refused_watch_does_not_give_up_says_so_and_sees_again_once_it_may(watched: Watched) -> None:
    await watched.hand_over()
    watched.world.cluster.access.revoke(WATCH_PODS)
    await watched.world.start_worker()
    await until_so(lambda: watched.says("cannot watch"), "what the watch says of it")
    watched.world.cluster.access.grant(WATCH_PODS)
    await repaired(await watched.one_crashes())


async def test_fault_26_a_watch_whose_history_has_grown_continues_as_new_from_its_bookmarks(watched: Watched) -> None:
    """Refused again and again, its time skipped, it soon has as many events as the server of these tests suggests."""
    await watched.hand_over()
    first = (await watched.handle.describe()).run_id
    watched.world.cluster.access.revoke(WATCH_PODS)
    await watched.world.start_worker()
    await until_so(lambda: watched.is_another_run_than(first), "the next run")
    watched.world.cluster.access.grant(WATCH_PODS)
    await repaired(await watched.one_crashes())
    _, *later = await watched.starts()
    assert later[0] != {}
    assert [start for start in later if start != later[0]] == []

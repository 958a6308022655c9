"""Retention and erasure in a test's hands: a ledger and a pager, as far as the two workflows can tell them from real ones.

The acts answer from what a test sets here; Temporal, its time and the workflows are real. What the real acts do with the
same calls has tests of its own (`tests/integration/ledger`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from activities.performs import act_of, activities_of, performs
from byteport.contracts.acts import Queue, task_queue_name
from byteport.contracts.ledger import Recorded
from byteport.contracts.orchestration import Started
from byteport.contracts.people import NOTIFY, Delivered, Notice
from byteport.contracts.retention import (
    ERASE,
    LIST_ERASURES,
    PRUNE,
    START_ERASURE,
    Erase,
    Erasing,
    ErasureClosed,
    ErasureState,
    ListErasures,
    Obstacle,
    OpenErasure,
    OpenErasures,
    Prune,
    Pruned,
    RetentionState,
    StartErasure,
)
from byteport.contracts.workflows import STATE, Installation
from byteport.domain.ids import erasure_id, retention_id
from byteport.domain.retention import Holdup, RetentionConfig, times
from byteport.errors import BytePortError
from byteport.sandbox.dev_server import DevServer
from byteport.temporal import standing_runs
from byteport.temporal.registration import ensure_search_attributes
from tests.workflows.patience import LOOK_EVERY_SECONDS, PATIENCE_SECONDS, until
from tests.workflows.world import SKIPPING, make_namespace, terminate_all
from workers.runner import workflow_runner
from workflows.erasure import ErasureWorkflow
from workflows.retention import RetentionWorkflow

UID = "00000000-0000-4000-8000-000000000001"
INSTALLATION = Installation(tenant="acme", cluster_uid=UID, cluster_name="production")
REQUEST = "0198f000-0000-7000-8000-000000000001"
HOLD = Obstacle(kind=Holdup.LEGAL_HOLD, what="case-7", records=3)
EXPORT = Obstacle(kind=Holdup.EXPORT_UNFINISHED, what="s3", records=2)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Ledger:
    """The ledger and the people: what tests set, and what they look at afterwards."""

    def __init__(self) -> None:
        self.requested = datetime.now(UTC)
        self.cancelled = False
        self.obstacles: tuple[Obstacle, ...] = ()
        self.names_until: datetime | None = None
        self.portions = 1
        self.errors: list[BytePortError] = []
        """Of what is asked next, each for one call."""
        self.down: BytePortError | None = None
        """Of every call, while it is there."""
        self.erased_at: datetime | None = None
        self.asked: list[datetime] = []
        """When it was asked to erase, in the run's time."""
        self.notices: list[Notice] = []
        self.unheard = 0
        """So many pages cannot be delivered."""
        self.old = 0
        """Bodies that are old enough; a portion takes two."""
        self.pruned_at: list[datetime] = []
        self.scrubbed = True
        self.unattended: tuple[OpenErasure, ...] = ()
        self.listed_at_once = 100
        self.started: list[str] = []

    @property
    def request(self) -> OpenErasure:
        return OpenErasure(request_id=REQUEST, times=times(self.requested, RetentionConfig()))

    @performs(ERASE)
    async def erase(self, call: Erase) -> Erasing:
        assert (call.cluster_uid, call.request_id) == (UID, REQUEST)
        self._may_fail()
        now = activity.info().started_time
        self.asked.append(now)
        return Erasing(
            state=self._state(now),
            times=self.request.times,
            records=3,
            erased=3 if self.erased_at else 0,
            more=self.portions > 1 and self._portion_done(),
            record=RECORDED if self.erased_at else None,
            obstacles=() if self.erased_at else self.obstacles,
            scrubbed=self.scrubbed,
            names_until=self._names_until(now),
        )

    def _state(self, now: datetime) -> ErasureState:
        if self.cancelled:
            return ErasureState.CANCELLED
        if self.erased_at is None and now >= self.request.times.due and not self.obstacles:
            self.erased_at = now
        if self.erased_at is not None:
            return ErasureState.ERASED
        return ErasureState.WAITING if now < self.request.times.due else ErasureState.HELD

    def _portion_done(self) -> bool:
        if self.erased_at is not None:
            self.portions -= 1
        return self.erased_at is not None and self.portions > 0

    def _names_until(self, now: datetime) -> datetime | None:
        gone = self.erased_at is not None and self.names_until is not None and now < self.names_until
        return self.names_until if gone else None

    @performs(PRUNE)
    async def prune(self, call: Prune) -> Pruned:
        assert call.cluster_uid == UID
        self._may_fail()
        now = activity.info().started_time
        self.pruned_at.append(now)
        taken = 0 if self.obstacles else min(2, self.old)
        self.old -= taken
        return Pruned(
            records=taken,
            record=RECORDED if taken else None,
            more=bool(self.old) and not self.obstacles,
            before=now - RetentionConfig().retention,
            obstacles=self.obstacles,
        )

    @performs(LIST_ERASURES)
    async def list_erasures(self, call: ListErasures) -> OpenErasures:
        assert call.cluster_uid == UID
        self._may_fail()
        behind = [one for one in self.unattended if one.request_id > call.after]
        page = tuple(behind[: self.listed_at_once])
        return OpenErasures(requests=page, more=len(behind) > len(page))

    @performs(START_ERASURE)
    async def start_erasure(self, call: StartErasure) -> Started:
        self.started.append(call.request.request_id)
        return Started(workflow_id=erasure_id(call.request.request_id))

    @performs(NOTIFY)
    async def page(self, call: Notice) -> Delivered:
        if self.unheard:
            self.unheard -= 1
            raise BytePortError("nobody hears it")
        self.notices.append(call)
        return Delivered(channels=("file",))

    def _may_fail(self) -> None:
        if self.down is not None:
            raise self.down
        if self.errors:
            raise self.errors.pop(0)


RECORDED = Recorded(id="r", seq=9, hash="h" * 64)


class Erasures:
    """A worker for both workflows, whose time passes when a test says so."""

    def __init__(self, skipper: TimeSkipper, ledger: Ledger) -> None:
        self.skipper = skipper
        self.ledger = ledger
        self._workers: AsyncExitStack | None = None

    @property
    def client(self) -> Client:
        return self.skipper.client

    @property
    def handle(self) -> WorkflowHandle[object, ErasureClosed]:
        return self.client.get_workflow_handle(erasure_id(REQUEST), result_type=ErasureClosed)

    @property
    def retention(self) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(retention_id(UID))

    async def request(self) -> None:
        """As `byteport erase` does, once the request stands in the ledger."""
        await standing_runs.see_to_erasure(self.client, INSTALLATION, self.ledger.request)

    async def passes(self, time: timedelta) -> None:
        await self.skipper.fast_forward(self.handle, time)

    async def passes_until(self, seen: Callable[[], object], *, by: timedelta = 6 * HOUR) -> None:
        """Let time pass in steps until something is seen: a run that is renewed on the way stops a longer one."""
        for _ in range(40):
            await self.passes(by)
            for _ in range(10):
                if seen():
                    return
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        raise AssertionError("never seen")

    async def days_pass(self, time: timedelta) -> None:
        """For the retention."""
        await self.skipper.fast_forward(self.retention, time)

    async def a_day_passes(self) -> None:
        """For the retention, until its next round has begun."""
        before = len(self.ledger.pruned_at)
        await self.days_pass(DAY)
        await until(lambda: len(self.ledger.pruned_at) > before, "the next round")

    async def closed(self) -> ErasureClosed:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.handle.result()

    async def state(self) -> Erasing | None:
        state: Erasing | None = await self.handle.query(STATE, result_type=Erasing)
        return state

    async def retained(self) -> RetentionState:
        state: RetentionState = await self.retention.query(STATE, result_type=RetentionState)
        return state

    async def work(self) -> None:
        self._workers = AsyncExitStack()
        queues: dict[str, list[Callable[..., Any]]] = {}
        for method in activities_of(self.ledger):
            queues.setdefault(task_queue_name(act_of(method).queue, UID), []).append(method)
        for queue, methods in queues.items():
            worker = Worker(
                self.client,
                task_queue=queue,
                workflows=[ErasureWorkflow, RetentionWorkflow] if queue == Queue.CONTROL.value else [],
                activities=methods,
                workflow_runner=workflow_runner(),
            )
            await self._workers.enter_async_context(worker)

    async def rest(self) -> None:
        if self._workers is not None:
            await self._workers.aclose()
            self._workers = None


@asynccontextmanager
async def erasing(server: DevServer, namespace: str) -> AsyncIterator[Erasures]:
    await make_namespace(server, namespace)
    client = await Client.connect(server.address, namespace=namespace, data_converter=pydantic_data_converter)
    await ensure_search_attributes(client)
    made = Erasures(TimeSkipper(client, config=replace(SKIPPING, enabled=False)), Ledger())
    await made.work()
    try:
        yield made
    finally:
        await terminate_all(client)
        await made.rest()

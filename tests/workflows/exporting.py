"""One export in a test's hands: a log, a receiver that can be away, and a pager, as far as the workflow can tell.

The act answers from what a test sets here, on the clock of the run that calls it; Temporal, its time and the workflow are
real. What the real act does has tests of its own (`tests/integration/export/test_ship.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from activities.performs import act_of, activities_of, performs
from byteport.contracts.acts import task_queue_name
from byteport.contracts.export import SHIP, ExportClosed, ExportState, Obstacle, Ship, Shipment
from byteport.contracts.people import NOTIFY, Delivered, Notice
from byteport.contracts.receivers import TargetKind
from byteport.contracts.workflows import STATE, Installation
from byteport.domain.ids import export_id
from byteport.errors import BytePortError
from byteport.sandbox.dev_server import DevServer
from byteport.temporal.exporting import start_export
from byteport.temporal.registration import ensure_search_attributes
from tests.workflows.patience import PATIENCE_SECONDS, until_so
from tests.workflows.world import SKIPPING, make_namespace, terminate_all
from workers.runner import workflow_runner
from workflows.export import ExportWorkflow

UID = "00000000-0000-4000-8000-000000000001"
INSTALLATION = Installation(tenant="acme", cluster_uid=UID, cluster_name="production")
PORTION = 100
"""So many records one call ships."""
STEP = timedelta(minutes=5)


@dataclass(frozen=True)
class Call:
    """One call of the act: when, and how far the receiver was before it."""

    at: datetime
    seq: int
    begun: bool


class Around:
    """What tests set, and what they look at afterwards."""

    def __init__(self) -> None:
        self.head, self.seq = 0, 0
        self.wanted = True
        self.obstacle: Callable[[datetime], Obstacle | None] = lambda _: None
        """What stands in the way at a time."""
        self.errors: list[BytePortError] = []
        """Of the act itself, each for one call."""
        self.hour_open: Callable[[datetime], datetime | None] = lambda _: None
        """Until when the hour is open in which the next records lie."""
        self.calls: list[Call] = []
        self.notices: list[Notice] = []
        self.pager_is_down = 0

    @performs(SHIP)
    async def ship(self, call: Ship) -> Shipment:
        assert call.cluster_uid == UID
        now = activity.info().started_time
        self.calls.append(Call(now, self.seq, call.begun))
        if self.errors:
            raise self.errors.pop(0)
        if not self.wanted:
            return Shipment(wanted=False)
        obstacle, due = self.obstacle(now), self.hour_open(now)
        before = self.seq
        if obstacle is None and due is None:
            self.seq = min(self.head, self.seq + PORTION)
        waits = self.seq < self.head
        return Shipment(
            begun=True,
            seq=self.seq,
            head=self.head,
            shipped=self.seq - before,
            more=waits and obstacle is None and due is None,
            oldest=now - timedelta(seconds=60) if waits else None,
            due=due if waits else None,
            obstacle=obstacle,
        )

    @performs(NOTIFY)
    async def page(self, call: Notice) -> Delivered:
        if self.pager_is_down:
            self.pager_is_down -= 1
            raise BytePortError("nobody is there")
        self.notices.append(call)
        return Delivered(channels=("file",))


class Exporting:
    """A worker for exports, whose time passes when a test says so."""

    def __init__(self, skipper: TimeSkipper, around: Around, target: TargetKind = TargetKind.WEBHOOK) -> None:
        self.skipper = skipper
        self.around = around
        self.target = target
        self._workers: AsyncExitStack | None = None

    @property
    def client(self) -> Client:
        return self.skipper.client

    @property
    def handle(self) -> WorkflowHandle[object, ExportClosed]:
        return self.client.get_workflow_handle(export_id(UID, self.target.value), result_type=ExportClosed)

    async def start(self, target: TargetKind | None = None) -> None:
        """As a worker's start does."""
        self.target = target or self.target
        await start_export(self.client, INSTALLATION, self.target)

    async def passes(self, time: timedelta, *, by: timedelta = STEP) -> None:
        """Let time pass, in steps: what falls due within one step may happen at the end of it."""
        for _ in range(round(time / by)):
            await until_so(self._waits, "the run waits")
            await self.skipper.fast_forward(self.handle, by)
        await until_so(self._waits, "the run waits")

    async def _waits(self) -> bool:
        """Whether the run waits for time alone. One that has gone on as new begins only after a second of real time."""
        try:
            again_at = (await self.state()).again_at
        except RPCError:
            return False
        return again_at is not None and again_at > await self.skipper.get_current_time(self.handle)

    async def state(self) -> ExportState:
        state: ExportState = await self.handle.query(STATE, result_type=ExportState)
        return state

    async def closed(self) -> ExportClosed:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.handle.result()

    async def work(self) -> None:
        self._workers = AsyncExitStack()
        queues: dict[str, list[Callable[..., Any]]] = {}
        for method in activities_of(self.around):
            queues.setdefault(task_queue_name(act_of(method).queue, UID), []).append(method)
        for queue, methods in {"control": [], **queues}.items():
            worker = Worker(
                self.client,
                task_queue=queue,
                workflows=[ExportWorkflow] if queue == "control" else [],
                activities=methods,
                workflow_runner=workflow_runner(),
            )
            await self._workers.enter_async_context(worker)

    async def rest(self) -> None:
        if self._workers is not None:
            await self._workers.aclose()
            self._workers = None


@asynccontextmanager
async def exporting(server: DevServer, namespace: str) -> AsyncIterator[Exporting]:
    await make_namespace(server, namespace)
    client = await Client.connect(server.address, namespace=namespace, data_converter=pydantic_data_converter)
    await ensure_search_attributes(client)
    made = Exporting(TimeSkipper(client, config=replace(SKIPPING, enabled=False)), Around())
    await made.work()
    try:
        yield made
    finally:
        await terminate_all(client)
        await made.rest()

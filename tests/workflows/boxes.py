"""A time box in a test's hands: one autoscaler, a ledger and a pager, as far as the workflow can tell them from real ones.

The acts answer from what a test sets here; Temporal, its time and the workflow are real. What the real acts do with
the same calls has tests of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from activities.performs import act_of, activities_of, performs
from byteport.contracts.acts import task_queue_name
from byteport.contracts.kubernetes import (
    READ_FLOOR,
    RESOLVE_OUTCOME,
    RESTORE_FLOOR,
    Floor,
    Mutated,
    MutatingCall,
    Outcome,
    ReadFloor,
    ResolveOutcome,
)
from byteport.contracts.ledger import (
    FINISH,
    RECORD,
    RESERVE,
    Finish,
    Granted,
    NotGranted,
    RecordDraft,
    Recorded,
    Reservation,
    Reserve,
)
from byteport.contracts.people import NOTIFY, Delivered, Notice
from byteport.contracts.workflows import STATE, Box, Installation, Ladder, TimeboxClosed, TimeboxState
from byteport.domain.ids import timebox_id
from byteport.domain.plans import RaiseFloorPlan, RestoreFloorPlan, plan_digest
from byteport.domain.reasons import Reason
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.domain.warrants import Grant, GrantBody
from byteport.errors import BytePortError
from byteport.sandbox.dev_server import DevServer
from byteport.temporal import intake
from byteport.temporal.registration import ensure_search_attributes
from tests.workflows.patience import PATIENCE_SECONDS
from tests.workflows.world import SKIPPING, make_namespace, terminate_all
from workers.runner import workflow_runner
from workflows.timebox import TimeboxWorkflow

UID = "00000000-0000-4000-8000-000000000001"
POLICY = "v" * 64
INSTALLATION = Installation(tenant="acme", cluster_uid=UID, cluster_name="production")
TARGET = Target(cluster_uid=UID, namespace="shop", kind="Deployment", name="web", uid="d-1")
HOUR = timedelta(hours=1)
CHANGED_AT = datetime(2026, 3, 10, 4, 5, 6, tzinfo=UTC)


def box(name: str, *, before: int = 2, was: int = 2, to: int = 5, seconds: int = 3600) -> Box:
    """One raise by the incident `name`."""
    plan = RaiseFloorPlan(
        target=TARGET,
        autoscaler="web",
        autoscaler_uid="h-1",
        rest_digest="rest",
        floor_before=before,
        floor_from=was,
        floor_to=to,
        box_seconds=seconds,
    )
    return Box(
        installation=INSTALLATION,
        incident_id=f"inc-{name}",
        remediation_id="remediate:web:cpu",
        runbook="CpuSpikeRunbook",
        signal=Signal(
            type=SignalType.CPU_SPIKE,
            value=97,
            threshold=90,
            target=TARGET,
            observed_at=CHANGED_AT,
            source=Source.WATCH,
            evidence_digest="e" * 64,
        ),
        plan=plan,
        plan_digest=plan_digest(plan, POLICY),
        policy_version=POLICY,
        action_id=f"raise-{name}",
    )


class Surroundings:
    """The autoscaler, the ledger and the people: what tests set, and what they look at afterwards."""

    def __init__(self) -> None:
        self.floor = Floor(found=True, enabled=True, uid="h-1", rest_digest="rest", floor=2)
        self.refusals: list[tuple[Reason, ...]] = []
        """Of the ledger, each for one try; the last of them for as long as `stays`."""
        self.stays = False
        self.errors: list[BytePortError] = []
        """Of the restore, each for one call."""
        self.applied: bool | None = None
        self.away: list[BytePortError] = []
        """Of looks at what became of a restore, each for one call."""
        self.refuses_to_finish: BytePortError | None = None
        """Of the ledger, when an intent is to be ended."""
        self.reserved: list[Reserve] = []
        self.finished: list[Finish] = []
        self.records: list[RecordDraft] = []
        self.notices: list[Notice] = []
        self.looks = 0
        self.held: asyncio.Event | None = None
        """While it is there and not set, a look waits for it."""
        self.recording: asyncio.Event | None = None
        """The same of a record."""
        self.waits_to_record = False

    def raised(self, by: Box) -> None:
        """The raise was done."""
        plan = by.plan
        self.change(floor=plan.floor_to, floor_before=plan.floor_before, action_id=by.action_id, manager="byteport")

    def change(self, **fields: object) -> None:
        self.floor = self.floor.model_copy(update=fields)

    def by_somebody(self, **fields: object) -> None:
        """Somebody else has changed the autoscaler."""
        self.change(manager="kubectl-edit", managed_at=CHANGED_AT, **fields)

    @property
    def restores(self) -> list[tuple[int, int]]:
        """From and to of each restore that was tried."""
        plans = [call.plan for call in self.reserved]
        return [(plan.floor_from, plan.floor_to) for plan in plans if isinstance(plan, RestoreFloorPlan)]

    @performs(READ_FLOOR)
    async def read_floor(self, call: ReadFloor) -> Floor:
        assert (call.target, call.autoscaler) == (TARGET, "web")
        self.looks += 1
        if self.held is not None:
            await self.held.wait()
        return self.floor

    @performs(RESERVE)
    async def reserve(self, call: Reserve) -> Reservation:
        if self.refusals:
            because = self.refusals[0] if self.stays else self.refusals.pop(0)
            return Reservation(answer=NotGranted(because=because))
        self.reserved.append(call)
        body = GrantBody(
            action_id=call.action_id,
            act=call.act,
            arguments_digest=call.arguments_digest,
            plan_digest=call.plan_digest,
            cluster_uid=UID,
            record_hash="h" * 64,
            seq=1,
            lease_until=CHANGED_AT,
            again=False,
        )
        return Reservation(answer=Granted(grant=Grant(body=body, signature="0" * 128), record=RECORDED))

    @performs(RESTORE_FLOOR)
    async def restore_floor(self, call: MutatingCall) -> Mutated:
        warrant = call.warrant
        if self.errors:
            raise self.errors.pop(0)
        assert isinstance(warrant.plan, RestoreFloorPlan)
        self.change(floor=warrant.plan.floor_to, floor_before=None, action_id=warrant.grant.body.action_id)
        return Mutated(action_id=warrant.grant.body.action_id, already=False, at=CHANGED_AT, object_uid="h-1")

    @performs(RESOLVE_OUTCOME)
    async def resolve_outcome(self, call: ResolveOutcome) -> Outcome:
        del call
        if self.away:
            raise self.away.pop(0)
        return Outcome(applied=self.applied, at=CHANGED_AT)

    @performs(FINISH)
    async def finish(self, call: Finish) -> Recorded:
        if self.refuses_to_finish is not None:
            raise self.refuses_to_finish
        self.finished.append(call)
        return RECORDED

    @performs(RECORD)
    async def record(self, call: RecordDraft) -> Recorded:
        if self.recording is not None:
            self.waits_to_record = True
            await self.recording.wait()
        self.records.append(call)
        return RECORDED

    @performs(NOTIFY)
    async def page(self, call: Notice) -> Delivered:
        self.notices.append(call)
        return Delivered(channels=("file",))


RECORDED = Recorded(id="r", seq=1, hash="h" * 64)


class Boxing:
    """A worker for time boxes, whose time passes when a test says so."""

    def __init__(self, skipper: TimeSkipper, around: Surroundings) -> None:
        self.skipper = skipper
        self.around = around
        self._workers: AsyncExitStack | None = None

    @property
    def client(self) -> Client:
        return self.skipper.client

    @property
    def handle(self) -> WorkflowHandle[object, TimeboxClosed]:
        return self.client.get_workflow_handle(timebox_id(UID, "shop", "web"), result_type=TimeboxClosed)

    async def start(self, of: Box) -> None:
        """As the act does before it raises."""
        await intake.start_timebox(self.client, INSTALLATION, of, ladder=Ladder())

    async def raises(self, of: Box) -> None:
        """The box is started, and the floor raised."""
        await self.start(of)
        self.around.raised(of)

    async def passes(self, time: timedelta) -> None:
        await self.skipper.fast_forward(self.handle, time)

    async def passes_until(self, seen: Callable[[], object], *, by: timedelta = timedelta(minutes=5)) -> None:
        """Let time pass in steps until something is seen."""
        for _ in range(60):
            if seen():
                return
            await self.skipper.fast_forward(self.handle, by)
        raise AssertionError("never seen")

    async def state(self) -> TimeboxState:
        state: TimeboxState = await self.handle.query(STATE, result_type=TimeboxState)
        return state

    async def closed(self) -> TimeboxClosed:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.handle.result()

    async def work(self) -> None:
        self._workers = AsyncExitStack()
        queues: dict[str, list[Callable[..., Any]]] = {}
        for method in activities_of(self.around):
            queues.setdefault(task_queue_name(act_of(method).queue, UID), []).append(method)
        for queue, methods in {"control": [], **queues}.items():
            workflows = [TimeboxWorkflow] if queue == "control" else []
            worker = Worker(
                self.client,
                task_queue=queue,
                workflows=workflows,
                activities=methods,
                workflow_runner=workflow_runner(),
            )
            await self._workers.enter_async_context(worker)

    async def rest(self) -> None:
        if self._workers is not None:
            await self._workers.aclose()
            self._workers = None


@asynccontextmanager
async def boxing(server: DevServer, namespace: str) -> AsyncIterator[Boxing]:
    await make_namespace(server, namespace)
    client = await Client.connect(server.address, namespace=namespace, data_converter=pydantic_data_converter)
    await ensure_search_attributes(client)
    made = Boxing(TimeSkipper(client, config=replace(SKIPPING, enabled=False)), Surroundings())
    await made.work()
    try:
        yield made
    finally:
        await terminate_all(client)
        await made.rest()

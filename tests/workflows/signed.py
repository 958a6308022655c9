"""The signing of a log in a test's hands: signer, witnesses and people, as far as the run can tell them from real ones.

The acts answer from what a test sets here; Temporal, its time and the workflow are real. What the real acts do has tests of its
own (`tests/integration/signer`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from activities.performs import act_of, activities_of, performs
from byteport.contracts.acts import Queue, task_queue_name
from byteport.contracts.checkpoints import (
    COSIGN,
    KEEP_COSIGNATURES,
    SIGN_CHECKPOINT,
    Answered,
    Cosign,
    Cosigned,
    Following,
    KeepCosignatures,
    Kept,
    Objection,
    Refusal,
    Refused,
    SignCheckpoint,
    Signed,
    Size,
    WitnessAnswered,
)
from byteport.contracts.ledger import RAISE_ALARM, AlarmRaised, RaiseAlarm
from byteport.contracts.people import NOTIFY, Delivered, Notice
from byteport.contracts.workflows import Installation
from byteport.domain.ids import checkpoint_id
from byteport.errors import BytePortError, NotPermitted
from byteport.sandbox.dev_server import DevServer
from byteport.temporal.registration import ensure_search_attributes
from byteport.temporal.signing import start_checkpoints
from tests.workflows.world import SKIPPING, make_namespace, terminate_all
from workers.runner import workflow_runner
from workflows.checkpoint import CheckpointWorkflow

UID = "00000000-0000-4000-8000-000000000001"
INSTALLATION = Installation(tenant="acme", cluster_uid=UID, cluster_name="production")
MINUTE = timedelta(minutes=1)
EVERY = Following(every_seconds=60)


class Keepers:
    """Signer, witnesses and people: what tests set, and what they look at afterwards."""

    def __init__(self) -> None:
        self.records = 3
        self.at_once = 1000
        self.refusal: Refused | None = None
        self.down: BytePortError | None = None
        """Of the signer."""
        self.looks: list[datetime] = []
        self.signed = 0
        self.dead: set[str] = set()
        self.objecting: dict[str, Refused] = {}
        self.asked: list[Cosign] = []
        self.kept: list[KeepCosignatures] = []
        self.alarms: list[RaiseAlarm] = []
        self.notices: list[Notice] = []
        self.unheard = 0
        self.alarm_down = False
        """The ledger does not take it."""

    @performs(SIGN_CHECKPOINT)
    async def sign(self, call: SignCheckpoint) -> Answered:
        assert call.cluster_uid == UID
        self.looks.append(activity.info().started_time)
        if self.down is not None:
            raise self.down
        if self.refusal is not None:
            return Answered(answer=Refusal(because=self.refusal, signed_size=9, found_size=5, says="look at it"))
        before, self.signed = self.signed, min(self.records, self.signed + self.at_once)
        return Answered(
            answer=Signed(
                upto=Size(size=self.signed, nodes=()),
                note=f"note of {self.signed}" if self.signed else "",
                grew=self.signed > before,
                more=self.signed < self.records,
            )
        )

    @performs(COSIGN)
    async def cosign(self, call: Cosign) -> WitnessAnswered:
        self.asked.append(call)
        if call.witness in self.dead:
            raise BytePortError("it is down")
        because = self.objecting.get(call.witness)
        if because is not None:
            return WitnessAnswered(answer=Objection(because=because, witnessed_size=12, says="another log"))
        return WitnessAnswered(answer=Cosigned(lines=f"{call.witness} of {call.upto.size}"))

    @performs(KEEP_COSIGNATURES)
    async def keep(self, call: KeepCosignatures) -> Kept:
        self.kept.append(call)
        return Kept(signatures=2)

    @performs(RAISE_ALARM)
    async def alarm(self, call: RaiseAlarm) -> AlarmRaised:
        self.alarms.append(call)
        if self.alarm_down:
            raise NotPermitted("it does not take it")
        return AlarmRaised(record=None)

    @performs(NOTIFY)
    async def page(self, call: Notice) -> Delivered:
        if self.unheard:
            self.unheard -= 1
            raise BytePortError("nobody hears it")
        self.notices.append(call)
        return Delivered(channels=("file",))

    def asked_of(self, witness: str) -> list[tuple[int, int]]:
        """From where to where it was asked to go on."""
        return [(call.since.size, call.upto.size) for call in self.asked if call.witness == witness]


class Signing:
    """A worker for the workflow, whose time passes when a test says so."""

    def __init__(self, skipper: TimeSkipper, keepers: Keepers) -> None:
        self.skipper = skipper
        self.keepers = keepers

    @property
    def client(self) -> Client:
        return self.skipper.client

    @property
    def handle(self) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(checkpoint_id(UID))

    async def starts(self, following: Following = EVERY) -> None:
        """As a worker's start does."""
        await start_checkpoints(self.client, INSTALLATION, following)

    async def passes(self, time: timedelta) -> None:
        await self.skipper.fast_forward(self.handle, time)


@asynccontextmanager
async def signing(server: DevServer, namespace: str) -> AsyncIterator[Signing]:
    await make_namespace(server, namespace)
    client = await Client.connect(server.address, namespace=namespace, data_converter=pydantic_data_converter)
    await ensure_search_attributes(client)
    keepers = Keepers()
    made = Signing(TimeSkipper(client, config=replace(SKIPPING, enabled=False)), keepers)
    queues: dict[str, list[Callable[..., Any]]] = {Queue.CONTROL.value: []}
    for method in activities_of(keepers):
        queues.setdefault(task_queue_name(act_of(method).queue, UID), []).append(method)
    async with AsyncExitStack() as stack:
        for queue, methods in queues.items():
            worker = Worker(
                made.client,
                task_queue=queue,
                workflows=[CheckpointWorkflow] if queue == Queue.CONTROL.value else [],
                activities=methods,
                workflow_runner=workflow_runner(),
            )
            await stack.enter_async_context(worker)
        stack.push_async_callback(terminate_all, client)
        yield made

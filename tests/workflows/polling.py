"""One Schedule in a test's hands: a source of metrics, the cluster's worker and a pager, as far as the poll can tell.

The acts answer from what a test sets here; Temporal, its Schedules, the encryption and the workflow are real. What the real
acts do has tests of its own (`tests/integration/cloud`, `tests/unit/activities`). A test starts each poll by the Schedule's own
trigger: when polls are due is Temporal's own business.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    ScheduleUpdate,
    ScheduleUpdateInput,
    WorkflowHandle,
)
from temporalio.worker import Worker

from activities.performs import act_of, activities_of, performs
from byteport.contracts.acts import Queue, task_queue_name
from byteport.contracts.cloud import (
    CHECK_RIGHTS,
    POLL_METRICS,
    CheckRights,
    CloudSource,
    Polled,
    PollMetrics,
    PollState,
)
from byteport.contracts.cloud_looks import RightsFound
from byteport.contracts.people import NOTIFY, Delivered, Notice
from byteport.contracts.symptoms import REPORT_SYMPTOMS, Fate, ReportSymptoms, SymptomsReported
from byteport.contracts.workflows import Installation
from byteport.domain.ids import poll_id
from byteport.errors import BytePortError, PermanentError
from byteport.sandbox.dev_server import DevServer
from byteport.temporal.converter import data_converter
from byteport.temporal.keys import KeyRing, PayloadKey
from byteport.temporal.registration import ensure_search_attributes
from byteport.temporal.schedules import NOTE, follow_polls
from tests.workflows.patience import until_so
from tests.workflows.world import make_namespace, terminate_all
from workers.runner import workflow_runner
from workflows.metric_poll import MetricPollWorkflow

UID = "00000000-0000-4000-8000-000000000001"
INSTALLATION = Installation(tenant="acme", cluster_uid=UID, cluster_name="production")
HOUR = timedelta(hours=1)
RARELY = timedelta(hours=12)
"""So that no poll begins by itself within a test."""


class Around:
    """What tests set, and what they look at afterwards."""

    def __init__(self) -> None:
        self.gives: Callable[[PollMetrics], Polled] | None = None
        self.error: BytePortError | None = None
        self.fate = Fate.REPORTED
        self.found: RightsFound | BytePortError = RightsFound()
        """What a look at the identity finds, or why it is not answered."""
        self.looks = 0
        self.cluster_is_down = False
        self.pager_is_down = False
        self.polls: list[PollMetrics] = []
        self.batches: list[ReportSymptoms] = []
        self.notices: list[Notice] = []

    @performs(POLL_METRICS)
    async def poll(self, call: PollMetrics) -> Polled:
        self.polls.append(call)
        if self.error is not None:
            raise self.error
        assert self.gives is not None
        return self.gives(call)

    @performs(CHECK_RIGHTS)
    async def check(self, call: CheckRights) -> RightsFound:
        assert call.source is CloudSource.AWS
        self.looks += 1
        if isinstance(self.found, BytePortError):
            raise self.found
        return self.found

    @performs(REPORT_SYMPTOMS)
    async def report(self, call: ReportSymptoms) -> SymptomsReported:
        self.batches.append(call)
        if self.cluster_is_down:
            raise PermanentError("the cluster's worker is away")
        return SymptomsReported(fates=(self.fate,) * len(call.symptoms))

    @performs(NOTIFY)
    async def page(self, call: Notice) -> Delivered:
        if self.pager_is_down:
            raise PermanentError("nobody is there")
        self.notices.append(call)
        return Delivered(channels=("file",))


@workflow.defn(name="AnotherVersion", sandboxed=False)
class AnotherVersion:
    """Hands on what it is given."""

    @workflow.run
    async def run(self, result: Any) -> Any:
        return result


class Polling:
    """A worker for polls, and the Schedule of one source."""

    def __init__(self, client: Client, around: Around) -> None:
        self.client = client
        self.around = around
        self.last: WorkflowHandle[object, PollState] | None = None

    @property
    def schedule(self) -> ScheduleHandle:
        return self.client.get_schedule_handle(poll_id(UID, "aws"))

    async def follow(self, *sources: CloudSource, every: timedelta = RARELY, paused: bool = False) -> None:
        """As a worker's start does."""
        await follow_polls(self.client, INSTALLATION, sources, every=every, rights_every=HOUR, paused=paused)

    async def was_left(self, result: object) -> None:
        """The poll before the next one has handed on `result`: as another version does, or this one did a while ago."""

        def by_another(there: ScheduleUpdateInput) -> ScheduleUpdate:
            schedule = there.description.schedule
            schedule.action = ScheduleActionStartWorkflow(
                "AnotherVersion", result, id=poll_id(UID, "aws"), task_queue=task_queue_name(Queue.CONTROL, UID)
            )
            schedule.state.note = f"{NOTE} by another version"
            return ScheduleUpdate(schedule)

        await self.schedule.update(by_another)
        await self._started()
        await self.follow(CloudSource.AWS)

    async def poll(self) -> PollState:
        """One poll, from its beginning to its result."""
        self.last = await self._started()
        state: PollState = await self.last.result()
        return state

    async def _started(self) -> WorkflowHandle[object, PollState]:
        """One run of the Schedule, which has ended."""
        before = {run for _, run in await self._runs()}
        await self.schedule.trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE)
        new: list[tuple[str, str]] = []

        async def begun() -> bool:
            new[:] = [(name, run) for name, run in await self._runs() if run not in before]
            return bool(new)

        await until_so(begun, "a poll begins")
        name, run = new[0]  # runs of one second have one name
        await until_so(self.at_rest, "the Schedule knows its end")
        return self.client.get_workflow_handle(name, run_id=run, result_type=PollState)

    async def at_rest(self) -> bool:
        return not (await self.schedule.describe()).info.running_actions

    async def _runs(self) -> list[tuple[str, str]]:
        """Name and run of what was started lately."""
        actions = [one.action for one in (await self.schedule.describe()).info.recent_actions]
        return [
            (action.workflow_id, action.first_execution_run_id)
            for action in actions
            if isinstance(action, ScheduleActionExecutionStartWorkflow)
        ]


@asynccontextmanager
async def polling(server: DevServer, namespace: str) -> AsyncIterator[Polling]:
    await make_namespace(server, namespace)
    converter = data_converter(KeyRing((PayloadKey(b"k" * 32),)))
    client = await Client.connect(server.address, namespace=namespace, data_converter=converter)
    await ensure_search_attributes(client)
    around = Around()
    async with working(client, around):
        made = Polling(client, around)
        try:
            yield made
        finally:
            await made.follow()
            await terminate_all(client)


@asynccontextmanager
async def working(client: Client, around: Around) -> AsyncIterator[None]:
    """Workers for polls, whose acts are a test's."""
    queues: dict[str, list[Callable[..., Any]]] = {"control": []}
    for method in activities_of(around):
        queues.setdefault(task_queue_name(act_of(method).queue, UID), []).append(method)
    async with AsyncExitStack() as stack:
        for queue, methods in queues.items():
            worker = Worker(
                client,
                task_queue=queue,
                workflows=[MetricPollWorkflow, AnotherVersion] if queue == "control" else [],
                activities=methods,
                workflow_runner=workflow_runner(),
            )
            await stack.enter_async_context(worker)
        yield

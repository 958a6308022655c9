"""What an operator does to a run with Temporal's own tools: reset it, or shorten what it waits for."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest, UpdateActivityOptionsRequest
from temporalio.client import Client

from tests.workflows.patience import until_so
from tests.workflows.remediation import Remediation


async def reset_before(remediation: Remediation, act: str, *, nth: int = 0, run_id: str | None = None) -> None:
    """A run's history (the newest's) up to a call of an act, gone on with from there: `temporal workflow reset`."""
    run_id = run_id or await remediation.run_id()
    client = remediation.client
    history = await client.get_workflow_handle(remediation.id, run_id=run_id).fetch_history()
    calls = [event.activity_task_scheduled_event_attributes for event in history.events]
    call = [called for called in calls if called.activity_type.name == act][nth]
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=remediation.id, run_id=run_id),
            reason="to look into it",
            request_id=secrets.token_hex(16),
            workflow_task_finish_event_id=call.workflow_task_completed_event_id,
        )
    )


async def is_tried_again(remediation: Remediation, act: str) -> None:
    """Wait until an attempt of an act has failed."""
    await _pending(remediation, act, lambda pending: pending.attempt > 1)


async def give_up(remediation: Remediation, act: str) -> None:
    """Let the time of an act that is tried again and again run out now, instead of in some minutes."""
    await is_tried_again(remediation, act)
    soon = ActivityOptions(schedule_to_close_timeout=Duration(seconds=1))
    await shorten(remediation.client, remediation.id, act, soon)


async def shorten(client: Client, workflow_id: str, act: str, options: ActivityOptions) -> None:
    """Give an act that runs or waits other time-outs: `temporal activity update-options`."""
    await client.workflow_service.update_activity_options(
        UpdateActivityOptionsRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id),
            type=act,
            activity_options=options,
            update_mask=FieldMask(paths=[field.name for field, _ in options.ListFields()]),
        )
    )


async def is_cancelling(remediation: Remediation) -> None:
    """Wait until the run has been told that it is cancelled, and has done its next task knowing it."""
    told = False
    async for event in remediation.handle.fetch_history_events(wait_new_event=True):
        told = told or event.HasField("workflow_execution_cancel_requested_event_attributes")
        if told and event.HasField("workflow_task_completed_event_attributes"):
            return


async def _pending(remediation: Remediation, act: str, wanted: Callable[[PendingActivityInfo], bool]) -> None:
    async def is_so() -> bool:
        described = await remediation.handle.describe()
        pending = described.raw_description.pending_activities
        return any(one.activity_type.name == act and wanted(one) for one in pending)

    await until_so(is_so, f"{remediation.id} waits for {act}")

"""What a run's history tells, opened with the key: which acts were called with what, and what the operator's screen shows."""

from __future__ import annotations

from typing import Any

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle

from byteport.temporal.opened import open_history, value_of


async def scheduled(client: Client, handle: WorkflowHandle[Any, Any]) -> list[tuple[str, Any]]:
    """Name and decrypted input of each act that a run has called, in order."""
    history = await open_history(await handle.fetch_history(), client.data_converter)
    calls = [
        event.activity_task_scheduled_event_attributes
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    return [(call.activity_type.name, value_of(call.input.payloads[0])) for call in calls]


async def started_with(client: Client, handle: WorkflowHandle[Any, Any]) -> Any:
    """A run's own input, decrypted."""
    history = await open_history(await handle.fetch_history(), client.data_converter)
    return value_of(history.events[0].workflow_execution_started_event_attributes.input.payloads[0])


async def attempts(handle: WorkflowHandle[Any, Any]) -> list[int]:
    """At which attempt each act of a run that has ended did so."""
    history = await handle.fetch_history()
    return [
        event.activity_task_started_event_attributes.attempt
        for event in history.events
        if event.HasField("activity_task_started_event_attributes")
    ]


async def details(handle: WorkflowHandle[Any, Any]) -> str:
    """What Temporal UI shows as a run's current details."""
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)

"""A run's history with its payloads decrypted, for people and for comparison; the original is left as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter, WorkflowSerializationContext


async def open_history(history: WorkflowHistory, converter: DataConverter) -> WorkflowHistory:
    """A copy whose payloads are plain. Raises `Undecodable` without the key, or when the workflow id is not its own."""
    events = []
    for event in history.events:
        copy = HistoryEvent()
        copy.CopyFrom(event)
        summarised_by = copy.workflow_execution_started_event_attributes.parent_workflow_execution.workflow_id
        await _open(_payloads(copy.user_metadata), converter, summarised_by or history.workflow_id)
        named = copy.WhichOneof("attributes")
        if named is not None:
            attributes = getattr(copy, named)
            await _open(_payloads(attributes), converter, _other_workflow(named, attributes) or history.workflow_id)
        events.append(copy)
    return WorkflowHistory(history.workflow_id, events)


def value_of(payload: Payload) -> Any:
    """What a plain payload holds, as JSON has it; None for an empty one."""
    if payload.metadata.get("encoding") in (None, b"binary/null") or not payload.data:
        return None
    try:
        return json.loads(payload.data)
    except (ValueError, RecursionError):
        return f"{len(payload.data)} bytes"


def message_of(failure: Failure) -> str:
    """The innermost message of a failure: what went wrong first."""
    while failure.HasField("cause"):
        failure = failure.cause
    if failure.HasField("encoded_attributes"):
        attributes = value_of(failure.encoded_attributes)
        if isinstance(attributes, dict):
            return str(attributes.get("message", ""))
    return failure.message


async def _open(payloads: Iterator[Payload], converter: DataConverter, workflow_id: str) -> None:
    """Decrypt in place what is bound to `workflow_id`."""
    sealed = list(payloads)
    whose = WorkflowSerializationContext(namespace="", workflow_id=workflow_id)
    codec = converter.with_context(whose).payload_codec
    if codec is not None and sealed:
        for payload, plain in zip(sealed, await codec.decode(sealed), strict=True):
            payload.CopyFrom(plain)


def _other_workflow(named: str, attributes: Any) -> str:
    """The id that an event's payloads are bound to when it is not this run's: they are for another one, or from a child."""
    match named:
        case "start_child_workflow_execution_initiated_event_attributes":
            return str(attributes.workflow_id)
        case (
            "child_workflow_execution_started_event_attributes"  # repeats the header that the child was given
            | "child_workflow_execution_completed_event_attributes"
            | "child_workflow_execution_failed_event_attributes"
            | "child_workflow_execution_canceled_event_attributes"
            | "signal_external_workflow_execution_initiated_event_attributes"
        ):
            return str(attributes.workflow_execution.workflow_id)
        case _:
            return ""


def _payloads(message: Message) -> Iterator[Payload]:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for item in value.values():
                    yield from _within(item)
        elif isinstance(value, Message):
            yield from _within(value)
        else:
            for item in value:
                yield from _within(item)


def _within(message: Message) -> Iterator[Payload]:
    if isinstance(message, Payload):
        yield message
    else:
        yield from _payloads(message)

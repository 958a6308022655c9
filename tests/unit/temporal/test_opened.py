"""A history opened with the key: each payload is bound to the run that it is for, which is not always the one that tells of it."""

from __future__ import annotations

import pytest
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.history.v1 import (
    ChildWorkflowExecutionStartedEventAttributes,
    HistoryEvent,
    StartChildWorkflowExecutionInitiatedEventAttributes,
)
from temporalio.client import WorkflowHistory

from byteport.temporal.codec import EncryptingCodec, Undecodable
from byteport.temporal.converter import data_converter
from byteport.temporal.keys import KEY_BYTES, KeyRing, PayloadKey
from byteport.temporal.opened import open_history

RING = KeyRing((PayloadKey(bytes(KEY_BYTES)),))
TRACE = Payload(metadata={"encoding": b"json/plain"}, data=b'{"traceparent": "00-of-a-trace"}')


def told_of_a_child(sealed_for: str) -> WorkflowHistory:
    """By a parent, with the header in which a trace went to the child."""
    sealed = EncryptingCodec(RING).sealed_for(sealed_for, TRACE)
    asked = StartChildWorkflowExecutionInitiatedEventAttributes(workflow_id="child")
    asked.header.fields["_tracer-data"].CopyFrom(sealed)
    started = ChildWorkflowExecutionStartedEventAttributes(workflow_execution=WorkflowExecution(workflow_id="child"))
    started.header.fields["_tracer-data"].CopyFrom(sealed)
    events = [
        HistoryEvent(start_child_workflow_execution_initiated_event_attributes=asked),
        HistoryEvent(child_workflow_execution_started_event_attributes=started),
    ]
    return WorkflowHistory("parent", events)


async def test_the_header_of_a_traced_child_opens_wherever_its_parent_tells_of_it() -> None:
    opened = await open_history(told_of_a_child("child"), data_converter(RING))
    asked, started = opened.events
    assert asked.start_child_workflow_execution_initiated_event_attributes.header.fields["_tracer-data"] == TRACE
    assert started.child_workflow_execution_started_event_attributes.header.fields["_tracer-data"] == TRACE


async def test_one_that_was_for_another_run_is_refused() -> None:
    with pytest.raises(Undecodable, match="another workflow"):
        await open_history(told_of_a_child("stranger"), data_converter(RING))

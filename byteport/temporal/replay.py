"""A recorded history run again through today's code: does it still do the same, with the same arguments?

Temporal's own replayer compares the order of commands, not what is in them: a wrong target would replay green. So the
arguments of each activity and child that the code schedules again are compared with the recorded ones. Used by
`byteport replay` where the key is, and by the tests on recorded histories.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter, DefaultFailureConverter
from temporalio.worker import (
    Interceptor,
    Replayer,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
    WorkflowRunner,
)

from byteport.temporal.opened import open_history, value_of


class Scheduled(NamedTuple):
    """One activity or child with its arguments, as JSON has them."""

    name: str
    task_queue: str | None
    """Where it was put, and so who could have taken it; None is the run's own queue."""
    arguments: Any


class Difference(NamedTuple):
    """Where the code of today schedules something else than was recorded; either is None when it has nothing there."""

    position: int
    recorded: Scheduled | None
    replayed: Scheduled | None


class Replayed(NamedTuple):
    """`failure` is Temporal's own complaint (another order of commands, an exception), or None."""

    failure: str | None
    differences: tuple[Difference, ...]
    scheduled: tuple[Scheduled, ...]
    """What the code of today schedules."""
    recorded: tuple[Scheduled, ...]
    """What the history has."""

    @property
    def same(self) -> bool:
        return self.failure is None and not self.differences


async def replay(
    history: WorkflowHistory, workflows: Sequence[type], converter: DataConverter, runner: WorkflowRunner
) -> Replayed:
    """Replay `history` (payloads as they were stored) against `workflows`, in the runner that production uses."""
    recorded = recorded_schedule(await open_history(history, converter))
    recorder = _Recorder(converter, _own_queue(history))
    replayer = Replayer(
        workflows=workflows,
        # Failures of the replay itself are for us to read; recorded ones are decoded all the same.
        data_converter=dataclasses.replace(converter, failure_converter_class=DefaultFailureConverter),
        workflow_runner=runner,
        interceptors=[recorder],
    )
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    failure = None if result.replay_failure is None else str(result.replay_failure).split("\n")[0]
    return Replayed(failure, _differences(recorded, recorder.scheduled), tuple(recorder.scheduled), tuple(recorded))


def recorded_schedule(plain: WorkflowHistory) -> list[Scheduled]:
    """What an opened history scheduled, in order."""
    found, own = [], _own_queue(plain)
    for event in plain.events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            activity = event.activity_task_scheduled_event_attributes
            arguments = [value_of(payload) for payload in activity.input.payloads]
            found.append(Scheduled(activity.activity_type.name, _other(activity.task_queue.name, own), arguments))
        elif event.event_type == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            child = event.start_child_workflow_execution_initiated_event_attributes
            arguments = [value_of(payload) for payload in child.input.payloads]
            found.append(Scheduled(child.workflow_type.name, _other(child.task_queue.name, own), arguments))
    return found


def _own_queue(history: WorkflowHistory) -> str:
    return history.events[0].workflow_execution_started_event_attributes.task_queue.name if history.events else ""


def _other(task_queue: str | None, own: str) -> str | None:
    """None for the run's own queue, however it is said: in a replay that has another name."""
    return None if task_queue in (None, "", own) else task_queue


class _Recorder(Interceptor):
    """Hears what replayed code schedules. One replay at a time."""

    def __init__(self, converter: DataConverter, own_queue: str) -> None:
        self._own_queue = own_queue
        self._converter = converter.payload_converter
        self.scheduled: list[Scheduled] = []

    def hear(self, name: str, task_queue: str | None, arguments: Sequence[Any]) -> None:
        payloads = self._converter.to_payloads(arguments)
        queue = _other(task_queue, self._own_queue)
        self.scheduled.append(Scheduled(name, queue, [value_of(payload) for payload in payloads]))

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002  the SDK's own name
    ) -> type[WorkflowInboundInterceptor]:
        del input
        hear = self.hear

        class Outbound(WorkflowOutboundInterceptor):
            def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
                hear(input.activity, input.task_queue, input.args)
                return super().start_activity(input)

            async def start_child_workflow(
                self,
                input: StartChildWorkflowInput,  # noqa: A002
            ) -> workflow.ChildWorkflowHandle[Any, Any]:
                hear(input.workflow, input.task_queue, input.args)
                return await super().start_child_workflow(input)

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

        return Inbound


def _differences(recorded: Sequence[Scheduled], replayed: Sequence[Scheduled]) -> tuple[Difference, ...]:
    found = []
    for position in range(max(len(recorded), len(replayed))):
        one = recorded[position] if position < len(recorded) else None
        other = replayed[position] if position < len(replayed) else None
        if not same_schedule(one, other):
            found.append(Difference(position, one, other))
    return tuple(found)


def same_schedule(recorded: Any, replayed: Any) -> bool:
    """Whether both say the same. A field that was added since, and is empty, says nothing more than before."""
    return _comparable(recorded) == _comparable(_without_additions(recorded, replayed))


def _without_additions(recorded: Any, replayed: Any) -> Any:
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        return {
            key: _without_additions(recorded.get(key), value)
            for key, value in replayed.items()
            if key in recorded or value not in (None, False, "", [], {})
        }
    if isinstance(recorded, list | tuple) and isinstance(replayed, list | tuple) and len(recorded) == len(replayed):
        return [_without_additions(*pair) for pair in zip(recorded, replayed, strict=True)]
    return replayed


def _comparable(scheduled: Any) -> str:
    return json.dumps(_sets_sorted(scheduled), sort_keys=True)


def _sets_sorted(value: Any) -> Any:
    """A set has no order, but JSON gives it one: lists of words are compared without it."""
    if isinstance(value, dict):
        return {key: _sets_sorted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_sets_sorted(item) for item in value]
        return sorted(items) if all(isinstance(item, str) for item in items) else items
    return value

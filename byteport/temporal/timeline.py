"""A run's history told in a person's words: what happened, when, and how long it took.

Used by `byteport replay` for a postmortem. It reads any history, also one whose workflow code is gone. Comes after
`opened.py`, which has decrypted it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from byteport.contracts.workflows import ACKNOWLEDGE, ANSWER, EXTEND, REPORT, WITHDRAW
from byteport.temporal.opened import message_of, value_of


class Happening(NamedTuple):
    """One line. `detail` is the payload that belongs to it, as JSON has it."""

    at: datetime
    event_id: int
    what: str
    detail: Any


def timeline(history: WorkflowHistory) -> list[Happening]:
    """What happened, in order; events that only Temporal cares about are left out."""
    return _Teller().tell(history)


class _Teller:
    """Remembers what an event refers to: the activity, timer or child that it ends."""

    def __init__(self) -> None:
        self._begun: dict[int, tuple[str, datetime]] = {}
        self._attempts: dict[int, int] = {}
        self._lines: list[Happening] = []
        self._tells: dict[int, Callable[[HistoryEvent], None]] = {
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: self._started,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: self._message,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: self._update,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: self._replied,
            EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: self._scheduled,
            EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED: self._activity_started,
            EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: self._activity_completed,
            EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: self._activity_failed,
            EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: self._activity_failed,
            EventType.EVENT_TYPE_TIMER_STARTED: self._timer,
            EventType.EVENT_TYPE_TIMER_FIRED: self._fired,
            EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: self._child,
            EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED: self._child_completed,
            EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: self._attributes,
            EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED: self._task_failed,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: self._completed,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: self._failed,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED: lambda event: self._line(
                event, "asked to cancel"
            ),
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: lambda event: self._line(event, "cancelled"),
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: lambda event: self._line(event, "terminated"),
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: lambda event: self._line(
                event, "continued as the next run"
            ),
        }

    def tell(self, history: WorkflowHistory) -> list[Happening]:
        for event in history.events:
            if teller := self._tells.get(event.event_type):
                teller(event)
        return self._lines

    def _line(self, event: HistoryEvent, what: str, detail: Any = None) -> None:
        self._lines.append(Happening(_at(event), event.event_id, what, detail))

    def _started(self, event: HistoryEvent) -> None:
        begun = event.workflow_execution_started_event_attributes
        verb = "goes on from an earlier run" if begun.continued_execution_run_id else "starts"
        self._line(event, f"{begun.workflow_type.name} {verb}", _first(begun.input))

    def _message(self, event: HistoryEvent) -> None:
        sent = event.workflow_execution_signaled_event_attributes
        detail = _first(sent.input)
        self._line(event, _message_words(sent.signal_name, detail), detail)

    def _update(self, event: HistoryEvent) -> None:
        request = event.workflow_execution_update_accepted_event_attributes.accepted_request
        detail = _first(request.input.args)
        self._line(event, _message_words(request.input.name, detail), detail)

    def _replied(self, event: HistoryEvent) -> None:
        outcome = event.workflow_execution_update_completed_event_attributes.outcome
        reply = _first(outcome.success)
        verdict = reply.get("verdict", {}) if isinstance(reply, dict) else {}
        words = f"refused: {verdict['because']}" if "because" in verdict else "taken"
        self._line(event, f"the answer is {words}", reply)

    def _scheduled(self, event: HistoryEvent) -> None:
        scheduled = event.activity_task_scheduled_event_attributes
        summary = value_of(event.user_metadata.summary)
        name = scheduled.activity_type.name
        self._begun[event.event_id] = (f"{summary} ({name})" if summary else name, _at(event))

    def _activity_started(self, event: HistoryEvent) -> None:
        started = event.activity_task_started_event_attributes
        self._attempts[started.scheduled_event_id] = started.attempt

    def _activity_completed(self, event: HistoryEvent) -> None:
        ended = event.activity_task_completed_event_attributes
        name, took = self._ended(event, ended.scheduled_event_id)
        attempt = self._attempts.get(ended.scheduled_event_id, 1)
        again = f", attempt {attempt}" if attempt > 1 else ""
        self._line(event, f"{name}: {took}{again}", _first(ended.result))

    def _activity_failed(self, event: HistoryEvent) -> None:
        timed_out = event.HasField("activity_task_timed_out_event_attributes")
        ended = (
            event.activity_task_timed_out_event_attributes if timed_out else event.activity_task_failed_event_attributes
        )
        name, took = self._ended(event, ended.scheduled_event_id)
        kind = "timed out" if timed_out else "failed"
        self._line(event, f"{name}: {kind} after {took}: {message_of(ended.failure)}")

    def _timer(self, event: HistoryEvent) -> None:
        summary = value_of(event.user_metadata.summary)
        wait = event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        words = f"waits {_duration(wait)}" + (f": {summary}" if summary else "")
        self._begun[event.event_id] = (words, _at(event))
        self._line(event, words)

    def _fired(self, event: HistoryEvent) -> None:
        name, _ = self._ended(event, event.timer_fired_event_attributes.started_event_id)
        self._line(event, f"{name}: over")

    def _child(self, event: HistoryEvent) -> None:
        child = event.start_child_workflow_execution_initiated_event_attributes
        name = f"{child.workflow_type.name} {child.workflow_id}"
        self._begun[event.event_id] = (name, _at(event))
        self._line(event, f"starts {name}", _first(child.input))

    def _child_completed(self, event: HistoryEvent) -> None:
        ended = event.child_workflow_execution_completed_event_attributes
        name, took = self._ended(event, ended.initiated_event_id)
        self._line(event, f"{name} ends after {took}", _first(ended.result))

    def _attributes(self, event: HistoryEvent) -> None:
        fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        told = {}
        for name, payload in sorted(fields.items()):
            value = value_of(payload)
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            if value not in (None, []):
                told[name.removeprefix("BytePort")] = value
        if told:
            self._line(event, ", ".join(f"{_spaced(name)} {value}" for name, value in told.items()), told)

    def _task_failed(self, event: HistoryEvent) -> None:
        failed = event.workflow_task_failed_event_attributes
        self._line(event, f"the workflow's own code failed: {message_of(failed.failure)}")

    def _completed(self, event: HistoryEvent) -> None:
        result = _first(event.workflow_execution_completed_event_attributes.result)
        words = "closed"
        if isinstance(result, dict):
            told = [str(result[name]) for name in ("decision", "result", "outcome") if result.get(name)]
            words = f"closed: {', '.join(told)}" if told else words
        self._line(event, words, result)

    def _failed(self, event: HistoryEvent) -> None:
        self._line(event, f"failed: {message_of(event.workflow_execution_failed_event_attributes.failure)}")

    def _ended(self, event: HistoryEvent, begun_by: int) -> tuple[str, str]:
        name, at = self._begun.get(begun_by, (f"event {begun_by}", _at(event)))
        return name, _duration(_at(event) - at)


def _message_words(name: str, detail: Any) -> str:
    known = detail if isinstance(detail, dict) else {}
    words = {
        REPORT: f"symptom: {known.get('type', '?')} {known.get('value', '?')} (seen by {known.get('source', '?')})",
        ACKNOWLEDGE: f"acknowledged by {known.get('by', '?')}",
        ANSWER: f"answer: {(known.get('text') or {}).get('answer', '?')}",
        EXTEND: f"floor about to be raised to {(known.get('plan') or {}).get('floor_to', '?')}",
        WITHDRAW: f"request taken back: {known.get('because', '?')}",
    }
    return words.get(name, f"message {name}")


def _spaced(name: str) -> str:
    """`MttrSeconds` → `mttr seconds`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _first(payloads: Payloads) -> Any:
    found: list[Payload] = list(payloads.payloads)
    return value_of(found[0]) if found else None


def _at(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)


def _duration(took: timedelta) -> str:
    seconds = took.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"

"""Every recorded history replays against the code: the same commands, with the same queues and inputs.

With the runner and the converter of production. The second half shows that a history, or code, that differs is noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.converter import WorkflowSerializationContext

from byteport.contracts.acts import Queue
from byteport.contracts.kubernetes import DELETE_POD, MutatingCall
from byteport.contracts.ledger import RESERVE
from byteport.domain.plans import DeletePodPlan, Refused, RollbackPlan
from byteport.runbooks.pod_crashloop import PodCrashloopRunbook
from byteport.temporal.codec import Undecodable
from byteport.temporal.replay import Replayed, replay, same_schedule
from tests.replay import store
from tests.replay.placeholders import Placeholders
from tests.replay.stories import ACTS
from workers.processes import WORKFLOWS
from workers.runner import workflow_runner
from workflows import perform

SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
DELETED = "remediation-closed-acted"
"""The story of one pod that was deleted."""


async def replayed(history: WorkflowHistory) -> Replayed:
    return await replay(history, WORKFLOWS, store.converter(), workflow_runner())


def test_every_story_is_recorded() -> None:
    told = sorted(story for act in ACTS for story in act.stories)
    assert store.stories() == told
    assert sorted(path.stem for path in store.GOLDEN.glob("*.json")) == told


def test_every_workflow_has_its_stories() -> None:
    recorded = {
        store.history(story).events[0].workflow_execution_started_event_attributes.workflow_type.name
        for story in store.stories()
    }
    assert recorded == {workflow.__name__ for workflow in WORKFLOWS}


@pytest.mark.parametrize("story", store.stories())
async def test_it_replays(story: str) -> None:
    """If this fails after a change that was meant, read README.md."""
    again = await replayed(store.history(story))
    assert again.failure is None
    assert again.differences == ()
    placeholders = Placeholders()
    assert same_schedule(store.golden(story), [placeholders.put(one._asdict()) for one in again.scheduled])


# -- what differs is noticed ------------------------------------------------------------------------------------------


def scheduled(history: WorkflowHistory, act: str) -> HistoryEvent:
    """The first event that schedules the act."""
    return next(
        event
        for event in history.events
        if event.event_type == SCHEDULED and event.activity_task_scheduled_event_attributes.activity_type.name == act
    )


async def sealed(history: WorkflowHistory, event: HistoryEvent, change: Callable[[MutatingCall], MutatingCall]) -> None:
    """Change the input of a mutating act and encrypt it again, as somebody with the key could."""
    bound = store.converter().with_context(WorkflowSerializationContext("default", history.workflow_id))
    assert bound.payload_codec is not None
    attributes = event.activity_task_scheduled_event_attributes
    (payload,) = await bound.payload_codec.decode(attributes.input.payloads)
    changed = change(MutatingCall.model_validate_json(payload.data))
    plain = Payload(metadata=payload.metadata, data=changed.model_dump_json().encode())
    (encrypted,) = await bound.payload_codec.encode([plain])
    attributes.input.payloads[0].CopyFrom(encrypted)


def with_another_pod(call: MutatingCall) -> MutatingCall:
    plan = call.warrant.plan
    assert isinstance(plan, DeletePodPlan)
    another = plan.model_copy(update={"pod": plan.pod.model_copy(update={"name": "payments-0"})})
    return call.model_copy(update={"warrant": call.warrant.model_copy(update={"plan": another})})


async def test_acts_in_another_order_do_not_replay() -> None:
    history = store.history(DELETED)
    first, second = scheduled(history, RESERVE.name), scheduled(history, DELETE_POD.name)
    one = first.activity_task_scheduled_event_attributes.activity_type
    other = second.activity_task_scheduled_event_attributes.activity_type
    one.name, other.name = other.name, one.name
    again = await replayed(history)
    assert again.failure is not None
    assert not again.same


async def test_another_target_replays_for_temporal_but_not_for_us() -> None:
    history = store.history(DELETED)
    await sealed(history, scheduled(history, DELETE_POD.name), with_another_pod)
    again = await replayed(history)
    assert again.failure is None
    (difference,) = again.differences
    assert difference.recorded is not None
    assert difference.recorded.arguments[0]["warrant"]["plan"]["pod"]["name"] == "payments-0"


async def test_another_task_queue_replays_for_temporal_but_not_for_us() -> None:
    history = store.history(DELETED)
    event = scheduled(history, DELETE_POD.name)
    event.activity_task_scheduled_event_attributes.task_queue.name = "cluster-of-somebody-else"
    again = await replayed(history)
    assert again.failure is None
    assert [one.recorded.task_queue for one in again.differences if one.recorded] == ["cluster-of-somebody-else"]


async def test_code_that_picks_another_target_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = PodCrashloopRunbook.plan

    def another(self: PodCrashloopRunbook, *arguments: Any) -> DeletePodPlan | RollbackPlan | Refused:
        planned = plan(self, *arguments)
        assert isinstance(planned, DeletePodPlan)
        return planned.model_copy(update={"pod": planned.pod.model_copy(update={"name": "payments-0"})})

    monkeypatch.setattr(PodCrashloopRunbook, "plan", another)
    again = await replayed(store.history(DELETED))
    assert again.failure is None
    assert {one.replayed.name for one in again.differences if one.replayed} >= {RESERVE.name, DELETE_POD.name}


async def test_code_that_asks_another_queue_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def anywhere(queue: Queue, cluster_uid: str) -> str:
        return "anywhere"

    monkeypatch.setattr(perform, "task_queue_name", anywhere)
    again = await replayed(store.history(DELETED))
    assert again.failure is None
    assert again.differences
    assert {one.replayed.task_queue for one in again.differences if one.replayed} == {"anywhere"}


async def test_a_history_opens_under_its_own_id_only() -> None:
    history = store.history(DELETED)
    with pytest.raises(Undecodable):
        await replayed(WorkflowHistory("remediate:another", history.events))


def test_a_files_name_gives_its_workflows_id_back() -> None:
    for workflow_id in ("remediate:uid:shop:Deployment:web:crashloop", "approval:00ff", "watch:uid"):
        name = store.file_name(workflow_id)
        assert ":" not in name
        assert store.workflow_id(Path("histories") / "story" / name) == workflow_id


def test_placeholders_tell_one_id_from_another() -> None:
    pod, other = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
    put = Placeholders().put
    assert put({"uid": pod, "of": f"incident about {other} and {pod}"}) == {
        "uid": "uid#1",
        "of": "incident about uid#2 and uid#1",
    }
    assert put("observed 2030-01-01T00:00:00.123Z") == "observed time"


def test_a_field_that_was_added_since_and_is_empty_is_no_difference() -> None:
    assert same_schedule({"target": {"name": "web"}}, {"target": {"name": "web", "zone": ""}, "earlier": []})
    assert not same_schedule({"target": {"name": "web"}}, {"target": {"name": "web"}, "earlier": [1]})
    assert not same_schedule({"target": {"name": "web"}}, {"target": {}, "earlier": []})
    assert not same_schedule({"logs": True}, {"logs": False})

"""A recorded history against code that has changed: what Temporal's own replayer sees, and what it does not."""

import uuid
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from byteport.temporal.converter import data_converter
from byteport.temporal.keys import KeyRing
from byteport.temporal.opened import open_history
from byteport.temporal.replay import Replayed, replay
from byteport.temporal.timeline import timeline

SOON = timedelta(seconds=5)


@activity.defn
async def touch(target: dict[str, Any]) -> str:
    return f"touched {target['name']}"


@workflow.defn(name="Repair", sandboxed=False)
class Recorded:
    @workflow.run
    async def run(self, name: str) -> str:
        await workflow.sleep(0.01, summary="a moment")
        target = {"name": name, "labels": ["b", "a"]}
        return await workflow.execute_activity(touch, target, start_to_close_timeout=SOON, summary="Touch it")


@workflow.defn(name="Repair", sandboxed=False)
class OtherOrderOfASet:
    @workflow.run
    async def run(self, name: str) -> str:
        await workflow.sleep(0.01)
        return await workflow.execute_activity(
            touch, {"labels": ["a", "b"], "name": name}, start_to_close_timeout=timedelta(seconds=9)
        )


@workflow.defn(name="Repair", sandboxed=False)
class WrongTarget:
    @workflow.run
    async def run(self, name: str) -> str:
        await workflow.sleep(0.01)
        target = {"name": f"not-{name}", "labels": ["b", "a"]}
        return await workflow.execute_activity(touch, target, start_to_close_timeout=SOON)


@workflow.defn(name="Repair", sandboxed=False)
class OneMore:
    @workflow.run
    async def run(self, name: str) -> str:
        await workflow.execute_activity(touch, {"name": "another"}, start_to_close_timeout=SOON)
        return await workflow.execute_activity(touch, {"name": name}, start_to_close_timeout=SOON)


async def recorded(client: Client) -> WorkflowHistory:
    workflow_id = f"repair:{uuid.uuid4()}"
    async with Worker(client, task_queue="repair", workflows=[Recorded], activities=[touch]):
        await client.execute_workflow(Recorded.run, "web", id=workflow_id, task_queue="repair")
    return await client.get_workflow_handle(workflow_id).fetch_history()


async def against(client: Client, ring: KeyRing, code: type) -> Replayed:
    return await replay(await recorded(client), [code], data_converter(ring), UnsandboxedWorkflowRunner())


async def test_the_same_code_schedules_the_same(client: Client, ring: KeyRing) -> None:
    assert (await against(client, ring, Recorded)).same


async def test_neither_a_timeout_nor_the_order_of_a_set_is_a_difference(client: Client, ring: KeyRing) -> None:
    assert (await against(client, ring, OtherOrderOfASet)).same


async def test_a_wrong_target_is_found_though_temporal_replays_it(client: Client, ring: KeyRing) -> None:
    found = await against(client, ring, WrongTarget)
    assert found.failure is None
    (difference,) = found.differences
    assert difference.recorded is not None
    assert difference.replayed is not None
    assert (difference.recorded.name, difference.recorded.arguments[0]["name"]) == ("touch", "web")
    assert difference.replayed.arguments[0]["name"] == "not-web"


async def test_another_order_is_temporals_own_complaint(client: Client, ring: KeyRing) -> None:
    found = await against(client, ring, OneMore)
    assert found.failure is not None
    assert not found.same


async def test_a_history_is_told_in_order_with_its_payloads(client: Client, ring: KeyRing) -> None:
    history = await recorded(client)
    told = timeline(await open_history(history, data_converter(ring)))
    assert [line.what.split(":")[0] for line in told] == [
        "Repair starts",
        "waits 10 ms",
        "waits 10 ms",
        "Touch it (touch)",
        "closed",
    ]
    assert told[0].detail == "web"
    assert told[-1].detail == "touched web"
    assert "a moment" in told[1].what

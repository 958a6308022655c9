"""TELL_EVENT: one Event for one moment, in words of the worker's own, wherever something of ours may be written and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes.telling import MOST_A_MINUTE, MOST_OF_ONE, Events
from byteport.contracts.events import EventFate, TellEvent
from byteport.contracts.workflows import REMEDIATION, TIMEBOX
from byteport.domain.ceilings import Ceiling
from byteport.domain.failures import Failure
from byteport.domain.policy import Mode, Standing
from byteport.domain.reasons import Cause
from byteport.domain.targets import Target
from byteport.errors import Unavailable
from byteport.kubernetes import port
from byteport.kubernetes.told_events import Deed, EventReason, Telling, event_name
from byteport.sandbox.simulated import Right
from byteport.sandbox.simulated.interruptions import Interruption
from tests.integration.activities.bench import JSON, environment_of
from tests.integration.activities.simulated_bench import SimulatedBench

INCIDENT = "inc-" + "a" * 24


def worker(bench: SimulatedBench, *, on: bool = True, off: frozenset[Failure] = frozenset()) -> Events:
    return Events(
        bench.port,
        bench.reader,
        cluster_uid=bench.uid,
        policy=bench.policy,
        halt=bench.switch,
        clock=bench.clock,
        on=on,
        off=off,
        bounds=bench.bounds,
    )


async def web(bench: SimulatedBench) -> Target:
    """A Deployment in an enabled namespace."""
    await bench.one_pod_crashes()
    item = await bench.port.get(port.DEPLOYMENTS, "shop", "web")
    uid = item["metadata"]["uid"]
    return Target(cluster_uid=bench.uid, namespace="shop", kind="Deployment", name="web", uid=uid)


def acted(target: Target, incident: str = INCIDENT, **more: Any) -> TellEvent:
    telling = Telling(reason=EventReason.ACTED, target=target, incident_id=incident, deed=Deed.DELETE_POD, **more)
    return TellEvent(telling=telling, failure=Failure.CRASHLOOP)


async def fate(events: Events, call: TellEvent) -> EventFate:
    return (await environment_of(workflow_type=REMEDIATION).run(events.tell_event, call)).fate


async def told(bench: SimulatedBench) -> list[JSON]:
    listed = await bench.port.list(port.EVENTS, "")
    return [item for item in listed.items if item["metadata"]["name"].startswith("byteport.")]


@pytest.mark.claim("C-481")
async def test_a_moment_is_told_once_however_often_it_is_tried(bench: SimulatedBench) -> None:
    target, events = await web(bench), worker(bench)
    assert await fate(events, acted(target, cause=Cause.WEDGED_REPLICA)) is EventFate.TOLD
    assert await fate(events, acted(target)) is EventFate.THERE_ALREADY
    assert await fate(worker(bench), acted(target)) is EventFate.THERE_ALREADY
    (event,) = await told(bench)
    assert event["metadata"]["name"] == event_name(INCIDENT, EventReason.ACTED)
    assert event["involvedObject"]["uid"] == target.uid
    assert event["message"] == (
        f"BytePort deleted one pod that was not Ready, and looks whether it helps. Cause: wedged_replica. Incident {INCIDENT}."
    )


@pytest.mark.claim("C-481")
async def test_one_whose_answer_was_lost_is_told_once(bench: SimulatedBench) -> None:
    target, events = await web(bench), worker(bench)
    bench.cluster.interruptions.add("create", Interruption(Unavailable("no answer"), applied=True))
    with pytest.raises(ApplicationError):
        await fate(events, acted(target))
    assert await fate(events, acted(target)) is EventFate.THERE_ALREADY
    assert len(await told(bench)) == 1


@pytest.mark.claim("C-481")
async def test_nothing_is_written_where_settings_say_so_or_the_runbook_is_off(bench: SimulatedBench) -> None:
    target = await web(bench)
    assert await fate(worker(bench, on=False), acted(target)) is EventFate.SWITCHED_OFF
    assert await fate(worker(bench, off=frozenset({Failure.CRASHLOOP})), acted(target)) is EventFate.SWITCHED_OFF
    assert await told(bench) == []


@pytest.mark.claim("C-481")
@pytest.mark.parametrize(
    "changes",
    [
        {"namespace": "", "kind": "Node", "name": "node-1"},
        {"namespace": "kube-system"},
        {"namespace": "default"},
        {"namespace": "bank"},
        {"kind": "Secret"},
        {"kind": "HorizontalPodAutoscaler"},
        {"name": "web\n\x1b[31m"},
        {"name": "../bank"},
        {"uid": ""},
        {"uid": "a b"},
    ],
    ids=str,
)
async def test_what_is_no_workload_of_a_namespace_that_was_given_is_not_written_about(
    bench: SimulatedBench, changes: dict[str, str]
) -> None:
    target = (await web(bench)).model_copy(update=changes)
    assert await fate(worker(bench), acted(target)) is EventFate.NOT_GIVEN
    assert await told(bench) == []


@pytest.mark.claim("C-481")
async def test_where_it_only_observes_it_writes_nothing(bench: SimulatedBench) -> None:
    target, events = await web(bench), worker(bench)
    bench.bounds.now = Standing(ceiling=Ceiling(mode=Mode.OBSERVE))
    assert await fate(events, acted(target)) is EventFate.NOT_GIVEN
    bench.bounds.now = Standing(ceiling=Ceiling(mode=Mode.DRY_RUN))
    bench.set_policy("mode: observe\n")
    assert await fate(events, acted(target)) is EventFate.NOT_GIVEN
    bench.set_policy("mode: dry_run\n")
    await bench.enable("shop", enabled=False)
    assert await fate(events, acted(target)) is EventFate.NOT_GIVEN
    await bench.enable("shop")
    assert await fate(events, acted(target)) is EventFate.TOLD


@pytest.mark.claim("C-481")
async def test_a_halt_stops_it_by_either_half_and_when_nobody_can_tell(bench: SimulatedBench) -> None:
    target, events = await web(bench), worker(bench)
    bench.switch.on = True
    assert await fate(events, acted(target)) is EventFate.HALTED
    bench.switch.on, bench.switch.broken = False, True
    assert await fate(events, acted(target)) is EventFate.HALTED
    bench.switch.broken = False
    bench.bounds.now = Standing(halted=True)
    assert await fate(events, acted(target)) is EventFate.HALTED
    assert await told(bench) == []


async def test_of_another_cluster_nothing_is_told(bench: SimulatedBench) -> None:
    target = (await web(bench)).model_copy(update={"cluster_uid": "another"})
    with pytest.raises(ApplicationError) as raised:
        await fate(worker(bench), acted(target))
    assert raised.value.type == "not_permitted"


@pytest.mark.parametrize("workflow_type", [None, TIMEBOX, "AnythingWorkflow"])
async def test_only_a_remediation_tells(bench: SimulatedBench, workflow_type: str | None) -> None:
    call = acted(await web(bench))
    with pytest.raises(ApplicationError) as raised:
        await environment_of(workflow_type=workflow_type).run(worker(bench).tell_event, call)
    assert raised.value.type == "not_permitted"
    assert await told(bench) == []


async def test_where_the_right_is_not_granted_it_is_refused_and_not_tried_again(bench: SimulatedBench) -> None:
    target = await web(bench)
    bench.cluster.access.revoke(Right("create", port.EVENTS))
    with pytest.raises(ApplicationError) as raised:
        await fate(worker(bench), acted(target))
    assert (raised.value.type, raised.value.non_retryable) == ("not_permitted", True)


@pytest.mark.claim("C-481")
async def test_whoever_reaches_temporal_has_so_many_written_a_minute_and_no_more(
    bench: SimulatedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, events = await web(bench), worker(bench)
    await bench.enable("bank")
    await bench.enable("cafe")

    async def told_of(namespace: str, number: int) -> EventFate:
        there = target.model_copy(update={"namespace": namespace})
        return await fate(events, acted(there, f"inc-{number:024x}"))

    fates = [await told_of("shop", number) for number in range(MOST_OF_ONE + 5)]
    assert fates == [EventFate.TOLD] * MOST_OF_ONE + [EventFate.TOO_MANY] * 5, "no namespace uses up what all have"
    left = MOST_A_MINUTE - MOST_OF_ONE
    fates = [await told_of("bank" if number % 2 else "cafe", number) for number in range(left + 5)]
    assert fates == [EventFate.TOLD] * left + [EventFate.TOO_MANY] * 5
    assert len(await told(bench)) == MOST_A_MINUTE
    monkeypatch.setattr("activities.kubernetes.telling.A_MINUTE", 0.0)
    assert await told_of("shop", 99) is EventFate.TOLD, "a minute later there is room again"

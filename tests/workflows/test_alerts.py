"""The run to which alerts are handed: in turn, once, within bounds, and what it cannot take it says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.worker import Worker

from activities.performs import act_of, activities_of, performs
from byteport.contracts.acts import task_queue_name
from byteport.contracts.alerts import AlertBatch, AlertsState, Untreated
from byteport.contracts.people import NOTIFY, Delivered, Notice
from byteport.contracts.symptoms import (
    MOST_SYMPTOMS,
    REPORT_SYMPTOMS,
    Fate,
    OutsideSymptom,
    ReportSymptoms,
    Subject,
    SymptomsReported,
)
from byteport.contracts.workflows import STATE, Installation
from byteport.domain.ids import alerts_id
from byteport.domain.signals import SignalType, Source
from byteport.errors import NotPermitted, PermanentError
from byteport.sandbox.dev_server import DevServer
from byteport.temporal.alerts_intake import hand_in
from byteport.temporal.converter import data_converter
from byteport.temporal.keys import KeyRing, PayloadKey
from byteport.temporal.registration import ensure_search_attributes
from tests.workflows.patience import until, until_so
from tests.workflows.world import make_namespace, terminate_all
from workers.runner import workflow_runner
from workflows.alerts import MOST_TOLD, MOST_TOLD_OF_ONE, MOST_WAITING, AlertsWorkflow

pytestmark = pytest.mark.slow

UID = "00000000-0000-4000-8000-000000000001"
OURS = Installation(tenant="acme", cluster_uid=UID, cluster_name="prod")
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


class Around:
    """What tests set, and what they look at afterwards."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.open = asyncio.Event()
        self.open.set()
        self.channels = asyncio.Event()
        self.channels.set()
        self.told: list[str] = []
        self.refuses = False
        self.poison = ""
        self.batches: list[ReportSymptoms] = []
        self.notices: list[Notice] = []

    @performs(REPORT_SYMPTOMS)
    async def report(self, call: ReportSymptoms) -> SymptomsReported:
        self.batches.append(call)
        await self.open.wait()
        if self.refuses:
            raise NotPermitted("this worker is another cluster's")
        if self.poison in [one.evidence_digest for one in call.symptoms]:
            raise PermanentError("it cannot be read")
        return SymptomsReported(fates=(Fate.REPORTED,) * len(call.symptoms))

    @performs(NOTIFY)
    async def page(self, call: Notice) -> Delivered:
        self.notices.append(call)
        await self.channels.wait()
        self.told.append(call.key)
        return Delivered(channels=("file",))

    async def hand_in(self, *symptoms: OutsideSymptom, untreated: tuple[Untreated, ...] = ()) -> None:
        for first in range(0, max(len(symptoms), 1), MOST_SYMPTOMS):
            batch = AlertBatch(symptoms=symptoms[first : first + MOST_SYMPTOMS], untreated=untreated)
            await hand_in(self.client, OURS, batch)

    async def state(self) -> AlertsState:
        handle = self.client.get_workflow_handle(alerts_id(UID))
        found: AlertsState = await handle.query(STATE, result_type=AlertsState)
        return found

    async def rests(self) -> AlertsState:
        async def nothing_waits() -> bool:
            return (await self.state()).waiting == 0

        await until_so(nothing_waits, "nothing waits")
        return await self.state()

    @property
    def asked(self) -> list[str]:
        return [one.evidence_digest for batch in self.batches for one in batch.symptoms]


@pytest_asyncio.fixture
async def around(server: DevServer, namespace: str) -> AsyncIterator[Around]:
    await make_namespace(server, namespace)
    converter = data_converter(KeyRing((PayloadKey(b"k" * 32),)))
    client = await Client.connect(server.address, namespace=namespace, data_converter=converter)
    await ensure_search_attributes(client)
    made = Around(client)
    queues: dict[str, list[Callable[..., Any]]] = {"control": []}
    for method in activities_of(made):
        queues.setdefault(task_queue_name(act_of(method).queue, UID), []).append(method)
    async with AsyncExitStack() as stack:
        for queue, methods in queues.items():
            workflows = [AlertsWorkflow] if queue == "control" else []
            worker = Worker(
                client, task_queue=queue, workflows=workflows, activities=methods, workflow_runner=workflow_runner()
            )
            await stack.enter_async_context(worker)
        yield made
        made.open.set()
        made.channels.set()
        await terminate_all(client)


def symptom(number: int, *, over: bool = False, by: str = "") -> OutsideSymptom:
    return OutsideSymptom(
        type=SignalType.POD_CRASHLOOP,
        subject=Subject(kind="Pod", namespace="shop", name=f"web-{number}"),
        value=1,
        threshold=1,
        observed_at=NOW,
        source=Source.ALERTMANAGER,
        evidence_digest=f"e{number}",
        over=over,
        sender=by,
    )


def nobodys(number: int) -> Untreated:
    node = Subject(kind="Node", name=f"n{number}")
    return Untreated(alert="KubeNodeNotReady", subject=node, evidence_digest=f"n{number}")


async def test_the_same_observation_is_looked_at_once_and_its_end_besides(around: Around) -> None:
    for _ in range(3):
        await around.hand_in(symptom(1), symptom(2))
    await around.hand_in(symptom(1, over=True))
    state = await around.rests()
    assert sorted(around.asked) == ["e1", "e1", "e2"]
    assert state.fates == {"reported": 3}


async def test_what_is_told_again_after_its_end_is_looked_at_again(around: Around) -> None:
    for over in (False, False, True, True, False, True):
        await around.hand_in(symptom(1, over=over))
    await around.rests()
    assert [one.over for batch in around.batches for one in batch.symptoms] == [False, True, False, True]


@pytest.mark.claim("C-930")
async def test_what_one_sender_says_does_not_stand_for_what_another_says(around: Around) -> None:
    for over, sender in ((False, "a"), (True, "b"), (True, "a"), (True, "a"), (False, "b"), (True, "")):
        await around.hand_in(symptom(1, over=over, by=sender))
    await around.rests()
    asked = [(one.over, one.sender) for batch in around.batches for one in batch.symptoms]
    assert asked == [(False, "a"), (True, "b"), (True, "a"), (False, "b"), (True, "")]


async def test_a_storm_of_alerts_fills_a_bounded_inbox_and_people_hear_how_many_were_left_out(around: Around) -> None:
    around.open.clear()
    await around.hand_in(symptom(0))
    await until(lambda: around.batches, "the first look, which holds")
    await around.hand_in(*(symptom(n) for n in range(1, MOST_WAITING + 101)))
    assert (await around.state()).waiting == MOST_WAITING
    around.open.set()
    await around.rests()
    assert len(set(around.asked)) == MOST_WAITING
    notice = (await until(lambda: around.notices, "the page"))[0]
    assert notice.title == "A storm of alerts: 101 were not looked at"
    assert len(around.notices) == 1
    assert max(len(batch.symptoms) for batch in around.batches) == MOST_SYMPTOMS


async def test_people_are_told_once_of_an_alert_that_nobody_treats_and_not_more_than_so_often(around: Around) -> None:
    for _ in range(3):
        await around.hand_in(untreated=(nobodys(0),))
    await around.rests()
    await around.hand_in(untreated=tuple(nobodys(n) for n in range(1, MOST_TOLD + 4)))
    notices = await until(lambda: around.notices if len(around.notices) > MOST_TOLD else None, "every page")
    titles = [one.title for one in notices]
    assert titles.count("Alert KubeNodeNotReady on Node/n0") == 1
    assert "A storm of alerts: 4 were not looked at" in titles
    assert len(titles) == MOST_TOLD + 1


async def test_the_alerts_of_one_namespace_do_not_use_up_the_pages_of_all(around: Around) -> None:
    crowd = [Subject(kind="StatefulSet", namespace="aaa", name=f"s{number}") for number in range(MOST_TOLD + 2)]
    told = [Untreated(alert="Mine", subject=one, evidence_digest=str(one.name)) for one in crowd]
    await around.hand_in(untreated=(*told, nobodys(0)))
    titles = await until(lambda: [n.title for n in around.notices] if len(around.notices) >= 7 else None, "every page")
    assert "Alert KubeNodeNotReady on Node/n0" in titles
    assert "A storm of alerts: 7 were not looked at" in titles
    assert len(titles) == MOST_TOLD_OF_ONE + 2


async def test_one_that_cannot_be_looked_at_takes_none_of_the_others_away(around: Around) -> None:
    around.poison = "e3"
    await around.hand_in(*(symptom(number) for number in range(20)))
    state = await around.rests()
    assert state.fates == {"reported": 19, "permanent": 1}
    titles = await until(lambda: [notice.title for notice in around.notices], "the page of what was left out")
    assert titles == ["A storm of alerts: 1 were not looked at"]


async def test_what_the_cluster_refuses_is_counted_and_not_asked_again(around: Around) -> None:
    around.refuses = True
    await around.hand_in(symptom(1))
    state = await around.rests()
    assert state.fates == {"not_permitted": 1}
    assert around.asked == ["e1"]


@pytest.mark.claim("C-486")
async def test_a_steady_flow_of_messages_keeps_no_run_from_being_renewed_and_loses_nothing(
    around: Around,
) -> None:
    """So many senders that no moment is without one; the server wants a run renewed after 150 events, and it is while they come."""
    handle = around.client.get_workflow_handle(alerts_id(UID))
    runs: set[str] = set()

    async def send(sender: int) -> None:
        for number in range(50):
            await around.hand_in(symptom(100 * sender + number))
            runs.add((await handle.describe()).run_id)

    await asyncio.gather(*(send(sender) for sender in range(4)))
    assert len(runs) > 2
    await until(lambda: len(set(around.asked)) == 200 or None, "every symptom to be looked at")


async def test_a_page_that_no_channel_takes_is_handed_on_to_the_next_run(
    around: Around,
) -> None:
    around.channels.clear()
    await around.hand_in(untreated=(nobodys(0),))
    await until(lambda: around.notices, "the first try to tell it")
    handle = around.client.get_workflow_handle(alerts_id(UID))
    first = (await handle.describe()).run_id
    numbers = itertools.count()

    async def renewed() -> bool:
        await around.hand_in(symptom(next(numbers)))
        return (await handle.describe()).run_id != first

    await until_so(renewed, "the next run")
    around.channels.set()
    await until(lambda: around.told, "the page")
    assert len({notice.key for notice in around.notices}) == 1

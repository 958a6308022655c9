"""Payload keys changed under a run that lives through it, with two workers that are restarted one after the other."""

from __future__ import annotations

import asyncio
import io
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer, Worker

from byteport.sandbox.dev_server import DevServer
from byteport.telemetry import LogFormat, OneLine
from byteport.temporal.codec import KEY_ID, Undecodable
from byteport.temporal.config import TemporalConfig
from byteport.temporal.connect import connect
from byteport.temporal.converter import HEADERS, data_converter
from byteport.temporal.keys import KeyRing, read_key_ring
from byteport.temporal.opened import _payloads, message_of, open_history
from tests.workflows.patience import until_so

OLD, NEW = "11" * 32, "22" * 32
WAIT_SECONDS = 20.0


@workflow.defn(sandboxed=False)
class Listening:
    """Keeps what it is told until it has heard of the end."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.run
    async def run(self, first: str) -> list[str]:
        await workflow.wait_condition(lambda: "end" in self.heard)
        return [first, *self.heard]

    @workflow.signal
    def hear(self, word: str) -> None:
        self.heard.append(word)

    @workflow.query
    def count(self) -> int:
        return len(self.heard)


class Process:
    """One of ours: a key file of its own, read when it starts."""

    def __init__(self, server: DevServer, folder: Path, name: str, queue: str) -> None:
        self.file, self._server, self._name, self._queue = folder / f"{name}.key", server, name, queue

    def has(self, *keys: str) -> None:
        self.file.touch(mode=0o600)
        self.file.write_text("".join(f"{key}\n" for key in keys))

    async def client(self) -> Client:
        config = TemporalConfig(address=self._server.address)
        return await connect(config, read_key_ring(self.file), identity=self._name)

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[Client]:
        """Nothing is cached: each task reads the whole history again."""
        client = await self.client()
        async with Worker(client, task_queue=self._queue, workflows=[Listening], max_cached_workflows=0):
            yield client


async def tell(handle: WorkflowHandle[Listening, list[str]], word: str, heard: int) -> None:
    """A word, and wait until whichever worker has it."""
    await handle.signal(Listening.hear, word)

    async def has() -> bool:
        return await handle.query(Listening.count) >= heard

    await until_so(has, word)


def ids(history: WorkflowHistory) -> set[str]:
    """Of the keys that it needs."""
    found = [payload for event in history.events for payload in _payloads(event)]
    return {payload.metadata[KEY_ID].decode() for payload in found if KEY_ID in payload.metadata}


@pytest.fixture
def processes(server: DevServer, tmp_path: Path) -> tuple[Process, Process]:
    queue = f"rotation-{uuid.uuid4().hex[:8]}"
    return Process(server, tmp_path, "one", queue), Process(server, tmp_path, "two", queue)


async def started(client: Client, queue: str) -> WorkflowHandle[Listening, list[str]]:
    return await client.start_workflow(Listening.run, "begun", id=f"listening:{uuid.uuid4()}", task_queue=queue)


@pytest.mark.claim("C-462")
async def test_review_11_a_run_lives_through_a_rotation_of_two_workers_one_after_the_other(
    processes: tuple[Process, Process], raw: Client
) -> None:
    one, two = processes
    for process in processes:
        process.has(OLD)
    steps = [((OLD, NEW), (OLD,)), ((OLD, NEW), (OLD, NEW)), ((NEW, OLD), (OLD, NEW)), ((NEW, OLD), (NEW, OLD))]
    handle = await started(await one.client(), one._queue)
    for number, (first, second) in enumerate(steps, 1):
        one.has(*first)
        two.has(*second)
        async with one.runs() as of_one, two.runs() as of_two:
            for teller in (of_one, of_two):
                after = 2 * number - (teller is of_one)
                await tell(teller.get_workflow_handle(handle.id), f"word {after}", after)
    async with one.runs(), two.runs() as client:
        last = client.get_workflow_handle(handle.id, result_type=list[str])
        await last.signal(Listening.hear, "end")
        assert await last.result() == ["begun", *(f"word {number}" for number in range(1, 9)), "end"]
    history = await raw.get_workflow_handle(handle.id).fetch_history()
    both = read_key_ring(two.file)
    assert ids(history) == {key.id for key in both.keys}
    converter = data_converter(both)
    replayer = Replayer(workflows=[Listening], data_converter=converter, header_codec_behavior=HEADERS)
    await replayer.replay_workflow(history)
    await open_history(history, converter)
    with pytest.raises(Undecodable, match=f"needs the key {both.keys[1].id}"):
        await open_history(history, data_converter(KeyRing(both.keys[:1])))


@pytest.mark.slow  # the server waits ten seconds before it gives a task anew that has failed so
@pytest.mark.claim("C-462")
async def test_review_11_a_key_taken_out_too_early_is_named_in_history_and_log_and_the_run_goes_on_once_it_is_back(
    processes: tuple[Process, Process], raw: Client
) -> None:
    one, _ = processes
    log = io.StringIO()
    spoken = logging.StreamHandler(log)
    spoken.setFormatter(OneLine(LogFormat.TEXT, tracebacks=False))
    one.has(OLD)
    handle = await started(await one.client(), one._queue)
    lost = read_key_ring(one.file).active.id
    one.has(NEW)
    said = f"a payload needs the key {lost}, and this process has {read_key_ring(one.file).active.id}"
    logging.getLogger("temporalio").addHandler(spoken)
    try:
        async with one.runs():
            assert said in await why(raw, handle.id, read_key_ring(one.file))
    finally:
        logging.getLogger("temporalio").removeHandler(spoken)
    assert said in log.getvalue()
    one.has(NEW, OLD)
    async with one.runs() as client:
        again = client.get_workflow_handle(handle.id, result_type=list[str])
        await again.signal(Listening.hear, "end")
        assert await again.result() == ["begun", "end"]


async def why(raw: Client, workflow_id: str, ring: KeyRing) -> str:
    """What the history says of a task that failed, to whoever has the keys of the worker that failed it."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            for event in (await raw.get_workflow_handle(workflow_id).fetch_history()).events:
                if event.HasField("workflow_task_failed_event_attributes"):
                    only = WorkflowHistory(workflow_id, [event])
                    (opened,) = (await open_history(only, data_converter(ring))).events
                    return message_of(opened.workflow_task_failed_event_attributes.failure)
            await asyncio.sleep(0.05)

"""Payload keys of a secret backend changed under two workers that are not restarted, and a run that lives through it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Replayer, Worker

from byteport.sandbox.dev_server import DevServer
from byteport.settings import Settings
from byteport.temporal.codec import Undecodable
from byteport.temporal.connect import connect
from byteport.temporal.converter import HEADERS, data_converter
from byteport.temporal.keys import KeyRing, KnownKeys, key_ring_of
from byteport.temporal.opened import open_history
from tests.integration.secrets.kubelet import Volume
from tests.integration.temporal.test_rotation import NEW, OLD, Listening, ids, tell, why
from workers.payload_keys import payload_keys

THIRD = "33" * 32
pytestmark = pytest.mark.slow  # of a task that has failed the server waits ten seconds; the others are of five


class Process:
    """One that runs all the time; its pod's projected Secret follows when its kubelet does."""

    def __init__(self, server: DevServer, folder: Path, queue: str) -> None:
        self.volume, self._server, self._queue = Volume(folder), server, queue

    def has(self, *keys: str) -> None:
        self.volume.write({"payload/keys": "\n".join(keys)})

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[tuple[Client, KnownKeys]]:
        """Nothing is cached: each task reads the whole history again."""
        plain = {
            "cluster": {"name": "test"},
            "temporal": {"address": self._server.address, "payload_keys": "payload#keys"},
            "secret": {"backend": "k8s", "k8s": {"folder": str(self.volume.folder)}},
        }
        settings = Settings.model_validate(plain)
        ring = await payload_keys(settings)
        assert isinstance(ring, KnownKeys)
        client = await connect(settings.temporal, ring, identity=self.volume.folder.name)
        async with Worker(client, task_queue=self._queue, workflows=[Listening], max_cached_workflows=0):
            yield client, ring


@pytest.fixture
def processes(server: DevServer, tmp_path: Path) -> tuple[Process, Process]:
    queue = f"rotation-{uuid.uuid4().hex[:8]}"
    return Process(server, tmp_path / "one", queue), Process(server, tmp_path / "two", queue)


async def started(client: Client, queue: str) -> WorkflowHandle[Listening, list[str]]:
    return await client.start_workflow(Listening.run, "begun", id=f"listening:{uuid.uuid4()}", task_queue=queue)


@pytest.mark.claim("C-464")
async def test_review_11_a_run_lives_through_a_rotation_of_two_workers_that_are_not_restarted(
    processes: tuple[Process, Process], raw: Client
) -> None:
    one, two = processes
    for process in processes:
        process.has(OLD)
    steps = [((OLD, NEW), (OLD,)), ((OLD, NEW), (OLD, NEW)), ((NEW, OLD), (OLD, NEW)), ((NEW, OLD), (NEW, OLD))]
    async with one.runs() as (of_one, ring_of_one), two.runs() as (of_two, ring_of_two):
        handle = await started(of_one, one._queue)
        for number, (first, second) in enumerate(steps, 1):
            one.has(*first)
            two.has(*second)
            for ring in (ring_of_one, ring_of_two):
                ring.every = 0.0  # the others have looked, as far as the steps above say so
                await ring.look()
            for teller in (of_one, of_two):
                after = 2 * number - (teller is of_one)
                await tell(teller.get_workflow_handle(handle.id), f"word {after}", after)
        await handle.signal(Listening.hear, "end")
        assert await of_two.get_workflow_handle(handle.id, result_type=list[str]).result() == [
            "begun",
            *(f"word {number}" for number in range(1, 9)),
            "end",
        ]
    history = await raw.get_workflow_handle(handle.id).fetch_history()
    both = key_ring_of(f"{NEW} {OLD}", "payload#keys")
    assert ids(history) == {key.id for key in both.keys}
    converter = data_converter(key_ring_of(f"{THIRD} {NEW} {OLD}", "payload#keys"))
    replayer = Replayer(workflows=[Listening], data_converter=converter, header_codec_behavior=HEADERS)
    await replayer.replay_workflow(history)
    with pytest.raises(Undecodable, match=f"needs the key {both.keys[1].id}"):
        await open_history(history, data_converter(KeyRing(both.keys[:1])))


@pytest.mark.claim("C-464")
async def test_a_worker_that_has_not_looked_yet_opens_what_another_encrypts_with_a_key_that_was_put_on_top_at_once(
    processes: tuple[Process, Process],
) -> None:
    _, two = processes
    two.has(OLD)
    async with two.runs() as (_, ring):
        two.has(NEW, OLD)
        ring._looked -= 3600.0  # its last look was an hour ago
        async with asyncio.timeout(20):
            settings_of_new = data_converter(key_ring_of(f"{NEW} {OLD}", "payload#keys"))
            client = await Client.connect(
                two._server.address, data_converter=settings_of_new, header_codec_behavior=HEADERS
            )
            handle = await started(client, two._queue)
            await handle.signal(Listening.hear, "end")
            assert await handle.result() == ["begun", "end"]
        assert ring.active == key_ring_of(OLD, "payload#keys").active, "it has seen the new one just now"


@pytest.mark.claim("C-464")
async def test_review_11_a_key_taken_out_too_early_is_named_and_the_run_goes_on_without_a_restart_once_it_is_back(
    processes: tuple[Process, Process], raw: Client
) -> None:
    one, _ = processes
    one.has(OLD)
    async with one.runs() as (client, ring):
        lost = ring.active.id
        handle = await started(client, one._queue)
        await tell(handle, "word", 1)
        one.has(NEW)
        await ring.look()
        await raw.get_workflow_handle(handle.id).signal("hear", "end")
        said = (
            f"a payload needs the key {lost}, and this process has {ring.active.id}; put that key back into the secret"
        )
        assert said in await why(raw, handle.id, key_ring_of(NEW, "payload#keys"))
        one.has(NEW, OLD)
        await ring.look()
        again = client.get_workflow_handle(handle.id, result_type=list[str])
        assert await again.result() == ["begun", "word", "end"]

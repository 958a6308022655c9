"""What Temporal stores of us, read with a client that has no key."""

import asyncio
import uuid

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer, Worker

from byteport.sandbox.dev_server import DevServer
from byteport.temporal.codec import ENCODING, Undecodable
from byteport.temporal.config import TemporalConfig
from byteport.temporal.connect import connect
from byteport.temporal.converter import data_converter
from byteport.temporal.keys import KeyRing, PayloadKey
from tests.integration.temporal.stand_ins import SECRETS, Talkative, leak


async def talk(client: Client) -> WorkflowHandle[Talkative, str]:
    """Run the talkative workflow to its failure."""
    handle = await client.start_workflow(
        Talkative.run,
        "MARKER-input",
        id=f"talk:{uuid.uuid4()}",
        task_queue="talk",
        memo={"note": "MARKER-memo"},
        static_summary="MARKER-summary",
        static_details="MARKER-detail",
    )
    async with Worker(client, task_queue="talk", workflows=[Talkative], activities=[leak]):
        await handle.signal(Talkative.hear, "MARKER-signal")
        assert await handle.execute_update(Talkative.tell, "MARKER-update") == "MARKER-result"
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.message == "MARKER-failure"
    assert list(cause.details) == ["MARKER-result", "MARKER-detail"]
    return handle


@pytest.mark.claim("C-102")
async def test_nothing_that_we_wrote_can_be_read_without_the_key(client: Client, raw: Client) -> None:
    handle = await talk(client)
    unread = raw.get_workflow_handle(handle.id)
    history = await unread.fetch_history()
    stored = history.to_json().encode() + (await unread.describe()).raw_description.SerializeToString()
    async for execution in raw.list_workflows(f"WorkflowId = '{handle.id}'"):
        stored += execution.raw_info.SerializeToString()
    for event in history.events:
        stored += event.SerializeToString()
    assert [secret for secret in SECRETS if secret.encode() in stored] == []
    assert b"stand_ins.py" not in stored, "a stack trace is not encrypted"
    assert ENCODING in stored


async def test_the_key_opens_memo_summary_and_details(client: Client) -> None:
    described = await (await talk(client)).describe()
    assert await described.memo() == {"note": "MARKER-memo"}
    assert await described.static_summary() == "MARKER-summary"
    assert await described.static_details() == "MARKER-detail"


@pytest.mark.claim("C-102")
async def test_an_encrypted_history_replays_under_its_own_id_and_no_other(client: Client, ring: KeyRing) -> None:
    history = await (await talk(client)).fetch_history()
    replayer = Replayer(workflows=[Talkative], data_converter=data_converter(ring))
    await replayer.replay_workflow(history)
    moved = WorkflowHistory("talk:another", history.events)
    with pytest.raises(Exception, match="Undecodable"):
        await asyncio.wait_for(replayer.replay_workflow(moved), 20)


@pytest.mark.claim("C-102")
async def test_review_11_another_installations_key_reads_nothing(server: DevServer, client: Client) -> None:
    handle = await talk(client)
    stranger = await connect(
        TemporalConfig(address=server.address), KeyRing((PayloadKey(b"x" * 32),)), identity="stranger"
    )
    with pytest.raises(Undecodable):
        await (await stranger.get_workflow_handle(handle.id).describe()).static_summary()

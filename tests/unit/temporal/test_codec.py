"""What the codec gives: secrecy, and a payload's bond to one workflow."""

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import ActivitySerializationContext, WorkflowSerializationContext

from byteport.temporal.codec import ENCODING, KEY_ID, WORKFLOW_ID, EncryptingCodec, Undecodable
from byteport.temporal.keys import KeyRing, PayloadKey

OLD, NEW = PayloadKey(b"o" * 32), PayloadKey(b"n" * 32)
SECRET = Payload(metadata={"encoding": b"json/plain", "messageType": b"Signal"}, data=b'{"pod": "web-7d4"}')


def codec(workflow_id: str, *keys: PayloadKey) -> EncryptingCodec:
    return EncryptingCodec(KeyRing(keys or (NEW,))).with_context(
        WorkflowSerializationContext(namespace="default", workflow_id=workflow_id)
    )


def activity_codec(workflow_id: str | None) -> EncryptingCodec:
    context = ActivitySerializationContext(
        namespace="default",
        activity_id="1",
        activity_type="a",
        activity_task_queue="q",
        workflow_id=workflow_id,
        workflow_type=None,
        is_local=False,
    )
    return EncryptingCodec(KeyRing((NEW,))).with_context(context)


async def test_what_goes_in_comes_out_and_shows_nothing_on_the_way() -> None:
    (sealed,) = await codec("remediate:a").encode([SECRET])
    assert sealed.metadata["encoding"] == ENCODING
    assert b"web-7d4" not in sealed.SerializeToString()
    assert b"Signal" not in sealed.SerializeToString()
    assert await codec("remediate:a").decode([sealed]) == [SECRET]


async def test_the_same_payload_is_never_encrypted_to_the_same_bytes() -> None:
    one, two = await codec("remediate:a").encode([SECRET, SECRET])
    assert one.data != two.data


@pytest.mark.claim("C-102")
async def test_review_11_a_payload_is_refused_by_another_workflow() -> None:
    (sealed,) = await codec("remediate:a").encode([SECRET])
    with pytest.raises(Undecodable, match="another workflow was presented to remediate:b"):
        await codec("remediate:b").decode([sealed])


@pytest.mark.claim("C-102")
async def test_review_11_relabelling_a_payload_for_another_workflow_does_not_help() -> None:
    (sealed,) = await codec("remediate:a").encode([SECRET])
    sealed.metadata[WORKFLOW_ID] = b"remediate:b"
    with pytest.raises(Undecodable, match="changed"):
        await codec("remediate:b").decode([sealed])


@pytest.mark.claim("C-102")
@pytest.mark.parametrize("at", [0, 11, 12, -1])
async def test_review_11_one_changed_byte_is_found(at: int) -> None:
    (sealed,) = await codec("remediate:a").encode([SECRET])
    changed = bytearray(sealed.data)
    changed[at] ^= 1
    sealed.data = bytes(changed)
    with pytest.raises(Undecodable, match="changed"):
        await codec("remediate:a").decode([sealed])


async def test_a_truncated_payload_is_refused() -> None:
    (sealed,) = await codec("remediate:a").encode([SECRET])
    sealed.data = sealed.data[:7]
    with pytest.raises(Undecodable):
        await codec("remediate:a").decode([sealed])


async def test_review_11_after_a_rotation_old_payloads_open_and_new_ones_take_the_new_key() -> None:
    (old,) = await codec("w", OLD).encode([SECRET])
    both = codec("w", NEW, OLD)
    assert await both.decode([old]) == [SECRET]
    (new,) = await both.encode([SECRET])
    assert new.metadata[KEY_ID] == NEW.id.encode()


async def test_review_11_a_key_that_is_not_there_is_named_beside_those_that_are() -> None:
    (sealed,) = await codec("w", OLD).encode([SECRET])
    with pytest.raises(Undecodable, match=f"needs the key {OLD.id}, and this process has {NEW.id}; put that key back"):
        await codec("w", NEW).decode([sealed])


async def test_a_key_id_that_somebody_made_up_is_not_repeated() -> None:
    (sealed,) = await codec("w").encode([SECRET])
    sealed.metadata[KEY_ID] = b"\x1b[31mforged\n"
    with pytest.raises(Undecodable, match="needs the key of a name that is none") as refused:
        await codec("w").decode([sealed])
    assert "forged" not in refused.value.message


async def test_review_11_between_runs_of_one_workflow_id_a_payload_opens_which_is_what_the_bond_does_not_give() -> None:
    (sealed,) = await codec("remediate:a").encode([SECRET])
    assert await codec("remediate:a").decode([sealed]) == [SECRET]
    assert sealed.metadata.keys() == {"encoding", KEY_ID, WORKFLOW_ID}, "no run, field or place is part of it"


async def test_a_scheduled_run_opens_the_input_of_its_schedule() -> None:
    (sealed,) = await codec("poll:aws").encode([SECRET])
    assert await codec("poll:aws-2026-03-10T09:00:00Z").decode([sealed]) == [SECRET]
    with pytest.raises(Undecodable):
        await codec("poll:aws-2026-03-10").decode([sealed])


@pytest.mark.claim("C-409")
async def test_what_a_scheduled_run_leaves_the_next_run_of_its_schedule_opens_and_no_other() -> None:
    (sealed,) = await codec("poll:aws-2026-03-10T09:00:00Z").encode([SECRET])
    assert await codec("poll:aws-2026-03-10T09:01:00Z").decode([sealed]) == [SECRET]
    with pytest.raises(Undecodable):
        await codec("poll:gcp-2026-03-10T09:01:00Z").decode([sealed])


async def test_an_activity_shares_its_workflows_bond() -> None:
    (sealed,) = await codec("remediate:a").encode([SECRET])
    assert await activity_codec("remediate:a").decode([sealed]) == [SECRET]
    with pytest.raises(Undecodable):
        await activity_codec(None).decode([sealed])


async def test_without_a_workflow_nothing_is_encrypted_and_nothing_decrypted() -> None:
    unbound = EncryptingCodec(KeyRing((NEW,)))
    with pytest.raises(Undecodable):
        await unbound.encode([SECRET])
    (sealed,) = await codec("remediate:a").encode([SECRET])
    with pytest.raises(Undecodable):
        await unbound.decode([sealed])


async def test_a_codec_for_readers_opens_every_workflows_payloads_and_writes_none() -> None:
    reader = EncryptingCodec(KeyRing((NEW,))).for_readers()
    (sealed,) = await codec("remediate:a").encode([SECRET])
    assert await reader.decode([sealed]) == [SECRET]
    with pytest.raises(Undecodable):
        await reader.encode([SECRET])


async def test_a_payload_that_was_never_encrypted_is_passed_on() -> None:
    assert await codec("remediate:a").decode([SECRET]) == [SECRET]

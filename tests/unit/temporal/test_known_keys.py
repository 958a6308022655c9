"""Keys that are read again while a process runs: which one encrypts when, what a failed look leaves, what is asked once more."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.converter import WorkflowSerializationContext

from byteport.errors import BytePortError, ConfigError, Unavailable
from byteport.temporal.codec import KEY_ID, EncryptingCodec, Undecodable
from byteport.temporal.keys import AGAIN_SECONDS, KeyRing, KnownKeys, PayloadKey, key_ring_of
from tests.unit.temporal.test_codec import SECRET, codec

EVERY = 60.0
OLD, NEW, THIRD = PayloadKey(b"o" * 32), PayloadKey(b"n" * 32), PayloadKey(b"t" * 32)
HEX = "11" * 32, "22" * 32


class Kept:
    """A secret that somebody changes, and a clock."""

    def __init__(self, *keys: PayloadKey) -> None:
        self.keys: tuple[PayloadKey, ...] = keys
        self.reads = 0
        self.down: BytePortError | None = None
        self.now = 1000.0
        self.known = KnownKeys(KeyRing(keys), self.read, every=EVERY, seconds=lambda: self.now)

    async def read(self) -> KeyRing:
        self.reads += 1
        await asyncio.sleep(0)
        if self.down is not None:
            raise self.down
        return KeyRing(self.keys)

    async def looked(self, *keys: PayloadKey, after: float = EVERY) -> KnownKeys:
        self.keys, self.now = keys, self.now + after
        await self.known.look()
        return self.known

    def codec(self, workflow_id: str = "w") -> EncryptingCodec:
        return EncryptingCodec(self.known).with_context(WorkflowSerializationContext("default", workflow_id))


@pytest.mark.claim("C-464")
async def test_a_key_that_was_added_below_first_encrypts_as_soon_as_it_stands_on_top() -> None:
    kept = Kept(OLD)
    assert (await kept.looked(OLD, NEW)).active == OLD
    assert (await kept.looked(NEW, OLD)).active == NEW


@pytest.mark.claim("C-464")
async def test_a_key_that_is_put_on_top_at_once_does_not_encrypt_before_the_others_have_looked_too() -> None:
    kept = Kept(OLD)
    known = await kept.looked(NEW, OLD)
    assert (known.active, known.keys) == (OLD, (OLD, NEW))
    assert (await kept.looked(NEW, OLD, after=EVERY - 1)).active == OLD
    assert (await kept.looked(NEW, OLD, after=1)).active == NEW


async def test_without_the_key_that_encrypted_the_new_one_does_so_at_once() -> None:
    kept = Kept(OLD)
    assert (await kept.looked(NEW)).keys == (NEW,)


async def test_a_key_that_came_back_waits_as_a_new_one_does() -> None:
    kept = Kept(OLD, NEW)
    await kept.looked(OLD)
    assert (await kept.looked(NEW, OLD)).active == OLD


@pytest.mark.claim("C-464")
@pytest.mark.parametrize("amiss", [Unavailable("vault: keys: no answer"), ConfigError("temporal.payload_keys", "none")])
async def test_a_look_that_fails_leaves_the_keys_that_are_known(amiss: BytePortError) -> None:
    kept = Kept(OLD, NEW)
    kept.down = amiss
    with pytest.raises(type(amiss)):
        await kept.known.look()
    assert kept.known.keys == (OLD, NEW)


@pytest.mark.claim("C-464")
async def test_a_payload_under_a_key_that_was_added_since_is_opened_without_waiting_for_the_timer() -> None:
    (sealed,) = await codec("w", NEW).encode([SECRET])
    kept = Kept(OLD)
    kept.keys, kept.now = (OLD, NEW), kept.now + AGAIN_SECONDS
    assert await kept.codec().decode([sealed]) == [SECRET]
    assert kept.known.active == OLD


async def test_keys_that_nobody_has_do_not_have_the_backend_asked_more_than_once_in_some_seconds() -> None:
    (sealed,) = await codec("w", NEW).encode([SECRET])
    made_up = type(sealed)()
    made_up.CopyFrom(sealed)
    made_up.metadata[KEY_ID] = b"someone's words"
    kept = Kept(OLD)
    kept.now += AGAIN_SECONDS
    together = await asyncio.gather(*(kept.codec().decode([sealed]) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(one, Undecodable) for one in together)
    assert kept.reads == 1
    for _ in range(5):
        with pytest.raises(Undecodable):
            await kept.codec().decode([made_up])
    kept.now += AGAIN_SECONDS
    with pytest.raises(Undecodable):
        await kept.codec().decode([made_up])
    assert kept.reads == 1, "what is no key's id is not looked for"


@pytest.mark.parametrize("down", [None, Unavailable("vault: keys: no answer")])
async def test_keys_that_nobody_has_asked_for_one_after_another_do_not_keep_the_backend_busy(
    down: BytePortError | None,
) -> None:
    kept, seconds_of_a_look = Kept(OLD), 4.0
    kept.down, held = down, asyncio.Event()

    async def slow() -> KeyRing:
        ring = Kept.read(kept)
        held.set()
        await asyncio.sleep(0)
        kept.now += seconds_of_a_look
        return await ring

    kept.known = KnownKeys(KeyRing((OLD,)), slow, every=EVERY, seconds=lambda: kept.now)
    kept.now += AGAIN_SECONDS
    asking = []
    for _ in range(5):  # each comes while the one before is being looked for
        asking.append(asyncio.create_task(kept.known.sought(NEW.id)))
        await held.wait()
    assert await asyncio.gather(*asking) == [None] * 5
    assert kept.reads == 1
    kept.now += AGAIN_SECONDS - 0.1
    assert (await kept.known.sought(NEW.id), kept.reads) == (None, 1)
    kept.now += 0.1
    assert (await kept.known.sought(NEW.id), kept.reads) == (None, 2)


@pytest.mark.claim("C-464")
@pytest.mark.parametrize("down", [None, Unavailable("vault: keys: no answer")])
async def test_review_11_a_key_that_is_gone_is_named_with_those_there_are_and_where_to_put_it_back(
    down: BytePortError | None,
) -> None:
    kept = Kept(OLD, NEW)
    (sealed,) = await kept.codec().encode([SECRET])
    await kept.looked(NEW)
    kept.down, kept.now = down, kept.now + AGAIN_SECONDS
    with pytest.raises(Undecodable) as refused:
        await kept.codec().decode([sealed])
    assert refused.value.message == (
        f"a payload needs the key {OLD.id}, and this process has {NEW.id}; put that key back into the secret of "
        "temporal.payload_keys, below the first line; it is read every 60 s"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"{HEX[0]}\n{HEX[1]}\n",
        f"{HEX[0]} {HEX[1]}",
        f"{HEX[0]},{HEX[1]}",
        f"# of 2026\n{HEX[0]}, {HEX[1]}\r\n\n",
    ],
)
def test_keys_of_a_secret_stand_one_a_line_or_side_by_side(text: str) -> None:
    assert [key.secret.hex() for key in key_ring_of(text, "payload").keys] == list(HEX)


@pytest.mark.claim("C-106")
@pytest.mark.parametrize("text", ["", "# none", "canary", f"{HEX[0]} canary", HEX[0][:-2]])
def test_review_16_what_is_no_key_is_refused_by_the_secrets_name_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^temporal\.payload_keys: ") as refused:
        key_ring_of(text, "byteport/payload")
    assert "canary" not in refused.value.message
    assert HEX[0][:8] not in refused.value.message

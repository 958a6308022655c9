"""Webhooks to a strict receiver: signed as the specification says, once per record, and again under the same id."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.export.target import Shipped
from activities.export.webhook import Webhook
from byteport.contracts.stream_receivers import WebhookConfig
from byteport.errors import ConfigError, NotPermitted, Throttled, Unavailable
from tests.builders.exported import HOSTILE, NOTE, batch_of, entries, hostile_entries, read_back
from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, Receiver, Respond, listening
from tests.integration.export.standard_webhooks import NotVerified, verify

pytestmark = pytest.mark.ledger

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
OLD, NEW = ("whsec_" + base64.b64encode(bytes([fill]) * 32).decode() for fill in (1, 2))
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
WHSK = "whsk_" + base64.b64encode(PRIVATE.private_bytes_raw()).decode()
WHPK = "whpk_" + base64.b64encode(PRIVATE.public_key().public_bytes_raw()).decode()


def strict(got: Got, key: str = OLD) -> web.Response:
    """Takes what is a POST of signed JSON, and nothing else."""
    if got.method != "POST" or got.headers["content-type"] != "application/json":
        return web.Response(status=400)
    try:
        verify(got.headers, got.body, key, NOW.timestamp())
        json.loads(got.body)
    except (NotVerified, ValueError):
        return web.Response(status=401)
    return web.Response(status=204)


@asynccontextmanager
async def shipping(
    authority: Authority, folder: Path, respond: Respond = strict, *secrets: str
) -> AsyncIterator[tuple[Webhook, Receiver]]:
    file = folder / "secrets"
    file.write_text("\n".join(["# for the receiver", *(secrets or (OLD,)), ""]))
    file.chmod(0o600)
    async with listening(respond, authority.server()) as receiver:
        config = WebhookConfig(url=receiver.url("/in"), secret_file=file)
        target = Webhook(config, ca_file=authority.ca_file, clock=lambda: NOW)
        try:
            yield target, receiver
        finally:
            await target.close()


async def test_each_record_is_a_message_under_its_own_id_in_the_order_of_the_log(
    authority: Authority, tmp_path: Path
) -> None:
    made = entries(4)
    async with shipping(authority, tmp_path) as (target, receiver):
        assert await target.ship(batch_of(made)) == Shipped(4)
    assert read_back(got.body for got in receiver.got) == made
    assert [got.headers["webhook-id"] for got in receiver.got] == [json.loads(entry.header)["id"] for entry in made]


async def test_a_receiver_that_is_slow_is_sent_each_record_once(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call that ships ends before a batch does; what was taken until then must be known."""
    monkeypatch.setattr("activities.export.target.SHARE_SECONDS", 0.3)

    async def slow(got: Got) -> web.StreamResponse:
        await asyncio.sleep(0.2)
        return strict(got)

    made, taken, calls = entries(8), 0, 0
    async with shipping(authority, tmp_path, slow) as (target, receiver):
        while taken < len(made):
            taken, calls = (await target.ship(batch_of(made[taken:]))).last, calls + 1
    assert read_back(got.body for got in receiver.got) == made
    assert calls > 2


async def test_a_checkpoint_is_a_message_too_and_the_same_one_again(authority: Authority, tmp_path: Path) -> None:
    batch = batch_of(entries(1), checkpoint=NOTE)
    async with shipping(authority, tmp_path) as (target, receiver):
        assert [await target.ship(batch), await target.ship(batch)] == [Shipped(1, checkpoint=True)] * 2
    assert json.loads(receiver.got[1].body) == {"checkpoint": NOTE}
    first, second = (tuple(got.headers["webhook-id"] for got in receiver.got[at : at + 2]) for at in (0, 2))
    assert first == second


@pytest.mark.parametrize("key", [OLD, NEW, WHPK])
async def test_while_secrets_change_a_receiver_with_either_verifies(
    authority: Authority, tmp_path: Path, key: str
) -> None:
    async with shipping(authority, tmp_path, lambda got: strict(got, key), NEW, OLD, WHSK) as (target, _):
        assert await target.ship(batch_of(entries(2))) == Shipped(2)


async def test_a_secret_is_read_anew_for_each_batch(authority: Authority, tmp_path: Path) -> None:
    async with shipping(authority, tmp_path, lambda got: strict(got, NEW)) as (target, _):
        with pytest.raises(NotPermitted, match="secret_file"):
            await target.ship(batch_of(entries(1)))
        (tmp_path / "secrets").write_text(NEW)
        assert await target.ship(batch_of(entries(1))) == Shipped(1)


@pytest.mark.parametrize("change", ["body", "id", "time"])
async def test_the_verifier_notices_a_message_that_was_changed(
    authority: Authority, tmp_path: Path, change: str
) -> None:
    async with shipping(authority, tmp_path) as (target, receiver):
        await target.ship(batch_of(entries(1)))
    (got,) = receiver.got
    headers = dict(got.headers)
    if change == "id":
        headers["webhook-id"] += "0"
    if change == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    with pytest.raises(NotVerified):
        verify(headers, got.body + (b" " if change == "body" else b""), OLD, NOW.timestamp())


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.claim("C-154")
async def test_fault_23_a_receiver_that_drops_the_connection_gets_a_duplicate_and_never_misses_a_record(
    authority: Authority, tmp_path: Path, when: str
) -> None:
    """It has taken the third record, or has not; nobody can know. Whoever ships comes again from the last that is known."""
    kept: list[Got] = []

    def drops_the_third_once(got: Got) -> web.StreamResponse:
        third = len(kept) == 2 and len(receiver.got) == 3
        if not third or when == "after":
            kept.append(got)
        return got.drop() if third else strict(got)

    made = entries(5)
    async with shipping(authority, tmp_path, drops_the_third_once) as (target, receiver):
        assert await target.ship(batch_of(made)) == Shipped(2)
        assert await target.ship(batch_of(made[2:])) == Shipped(5)
    by_id = {got.headers["webhook-id"]: got.body for got in kept}
    assert read_back(by_id.values()) == made
    assert len(kept) == (6 if when == "after" else 5)
    assert {got.body for got in kept} == set(by_id.values())


async def test_where_not_even_the_first_is_taken_the_error_is_the_receivers(
    authority: Authority, tmp_path: Path
) -> None:
    batch = batch_of(entries(2))
    async with shipping(authority, tmp_path, Got.drop) as (target, _):
        with pytest.raises(Unavailable):
            await target.ship(batch)
    busy = lambda _: web.Response(status=429, headers={"Retry-After": "9"})  # noqa: E731
    async with shipping(authority, tmp_path, busy) as (target, _):
        with pytest.raises(Throttled) as caught:
            await target.ship(batch)
    assert caught.value.delay is not None
    assert caught.value.delay.total_seconds() == 9


@pytest.mark.claim("C-153")
async def test_review_13_hostile_text_in_every_field_arrives_as_data_on_one_line(
    authority: Authority, tmp_path: Path
) -> None:
    made = hostile_entries(2)
    async with shipping(authority, tmp_path) as (target, receiver):
        await target.ship(batch_of(made))
    for got in receiver.got:
        assert got.body.decode().isprintable()
        assert json.loads(got.body)["note"] == HOSTILE
        assert not any("evil" in value for value in got.headers.values())
    assert read_back(got.body for got in receiver.got) == made


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no secret"),
        ("hunter2", "line 1 is no secret"),
        ("whsec_" + base64.b64encode(b"short").decode(), "24 to 64 bytes"),
        ("whsec_!!", "line 1 is no secret"),
        ("whsk_" + base64.b64encode(b"x" * 31).decode(), "Ed25519"),
        ("whsk_" + base64.b64encode(b"x" * 64).decode(), "Ed25519"),
    ],
)
async def test_a_file_of_secrets_that_cannot_be_used_names_the_setting_and_no_secret(
    authority: Authority, tmp_path: Path, text: str, says: str
) -> None:
    async with shipping(authority, tmp_path) as (target, receiver):
        (tmp_path / "secrets").write_text(text)
        with pytest.raises(ConfigError, match=says) as caught:
            await target.ship(batch_of(entries(1)))
    assert "audit.export.webhook.secret_file" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert receiver.got == []


async def test_a_file_of_secrets_that_others_may_read_is_not_used(authority: Authority, tmp_path: Path) -> None:
    async with shipping(authority, tmp_path) as (target, _):
        (tmp_path / "secrets").chmod(0o640)
        with pytest.raises(ConfigError, match="chmod 600"):
            await target.ship(batch_of(entries(1)))


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        (WebhookConfig(), "audit.export.webhook.url"),
        (WebhookConfig(url="https://receiver.example/"), "audit.export.webhook.secret_file"),
    ],
)
def test_what_is_missing_is_named(config: WebhookConfig, setting: str) -> None:
    with pytest.raises(ConfigError, match=setting):
        Webhook(config)

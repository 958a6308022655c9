"""Payload keys of a secret backend, as each process reads them: at its start, on its timer, and on a person's command."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from byteport.errors import ConfigError, TargetGone
from byteport.settings import Settings, load
from byteport.temporal.keys import KnownKeys, PayloadKey
from tests.integration.secrets.kubelet import Volume
from workers.examine import _keys
from workers.payload_keys import follow, keys_followed, payload_keys, told
from workers.secrets_check import check_secrets

FIRST, SECOND = "11" * 32, "22" * 32
ONE, TWO = (PayloadKey(bytes.fromhex(text)) for text in (FIRST, SECOND))
NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    made = Volume(tmp_path / "projected")
    made.write({"payload/keys": f"{FIRST}\n"})
    return made


def of(volume: Volume, **temporal: Any) -> Settings:
    plain = {
        "cluster": {"name": "test"},
        "temporal": {"payload_keys": "payload#keys", **temporal},
        "secret": {"backend": "k8s", "k8s": {"folder": str(volume.folder)}},
    }
    return Settings.model_validate(plain)


@pytest.mark.claim("C-464")
async def test_they_are_read_at_the_start_and_again_while_the_process_runs(volume: Volume) -> None:
    ring = await payload_keys(of(volume))
    assert isinstance(ring, KnownKeys)
    assert ring.keys == (ONE,)
    volume.write({"payload/keys": f"{FIRST} {SECOND}"})
    await ring.look()
    assert told(ring) == f"2, encrypting with {ONE.id}, opening also {TWO.id}"


@pytest.mark.claim("C-464")
async def test_a_process_whose_backend_does_not_give_them_does_not_start(volume: Volume) -> None:
    volume.write({"payload/other": FIRST})
    with pytest.raises(TargetGone, match="payload#keys"):
        await payload_keys(of(volume))
    volume.write({"payload/keys": "canary"})
    with pytest.raises(ConfigError, match=r"temporal\.payload_keys: line 1 of the secret payload#keys") as refused:
        await payload_keys(of(volume))
    assert "canary" not in refused.value.message
    without = of(volume).model_copy(update={"secret": Settings.model_validate({"cluster": {"name": "t"}}).secret})
    with pytest.raises(ConfigError, match=r"^secret\.backend: must be set"):
        await payload_keys(without)


async def _ticks(
    ring: KnownKeys, wanted: int, monkeypatch: pytest.MonkeyPatch, before: Callable[[int], None]
) -> list[int]:
    """What is told after each of so many looks; `before` is called ahead of each with its number."""
    heard: list[int] = []
    passed = 0

    async def tick(_: float) -> None:
        nonlocal passed
        if passed == wanted:
            raise asyncio.CancelledError
        before(passed)
        passed += 1

    monkeypatch.setattr(asyncio, "sleep", tick)
    with contextlib.suppress(asyncio.CancelledError):
        await follow(ring, lambda number, _: heard.append(number), lambda: NOW)
    monkeypatch.undo()
    return heard


@pytest.mark.claim("C-464")
async def test_a_backend_that_fails_for_a_while_is_told_once_and_its_return_once(
    volume: Volume, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = await payload_keys(of(volume))
    assert isinstance(ring, KnownKeys)
    kept: list[tuple[str, str]] = [("payload/other", "x")] * 3 + [("payload/keys", FIRST)] * 2
    kept += [("payload/keys", f"{FIRST} {SECOND}")] * 2
    with caplog.at_level(logging.INFO, logger="byteport.keys"):
        heard = await _ticks(ring, len(kept), monkeypatch, lambda at: volume.write(dict([kept[at]])))
    assert heard == [1, 1, 1, 2, 2], "when keys were last read is told only where they were"
    said = [record.message for record in caplog.records]
    assert len(said) == 3
    assert said[0].startswith("payload keys cannot be read again, those that are known stay in use: k8s: payload#keys")
    assert said[1] == f"payload keys: 1, encrypting with {ONE.id}"
    assert said[2] == f"payload keys: 2, encrypting with {ONE.id}, opening also {TWO.id}"
    assert not any(text in line for line in said for text in (FIRST, SECOND))


async def test_a_connection_that_cannot_be_given_back_takes_no_keys_away_and_ends_no_reading(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: object) -> None:
        raise ValueError("canary")

    monkeypatch.setattr("activities.secrets.k8s.ProjectedSecrets.close", fails)
    ring = await payload_keys(of(volume))
    assert isinstance(ring, KnownKeys)
    assert await _ticks(ring, 2, monkeypatch, lambda _: volume.write({"payload/keys": f"{FIRST} {SECOND}"})) == [
        1,
        2,
        2,
    ]


async def test_keys_of_a_file_are_those_of_the_start(tmp_path: Path) -> None:
    path = tmp_path / "payload.key"
    path.touch(0o600)
    path.write_text(FIRST)
    settings = Settings.model_validate({"cluster": {"name": "test"}, "temporal": {"payload_key_file": str(path)}})
    ring = await payload_keys(settings)
    path.write_text(SECOND)
    async with keys_followed(ring, None):
        assert await ring.sought(TWO.id) is None
    assert ring.keys == (ONE,)


@pytest.mark.claim("C-464")
async def test_the_doctor_says_the_ids_and_from_where_and_no_key(volume: Volume) -> None:
    checks = await _keys(of(volume))
    assert checks[0].text == f"1, encrypting with {ONE.id}, from the secret payload#keys"
    assert FIRST not in repr(checks)
    (read,) = await check_secrets(of(volume))
    assert read.finding == "1 can be read from k8s"


def test_keys_lie_in_one_place(tmp_path: Path) -> None:
    path = tmp_path / "byteport.yaml"
    path.write_text("cluster: {name: test}\ntemporal: {payload_keys: payload#keys}\n")
    assert load(path, {}).temporal.payload_key_file is None
    path.write_text("cluster: {name: test}\ntemporal: {payload_keys: payload#keys, payload_key_file: payload.key}\n")
    with pytest.raises(ConfigError, match="payload_key_file and payload_keys are two places for the same keys"):
        load(path, {})
    path.write_text("cluster: {name: test}\n")
    assert load(path, {}).temporal.payload_key_file == tmp_path / ".byteport" / "keys" / "payload.key"


@pytest.mark.parametrize(
    "written", [FIRST, f"AB{FIRST[2:]}", f"{FIRST} {SECOND}", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="]
)
def test_review_16_a_key_that_is_written_where_its_name_belongs_is_refused_and_not_repeated(
    written: str, tmp_path: Path
) -> None:
    path = tmp_path / "byteport.yaml"
    path.write_text(f"cluster: {{name: test}}\ntemporal: {{payload_keys: '{written}'}}\n")
    with pytest.raises(ConfigError, match=r"^temporal\.payload_keys: name a secret") as refused:
        load(path, {})
    assert written[:8] not in refused.value.message
    with pytest.raises(ConfigError) as refused:
        load(None, {"BYTEPORT_TEMPORAL_PAYLOAD_KEYS": written, "BYTEPORT_CLUSTER_NAME": "test"})
    assert written[:8] not in refused.value.message

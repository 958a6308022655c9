"""What the readers of secrets are made of: versions, checksums, answers in JSON, files of tokens."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.secrets import tmpfs
from activities.secrets.asking import kept_by_a_cache
from activities.secrets.backend import LARGEST_SECRET, Named, value_of
from activities.secrets.checksum import crc32c
from activities.secrets.freshness import MEANT, Freshness
from activities.secrets.reading import chosen
from activities.secrets.strict_json import LARGEST, NotPlain, plain_list, plain_object
from activities.secrets.token_files import token_of
from byteport.contracts.secret_backends import SecretBackend, SecretConfig
from byteport.errors import BytePortError, ConfigError, MalformedInput, TargetGone
from tests.integration.secrets.providers import crc32c_bitwise

NOW = datetime(2026, 11, 27, tzinfo=UTC)
ORDERS = st.tuples(
    st.sampled_from(["", "2026-01-01T00:00:00.000000000", "2026-02-01T00:00:00.000000000"]), st.integers(0, 5)
)


def test_the_checksum_is_that_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@given(st.binary(max_size=64))
def test_the_checksum_is_the_same_bit_by_bit(content: bytes) -> None:
    assert crc32c(content) == crc32c_bitwise(content)


@given(st.lists(ORDERS, min_size=1, max_size=8))
def test_within_five_minutes_no_version_is_taken_after_a_newer_one(orders: list[tuple[str, int]]) -> None:
    seen, newest = Freshness(), ("", -1)
    for order in orders:
        assert seen.is_stale("slack", order, NOW) is (order < newest)
        newest = max(newest, order)


def test_an_older_version_that_stays_is_meant_and_one_among_newer_ones_is_not() -> None:
    seen = Freshness()
    assert not seen.is_stale("slack", ("", 2), NOW)
    assert not seen.is_stale("slack", ("", 2), NOW + MEANT)
    assert seen.is_stale("slack", ("", 1), NOW + MEANT + timedelta(seconds=1))
    assert not seen.is_stale("slack", ("", 1), NOW + MEANT * 2)
    assert not seen.is_stale("other", ("", 1), NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        '"x"',
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        "[" * 9000,
        "{" + " " * LARGEST + "}",
        '{"a": ' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_whole_bounded_unambiguous_object_is_none(text: str) -> None:
    with pytest.raises(NotPlain) as error:
        plain_object(text.encode())
    assert error.value.args == ()


def test_a_list_is_one_of_objects_alone() -> None:
    assert plain_list(b'[{"a": 1}]') == [{"a": 1}]
    for text in (b"{}", b"[1]", b'[], "x": [', b'[]}, {"of": []'):
        with pytest.raises(NotPlain):
            plain_list(text)


@pytest.mark.parametrize(
    ("headers", "kept"),
    [({}, False), ({"age": "0"}, False), ({"age": "00"}, False), ({"age": "1"}, True), ({"age": "old"}, True),
     ({"x-cache": "MISS"}, False), ({"x-cache": "HIT"}, True), ({"cf-cache-status": "DYNAMIC"}, False)],
)  # fmt: skip
def test_an_answer_that_a_cache_kept_is_known_by_its_headers(headers: dict[str, str], kept: bool) -> None:
    assert kept_by_a_cache(headers) is kept


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"two\nlines", b"\xff", b"x" * (1 << 15), b"a\0b"])
def test_a_file_that_does_not_hold_one_token_is_refused_without_what_it_holds(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="one token, on one line") as error:
        token_of(file, "secret.doppler.token_file")
    assert "words" not in error.value.message


def test_a_token_is_read_anew_each_time_without_its_line_break(tmp_path: Path) -> None:
    file = tmp_path / "token"
    for word in ("first", "second"):
        file.write_text(word + "\n")
        file.chmod(0o600)
        assert token_of(file, "x") == word


def test_a_token_that_is_not_set_absent_or_no_file_names_its_setting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (None, tmp_path / "absent", tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConfigError, match=r"^secret\.vault\.token_file: "):
            token_of(path, "secret.vault.token_file")


def test_in_memory_the_kubelets_mode_of_a_token_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("word")
    file.chmod(0o644)
    monkeypatch.setattr("activities.secrets.token_files.on_tmpfs", lambda _: True)
    assert token_of(file, "x") == "word"
    assert tmpfs.on_tmpfs(file.stat(), tmp_path / "absent") is False


def test_without_a_backend_there_is_no_source_and_the_setting_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^secret\.backend: .*vault, aws-sm, gcp-sm, k8s, doppler, 1password"):
        chosen(SecretConfig())


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, MalformedInput), (7, MalformedInput), ("half a character: \ud800", MalformedInput), ("", TargetGone),
     ("x" * LARGEST_SECRET + "x", MalformedInput), ("é" * LARGEST_SECRET, MalformedInput)],
)  # fmt: skip
def test_a_value_that_nothing_could_use_is_refused_without_it(value: object, kind: type[BytePortError]) -> None:
    with pytest.raises(kind) as error:
        value_of("vault", Named.of("a#b"), value)
    assert error.value.__context__ is None
    assert "half" not in error.value.message


@pytest.mark.parametrize(
    ("backend", "setting"),
    [
        (SecretBackend.VAULT, "secret.vault.address"),
        (SecretBackend.GCP_SM, "secret.gcp_sm.project"),
        (SecretBackend.ONEPASSWORD, "secret.onepassword.address"),
        (SecretBackend.AWS_SM, "secret.aws_sm.region"),
        (SecretBackend.DOPPLER, "secret.doppler.token_file"),
    ],
)
async def test_a_backend_that_lacks_a_setting_names_it(
    backend: SecretBackend, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError) as error:
        await chosen(SecretConfig(backend=backend)).read("SLACK")
    assert error.value.key == setting

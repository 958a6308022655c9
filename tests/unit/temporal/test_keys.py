"""Where payload keys lie, and who may read them."""

import base64
import os
import stat
from pathlib import Path

import pytest

from byteport.errors import ConfigError
from byteport.temporal.keys import KeyRing, make_key_file, read_key_ring

FIRST, SECOND = "11" * 32, "22" * 32


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_key_is_made_once_with_a_mode_that_only_its_owner_can_use(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "payload.key"
    previous = os.umask(0)
    try:
        assert make_key_file(path)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made = path.read_text()
    assert not make_key_file(path)
    assert path.read_text() == made
    assert len(read_key_ring(path).active.secret) == 32


@pytest.mark.claim("C-104")
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644, 0o666])
def test_review_16_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    path = private(tmp_path / "payload.key", FIRST)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"temporal\.payload_key_file: .*mode {mode:04o}.*chmod 600") as refused:
        read_key_ring(path)
    assert FIRST not in str(refused.value)


def test_hex_and_base64_name_the_same_key(tmp_path: Path) -> None:
    as_base64 = base64.b64encode(bytes.fromhex(FIRST)).decode()
    one = read_key_ring(private(tmp_path / "a", FIRST))
    other = read_key_ring(private(tmp_path / "b", f"# rotated in March\n\n{as_base64}\n"))
    assert one.active.id == other.active.id


def test_the_first_line_encrypts_and_every_line_decrypts(tmp_path: Path) -> None:
    ring = read_key_ring(private(tmp_path / "k", f"{SECOND}\n{FIRST}\n"))
    assert ring.active.secret == bytes.fromhex(SECOND)
    assert ring.named(ring.keys[1].id) == ring.keys[1]
    assert ring.named("0" * 16) is None


@pytest.mark.claim("C-106")
@pytest.mark.parametrize("text", ["", "# nothing\n", "abc\n", "zz" * 32, FIRST[:-2], "passphrase with spaces"])
def test_review_16_what_is_not_a_key_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_key_ring(private(tmp_path / "k", text))
    assert refused.value.key == "temporal.payload_key_file"
    assert not text.strip() or text.strip() not in str(refused.value)


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigError) as refused:
            read_key_ring(path)
        assert "\n" not in str(refused.value)


@pytest.mark.claim("C-106")
def test_a_ring_and_its_keys_do_not_print_their_secrets(tmp_path: Path) -> None:
    ring = read_key_ring(private(tmp_path / "k", FIRST))
    assert FIRST not in repr(ring)
    assert str(bytes.fromhex(FIRST)) not in repr(ring)


def test_a_ring_without_keys_cannot_be_made() -> None:
    with pytest.raises(ConfigError):
        KeyRing(())

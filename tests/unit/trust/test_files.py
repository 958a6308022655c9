"""Key files: 0600, never over another, and not read when others could have read them."""

import stat
from pathlib import Path

import pytest

from byteport.errors import ConfigError
from byteport.trust.files import SignersFiles, make_key, read_private_key, read_public_key
from byteport.trust.private_keys import new_private_key


def test_a_made_key_is_for_its_owner_only_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "grant"
    key = make_key(path, "ledger.grant_key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_private_key(path, "ledger.grant_key").public_key == key.public_key
    assert read_public_key(tmp_path / "keys" / "grant.pub", "cluster.grant_public_key") == key.public_key


def test_a_key_is_never_made_over_another(tmp_path: Path) -> None:
    path = tmp_path / "grant"
    make_key(path, "ledger.grant_key")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        make_key(path, "ledger.grant_key")
    assert path.read_bytes() == before


def test_a_key_is_not_made_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "grant").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError):
        make_key(tmp_path / "grant", "ledger.grant_key")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.claim("C-104")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_private_key_that_others_may_read_is_refused_with_what_to_do(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "grant"
    make_key(path, "ledger.grant_key")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"ledger\.grant_key: .*{mode:04o}.*chmod 600"):
        read_private_key(path, "ledger.grant_key")


@pytest.mark.parametrize("content", [b"", b"hello", b"ssh-ed25519 AAAA"])
def test_what_is_no_key_names_the_setting_and_the_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "grant"
    path.write_bytes(content)
    path.chmod(0o600)
    for read in (read_private_key, read_public_key):
        with pytest.raises(ConfigError, match=r"ledger\.grant_key: .*grant"):
            read(path, "ledger.grant_key")


def test_a_missing_key_names_the_setting_the_file_and_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"ledger\.grant_key: .*nowhere does not exist; make one: ssh-keygen .*nowhere"
    ):
        read_private_key(tmp_path / "nowhere", "ledger.grant_key")


def test_a_removed_line_takes_effect_at_the_next_reading(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f"ada {new_private_key().public_key.line}\n")
    files = SignersFiles(allowed)
    before = files.read()
    allowed.write_text("")
    after = files.read()
    assert (len(before.allowed.entries), len(after.allowed.entries)) == (1, 0)
    assert before.digest != after.digest


def test_a_revoked_key_takes_effect_at_the_next_reading_and_changes_the_digest(tmp_path: Path) -> None:
    key = new_private_key().public_key
    (tmp_path / "allowed").write_text(f"ada {key.line}\n")
    (tmp_path / "revoked").write_text("")
    files = SignersFiles(tmp_path / "allowed", tmp_path / "revoked")
    before = files.read()
    (tmp_path / "revoked").write_text(key.line + "\n")
    after = files.read()
    assert (before.revoked.holds(key), after.revoked.holds(key)) == (False, True)
    assert before.digest != after.digest


@pytest.mark.parametrize("missing", ["allowed", "revoked"])
def test_a_missing_file_is_an_error_and_never_an_empty_list(missing: str, tmp_path: Path) -> None:
    for name in {"allowed", "revoked"} - {missing}:
        (tmp_path / name).write_text("")
    with pytest.raises(ConfigError, match=missing):
        SignersFiles(tmp_path / "allowed", tmp_path / "revoked").read()

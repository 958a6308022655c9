"""`byteport signer`, `log-key` and `checkpoints`: for the people who keep what is signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from byteport.audit.checkpoint import open_checkpoint
from byteport.audit.notes import SignatureType, parse_vkey
from byteport.cli.exits import Exit
from byteport.trust.files import read_private_key
from tests.integration.signer.world import CHAIN, SignedLog
from tests.unit.cli.conftest import Run, byteport, folder

__all__ = ["byteport", "folder"]

UID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def settings(folder: Path) -> Path:
    path = folder / "byteport.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "cluster": {"name": "test", "uid": UID},
                "tenant": CHAIN.tenant,
                "state_dir": ".",
                "audit": {"signer": {"key": "keys/checkpoint"}},
            }
        )
    )
    return path


@pytest.fixture
def log(byteport: Run, settings: Path, folder: Path) -> SignedLog:
    """A log that the settings name, signed twice by a key that `signer init` made."""
    assert byteport("--config", str(settings), "signer", "init").code == 0
    key = read_private_key(folder / "keys" / "checkpoint", "audit.signer.key")
    made = SignedLog(folder, key=key, chain=CHAIN.model_copy(update={"cluster_uid": UID}))
    made.grow(3)
    made.sign()
    made.grow(2)
    made.sign()
    return made


def test_the_key_is_made_once_for_its_owner_alone_and_what_is_printed_checks_the_log(
    byteport: Run, settings: Path, log: SignedLog, folder: Path
) -> None:
    assert byteport("--config", str(settings), "signer", "init").code == Exit.USAGE
    assert (folder / "keys" / "checkpoint").stat().st_mode & 0o077 == 0
    (folder / "keys" / "checkpoint").unlink()
    printed = byteport("--config", str(settings), "log-key")
    key = parse_vkey(printed.out.removesuffix("\n"))
    assert (key, key.type) == (log.vkey, SignatureType.ED25519)
    assert json.loads(byteport("--config", str(settings), "log-key", "--json").out) == {"key": str(key)}


def test_the_newest_checkpoint_is_printed_byte_by_byte(byteport: Run, settings: Path, log: SignedLog) -> None:
    printed = byteport("--config", str(settings), "checkpoints")
    assert printed.out == log.published()[-1]
    assert open_checkpoint(printed.out, (log.vkey,)).checkpoint.size == 5


def test_checkpoints_are_listed_newest_first_and_as_json(byteport: Run, settings: Path, log: SignedLog) -> None:
    listed = byteport("--config", str(settings), "checkpoints", "--list").out.splitlines()
    assert [line.split()[0] for line in listed] == ["RECORDS", "5", "3"]
    told = json.loads(byteport("--config", str(settings), "checkpoints", "--list", "--json").out)
    assert [(one["size"], one["note"]) for one in told] == list(zip((3, 5), log.published(), strict=True))
    assert told[0]["signed_by"] == [f"{log.vkey.name}+{log.vkey.id.hex()}"]


def test_where_nothing_is_signed_that_is_said(byteport: Run, settings: Path, folder: Path) -> None:
    SignedLog(folder, chain=CHAIN.model_copy(update={"cluster_uid": UID})).grow(1)
    said = byteport("--config", str(settings), "checkpoints")
    assert (said.code, said.out.strip()) == (Exit.NOT_FOUND, "Nothing of this log was signed yet.")


def test_a_lost_memory_is_adopted_by_command(byteport: Run, settings: Path, log: SignedLog, folder: Path) -> None:
    log.grow()
    newest = log.sign().note
    (folder / "carried").write_text(newest)
    before = log.state_path.read_bytes()
    log.state_path.unlink()
    adopted = byteport("--config", str(settings), "signer", "adopt", "--checkpoint", "carried", "--json")
    assert (adopted.code, json.loads(adopted.out)["size"]) == (0, 6)
    assert log.state_path.read_bytes() == before
    again = byteport("--config", str(settings), "signer", "adopt")
    assert again.code == Exit.REFUSED
    assert "nothing to adopt" in again.err


def test_a_log_that_another_key_has_signed_is_adopted_where_that_key_is_named(
    byteport: Run, settings: Path, log: SignedLog, folder: Path
) -> None:
    log.state_path.unlink()
    for name in ("checkpoint", "checkpoint.pub"):
        (folder / "keys" / name).unlink()
    assert byteport("--config", str(settings), "signer", "init").code == 0
    refused = byteport("--config", str(settings), "signer", "adopt")
    assert refused.code == Exit.REFUSED
    assert "--key" in refused.err
    assert byteport("--config", str(settings), "signer", "adopt", "--key", "none").code == Exit.USAGE
    adopted = byteport("--config", str(settings), "signer", "adopt", "--key", str(log.vkey), "--json")
    assert (adopted.code, json.loads(adopted.out)["size"]) == (0, 5)


@pytest.mark.parametrize("content", [b"", b"\xff", b"no note"])
def test_a_checkpoint_that_is_none_is_one_line(
    byteport: Run, settings: Path, log: SignedLog, folder: Path, content: bytes
) -> None:
    log.state_path.unlink()
    (folder / "carried").write_bytes(content)
    said = byteport("--config", str(settings), "signer", "adopt", "--checkpoint", "carried")
    assert said.code == Exit.USAGE
    assert not log.state_path.exists()


def test_where_nobody_is_set_to_sign_that_is_said(byteport: Run, folder: Path) -> None:
    (folder / "byteport.yaml").write_text(f"cluster: {{name: test, uid: {UID}}}\n")
    for command in (("signer", "init"), ("signer", "adopt"), ("log-key",)):
        said = byteport("--config", "byteport.yaml", *command)
        assert said.code == Exit.USAGE
        assert "audit.signer.key" in said.err

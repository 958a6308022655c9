"""The keys that an installation starts with: made once, by one of many, and readable by their owner alone."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from byteport.temporal.keys import read_key_ring
from byteport.trust.files import read_private_key, read_public_key
from tests.unit.cli.conftest import Run


@pytest.fixture
def settings(folder: Path) -> Path:
    """The places that the chart gives: the private key in a folder that only the ledger sees."""
    path = folder / "byteport.yaml"
    path.write_text(
        "cluster: {name: test, grant_public_key: shared/grant.pub}\n"
        "temporal: {payload_key_file: shared/payload.key}\n"
        "ledger: {grant_key: ledger/grant}\n"
    )
    return path


def test_the_keys_are_made_where_the_settings_say_and_belong_together(
    byteport: Run, settings: Path, folder: Path
) -> None:
    assert byteport("--config", str(settings), "keys", "init").code == 0
    private = read_private_key(folder / "ledger" / "grant", "ledger.grant_key")
    assert read_public_key(folder / "shared" / "grant.pub", "cluster.grant_public_key") == private.public_key
    assert len(read_key_ring(folder / "shared" / "payload.key").keys) == 1
    assert not (folder / "shared" / "grant").exists()


def test_a_second_time_changes_nothing(byteport: Run, settings: Path, folder: Path) -> None:
    byteport("--config", str(settings), "keys", "init")
    files = [path for path in folder.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    again = byteport("--config", str(settings), "keys", "init")
    assert (again.code, again.out.strip()) == (0, "every key is there already")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_lost_public_half_is_written_again_from_the_private_one(byteport: Run, settings: Path, folder: Path) -> None:
    byteport("--config", str(settings), "keys", "init")
    public = folder / "shared" / "grant.pub"
    before = read_public_key(public, "cluster.grant_public_key")
    public.unlink()
    byteport("--config", str(settings), "keys", "init")
    assert read_public_key(public, "cluster.grant_public_key") == before


def test_two_that_start_at_once_make_one_set_of_keys(settings: Path, folder: Path) -> None:
    arguments = ["--config", str(settings), "keys", "init"]
    with ThreadPoolExecutor(4) as threads:
        codes = list(threads.map(lambda _: invoke(arguments), range(4)))
    assert codes == [Exit.OK] * 4
    private = read_private_key(folder / "ledger" / "grant", "ledger.grant_key")
    assert read_public_key(folder / "shared" / "grant.pub", "cluster.grant_public_key") == private.public_key


@pytest.fixture
def mounted(folder: Path) -> Path:
    """A Secret as a kubelet mounts it: links into a folder of the moment, readable by a group."""
    moment = folder / "secrets" / "..2026"
    moment.mkdir(parents=True)
    (folder / "secrets" / "..data").symlink_to("..2026")
    for name in ("payload.key", "grant.pub"):
        (moment / name).write_text(f"{name}\n")
        (moment / name).chmod(0o440)
        (folder / "secrets" / name).symlink_to(f"..data/{name}")
    return folder / "secrets"


def test_a_mounted_secret_becomes_files_of_their_owner_alone(byteport: Run, mounted: Path, folder: Path) -> None:
    target = folder / "run"
    assert byteport("keys", "place", str(mounted), str(target)).code == 0
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        "payload.key": "payload.key\n",
        "grant.pub": "grant.pub\n",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in target.iterdir()} == {0o600}


def test_a_rotated_secret_replaces_what_was_placed(byteport: Run, mounted: Path, folder: Path) -> None:
    target = folder / "run"
    byteport("keys", "place", str(mounted), str(target))
    (mounted / "..2026" / "payload.key").chmod(0o640)
    (mounted / "..2026" / "payload.key").write_text("another\n")
    assert byteport("keys", "place", str(mounted), str(target)).code == 0
    assert (target / "payload.key").read_text() == "another\n"


def test_nothing_is_written_through_a_link(byteport: Run, mounted: Path, folder: Path) -> None:
    target, elsewhere = folder / "run", folder / "elsewhere"
    target.mkdir()
    elsewhere.write_text("kept")
    (target / "payload.key").symlink_to(elsewhere)
    byteport("keys", "place", str(mounted), str(target))
    assert elsewhere.read_text() == "kept"
    assert not (target / "payload.key").is_symlink()


def test_a_folder_that_is_not_there_is_one_line(byteport: Run, folder: Path) -> None:
    said = byteport("keys", "place", str(folder / "none"), str(folder / "run"))
    assert said.code == Exit.USAGE
    assert said.err.strip().endswith("No such file or directory")
    assert "Traceback" not in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="expected: root may write anywhere")
def test_a_volume_that_cannot_be_written_names_the_setting(byteport: Run, settings: Path, folder: Path) -> None:
    folder.chmod(0o500)
    try:
        said = byteport("--config", str(settings), "keys", "init")
    finally:
        folder.chmod(0o700)
    assert said.code == Exit.USAGE
    assert "ledger.grant_key" in said.err

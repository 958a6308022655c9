"""The pod's own files, as a kubelet swaps them: always the newest, and no way out of the folder."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.secrets import tmpfs
from activities.secrets.projected import Unsafe, read_projected
from activities.secrets.reading import Secrets, chosen
from byteport.contracts.secret_backends import K8sSecretsConfig, SecretBackend, SecretConfig
from byteport.errors import MalformedInput, NotPermitted, TargetGone, Unavailable
from tests.builders.sampled import examples
from tests.integration.secrets.kubelet import Volume

CANARY = "canary-of-the-kubelet"


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    made = Volume(tmp_path / "secrets")
    made.write({"slack/token": CANARY, "plain": "no newline is taken away\n"})
    return made


def secrets_in(folder: Path) -> Secrets:
    return chosen(SecretConfig(backend=SecretBackend.K8S, k8s=K8sSecretsConfig(folder=folder)))


async def test_a_key_of_a_secret_is_a_file_and_one_without_a_key_too(volume: Volume) -> None:
    secrets = secrets_in(volume.folder)
    assert (await secrets.read("slack#token")).reveal() == CANARY
    assert (await secrets.read("slack/token")).reveal() == CANARY
    assert (await secrets.read("plain")).reveal() == "no newline is taken away\n"


async def test_a_secret_that_is_mounted_at_a_folder_of_its_own_is_read_the_same(tmp_path: Path) -> None:
    Volume(tmp_path / "slack").write({"token": CANARY})
    assert (await secrets_in(tmp_path).read("slack#token")).reveal() == CANARY


@pytest.mark.claim("C-422")
async def test_review_16_what_the_kubelet_has_swapped_is_read_at_the_next_use(volume: Volume) -> None:
    async with secrets_in(volume.folder).reading() as reading:
        first = await reading.read("slack#token")
        volume.write({"slack/token": "the-new-one"})
        assert (first.reveal(), (await reading.read("slack#token")).reveal()) == (CANARY, "the-new-one")
        volume.write({"other": "x"})
        with pytest.raises(TargetGone):
            await reading.read("slack#token")


def test_a_reader_in_the_middle_of_many_swaps_reads_a_whole_value_each_time(volume: Volume) -> None:
    values = ["a" * 5000, "b" * 5000]
    ended = threading.Event()

    def swap() -> None:
        for at in range(150):
            volume.write({"slack/token": values[at % 2]})
        ended.set()

    volume.write({"slack/token": values[0]})
    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = set()
    while not ended.is_set():
        seen.add(read_projected(volume.folder, ["slack", "token"], 9999))
    swapping.join()
    assert seen <= {value.encode() for value in values}


def test_the_newest_counts_as_soon_as_the_link_is_swapped_while_the_old_folder_still_stands(volume: Volume) -> None:
    found: list[bytes] = []
    volume.write({"slack/token": "new"}, lambda: found.append(read_projected(volume.folder, ["slack", "token"], 99)))
    assert found == [b"new"]


WAYS_OUT = {
    "an absolute link": "/etc/hostname",
    "a link upwards": "../outside",
    "a link upwards within": "..data/../../outside",
    "a link to itself": "bad",
    "a link to the folder above": "..",
}


@pytest.mark.claim("C-425")
@pytest.mark.parametrize("target", WAYS_OUT.values(), ids=WAYS_OUT)
async def test_review_16_a_link_that_leads_out_of_the_folder_is_refused(volume: Volume, target: str) -> None:
    (volume.folder.parent / "outside").write_text(CANARY)
    (volume.folder / "bad").symlink_to(target)
    with pytest.raises(NotPermitted) as error:
        await secrets_in(volume.folder).read("bad")
    assert CANARY not in str(error.value)


@pytest.mark.claim("C-425")
async def test_review_16_a_folder_on_the_way_that_becomes_a_link_leads_nowhere(volume: Volume) -> None:
    outside = volume.folder.parent / "outside"
    outside.mkdir()
    (outside / "token").write_text(CANARY)
    (volume.folder / "moved").symlink_to(outside)
    with pytest.raises(NotPermitted):
        await secrets_in(volume.folder).read("moved#token")


PARTS = st.lists(
    st.sampled_from(["..", ".", "", "a", "..data", "/", "outside", "secrets", "b"]), min_size=1, max_size=6
)


@pytest.mark.claim("C-425")
@settings(max_examples=examples(200), deadline=None)
@given(target=PARTS.map("/".join), parts=st.lists(st.sampled_from(["bad", "a", "b", "..data"]), min_size=1, max_size=3))
def test_review_16_whatever_a_link_says_nothing_outside_is_read(
    tmp_path_factory: pytest.TempPathFactory, target: str, parts: list[str]
) -> None:
    base = tmp_path_factory.mktemp("way")
    volume = Volume(base / "secrets")
    volume.write({"a/b": "inside", "b": "inside"})
    (base / "outside").write_text(CANARY)
    (base / "b").write_text(CANARY)
    if target:
        (volume.folder / "bad").symlink_to(target)
    try:
        found = read_projected(volume.folder, parts, 99)
    except (OSError, Unsafe):
        return
    assert found == b"inside"


@pytest.mark.claim("C-421")
@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/passwd", "a//b", ".hidden", "..data/slack/token", "a#../b", "a\0b", "a\n", "é", ""],
)
async def test_review_16_a_name_that_leads_elsewhere_is_none(volume: Volume, name: str) -> None:
    with pytest.raises(MalformedInput):
        await secrets_in(volume.folder).read(name)


@pytest.mark.claim("C-425")
@pytest.mark.parametrize(
    ("mode", "why"), [(0o644, "others may read it"), (0o660, "others than its owner may write it")]
)
async def test_on_a_disk_a_file_that_others_may_read_or_write_is_refused(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, mode: int, why: str
) -> None:
    monkeypatch.setattr(tmpfs, "IN_MEMORY", frozenset())
    for file in volume.folder.rglob("token"):
        file.chmod(mode)
    with pytest.raises(NotPermitted, match=why):
        await secrets_in(volume.folder).read("slack#token")


@pytest.mark.skipif(os.geteuid() != 0, reason="expected: only root gives a file to somebody else")
async def test_on_a_disk_a_file_of_somebody_else_is_refused(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tmpfs, "IN_MEMORY", frozenset())
    for file in volume.folder.rglob("token"):
        os.chown(file, 12345, 12345)
    with pytest.raises(NotPermitted, match="somebody else"):
        await secrets_in(volume.folder).read("slack#token")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="expected: this machine has no /dev/shm")
async def test_in_memory_the_kubelets_own_mode_will_do(tmp_path: Path) -> None:
    folder = Path(f"/dev/shm/{tmp_path.name}-{os.getpid()}")
    volume = Volume(folder, mode=0o644)
    try:
        volume.write({"slack/token": CANARY})
        on_memory = tmpfs.on_tmpfs((folder / "slack" / "token").stat())
        assert on_memory
        assert (await secrets_in(folder).read("slack#token")).reveal() == CANARY
    finally:
        shutil.rmtree(folder)


async def test_what_is_no_file_no_text_too_long_or_empty_is_told_apart(volume: Volume) -> None:
    volume.write({"bytes": b"\xff\xfe", "long": "x" * (1 << 17), "empty": "", "folder/a": "x"})
    os.mkfifo(volume.folder / "pipe", 0o600)
    secrets = secrets_in(volume.folder)
    for name, kind in {
        "bytes": MalformedInput,
        "long": MalformedInput,
        "empty": TargetGone,
        "folder": NotPermitted,
        "pipe": NotPermitted,
        "absent": TargetGone,
        "bytes/more": NotPermitted,
    }.items():
        with pytest.raises(kind):
            await secrets.read(name)


async def test_a_folder_that_is_not_mounted_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises((TargetGone, Unavailable), match="absent"):
        await secrets_in(tmp_path / "absent").read("slack#token")


def test_the_filesystem_of_a_device_is_found_in_the_kernels_own_list(tmp_path: Path) -> None:
    found = tmp_path.stat()
    device = f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}"
    mounts = tmp_path / "mountinfo"
    for kind, expected in (("tmpfs", True), ("ext4", False)):
        mounts.write_text(
            f"36 35 {device} / /mnt rw,noatime master:1 - {kind} none rw\n37 35 0:999 / /x rw - tmpfs a rw\n"
        )
        assert tmpfs.on_tmpfs(found, mounts) is expected
    assert tmpfs.on_tmpfs(found, tmp_path / "absent") is False

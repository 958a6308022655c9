"""The log as NDJSON files by the hour: each record once, on the disk, and nothing half."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from activities.export import file as file_target
from activities.export.file import Files
from activities.export.same import Occupied
from activities.export.target import Batch, Shipped, moment
from byteport.audit import bundle
from byteport.audit.records import Entry
from byteport.audit.words import Removal
from byteport.contracts.stream_receivers import FileConfig
from byteport.errors import BytePortError, ConfigError, NotPermitted, Unavailable
from tests.builders.exported import CHAIN, DAMAGED_TIMES, HOSTILE, NOTE, batch_of, entries, hostile_entries, read_back

HALF_AN_HOUR = timedelta(minutes=30)


def target(folder: Path) -> Files:
    return Files(FileConfig(folder=folder / "log"))


def chain(folder: Path) -> Path:
    return folder / "log" / CHAIN.tenant / CHAIN.cluster_uid


def kept(folder: Path) -> dict[str, list[bytes]]:
    """The lines of each file of the chain."""
    return {path.name: path.read_bytes().splitlines() for path in sorted(chain(folder).iterdir())}


def records(folder: Path) -> list[Entry]:
    return read_back(line for name, lines in kept(folder).items() if name.startswith("2026") for line in lines)


async def test_the_records_of_an_hour_lie_in_its_file_and_an_hour_that_is_over_is_closed(tmp_path: Path) -> None:
    made = entries(5, apart=HALF_AN_HOUR)
    assert await target(tmp_path).ship(batch_of(made)) == Shipped(5)
    assert [*kept(tmp_path)] == ["2026-03-10T09.ndjson", "2026-03-10T10.ndjson", "2026-03-10T11.ndjson.open"]
    assert records(tmp_path) == made


@pytest.mark.parametrize("told", [told for told in DAMAGED_TIMES if moment(told) is None])
async def test_a_record_whose_time_is_none_lies_where_the_one_before_it_lies(told: str, tmp_path: Path) -> None:
    made = batch_of(entries(3))
    damaged = made.lines[1].replace(b"2026-03-10T09:00:01.000Z", told.encode())
    lines = (made.lines[0], damaged, made.lines[2])
    assert await target(tmp_path).ship(Batch(CHAIN, 1, 3, lines)) == Shipped(3)
    assert [(name, len(lines)) for name, lines in kept(tmp_path).items()] == [("2026-03-10T09.ndjson.open", 3)]


async def test_only_we_may_read_what_was_written_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await target(tmp_path).ship(batch_of(entries(3, apart=HALF_AN_HOUR), checkpoint=NOTE))
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "log").rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE(chain(tmp_path).stat().st_mode) == 0o700


async def test_batch_after_batch_makes_one_log(tmp_path: Path) -> None:
    made, one = entries(9, apart=HALF_AN_HOUR), target(tmp_path)
    for first, last in ((0, 1), (1, 4), (4, 8), (8, 9)):
        assert await one.ship(batch_of(made[first:last])) == Shipped(last)
    assert records(tmp_path) == made


@pytest.mark.parametrize("anew", [False, True])
async def test_fault_23_the_same_batch_again_also_by_another_process_is_written_once(
    tmp_path: Path, anew: bool
) -> None:
    made, one = entries(6, apart=HALF_AN_HOUR), target(tmp_path)
    for first, last in ((0, 3), (0, 3), (1, 5), (2, 6), (0, 6)):
        await (target(tmp_path) if anew else one).ship(batch_of(made[first:last], checkpoint=NOTE))
    assert records(tmp_path) == made
    assert [json.loads(line) for line in kept(tmp_path)["checkpoints.ndjson"]] == [{"checkpoint": NOTE}]


async def test_two_processes_on_one_folder_write_each_record_once(tmp_path: Path) -> None:
    made = entries(4)
    one, other = target(tmp_path), target(tmp_path)
    await one.ship(batch_of(made[:2]))
    await other.ship(batch_of(made[:3]))
    await one.ship(batch_of(made[2:]))
    assert records(tmp_path) == made


async def test_a_line_that_a_crash_has_torn_is_cut_off_and_written_whole(tmp_path: Path) -> None:
    made = entries(4)
    await target(tmp_path).ship(batch_of(made[:2]))
    with (chain(tmp_path) / "2026-03-10T09.ndjson.open").open("ab") as file:
        file.write(batch_of(made[2:3]).lines[0][:50])
    await target(tmp_path).ship(batch_of(made[2:]))
    assert records(tmp_path) == made


async def test_an_hour_that_was_collected_and_taken_away_is_written_again_rather_than_missed(tmp_path: Path) -> None:
    made = entries(3, apart=HALF_AN_HOUR)
    await target(tmp_path).ship(batch_of(made))
    (chain(tmp_path) / "2026-03-10T09.ndjson").unlink()
    await target(tmp_path).ship(batch_of(made))
    assert records(tmp_path) == made


async def test_an_hour_that_lost_its_end_gets_it_again(tmp_path: Path) -> None:
    made = entries(3, apart=HALF_AN_HOUR)
    await target(tmp_path).ship(batch_of(made))
    closed = chain(tmp_path) / "2026-03-10T09.ndjson"
    closed.write_bytes(closed.read_bytes().split(b"\n")[0] + b"\n")
    await target(tmp_path).ship(batch_of(made))
    assert records(tmp_path) == made
    assert "2026-03-10T09.ndjson" in kept(tmp_path)


def another_log() -> list[Entry]:
    """As one that was restored from a backup of its first five, and went on."""
    return entries(10, texts={"note": "another log"})


@pytest.mark.parametrize("anew", [False, True])
async def test_a_log_that_was_restored_and_went_on_is_not_taken_for_what_lies_there(tmp_path: Path, anew: bool) -> None:
    """What is taken for held is never sent again, and may be pruned."""
    one = target(tmp_path)
    await one.ship(batch_of(entries(10)))
    before = kept(tmp_path)
    with pytest.raises(Occupied) as refused:
        await (target(tmp_path) if anew else one).ship(batch_of(another_log()[5:]))
    assert refused.value.key == f"{CHAIN.tenant}/{CHAIN.cluster_uid}/2026-03-10T09.ndjson.open"
    assert kept(tmp_path) == before


async def test_one_that_was_restored_is_seen_in_a_later_hour_too(tmp_path: Path) -> None:
    await target(tmp_path).ship(batch_of(entries(10)))
    late = entries(10, apart=HALF_AN_HOUR, texts={"note": "another log"})
    with pytest.raises(Occupied):
        await target(tmp_path).ship(batch_of(late[5:]))


@pytest.mark.parametrize("line", [b'{"seq":999999}', b'{"seq":3}', b"not ours"])
async def test_a_line_of_somebody_elses_is_not_taken_for_records(tmp_path: Path, line: bytes) -> None:
    made = entries(6)
    await target(tmp_path).ship(batch_of(made[:2]))
    with (chain(tmp_path) / "2026-03-10T09.ndjson.open").open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(Occupied):
        await target(tmp_path).ship(batch_of(made[2:]))


async def test_a_body_that_was_erased_since_is_the_same_record(tmp_path: Path) -> None:
    made = entries(3)
    await target(tmp_path).ship(batch_of(made))
    before = kept(tmp_path)
    gone = bundle.line_of(made[1]._replace(payload=None, salt=None), Removal.ERASED).removesuffix(b"\n")
    lines = batch_of(made).lines
    assert await target(tmp_path).ship(Batch(CHAIN, 1, 3, (lines[0], gone, lines[2]))) == Shipped(3)
    assert kept(tmp_path) == before


async def test_a_damaged_record_lies_behind_the_one_before_it_and_is_written_once(tmp_path: Path) -> None:
    lines = batch_of(entries(3)).lines
    broken = Batch(CHAIN, 1, 3, (lines[0], b'{"id":null,"seq":null,"timestamp":null}', lines[2]))
    for _ in range(2):
        await target(tmp_path).ship(broken)
    assert kept(tmp_path)["2026-03-10T09.ndjson.open"] == [*broken.lines]


async def test_a_new_checkpoint_is_added_and_the_same_one_is_not(tmp_path: Path) -> None:
    batch, one = batch_of(entries(1)), target(tmp_path)
    for note in (NOTE, NOTE, "another\n"):
        await one.ship(Batch(CHAIN, 2, 1, (), note) if note != NOTE else batch_of(entries(1), checkpoint=note))
    assert [json.loads(line)["checkpoint"] for line in kept(tmp_path)["checkpoints.ndjson"]] == [NOTE, "another\n"]
    assert len(batch.lines) == 1


@pytest.mark.claim("C-153")
async def test_review_13_hostile_text_in_every_field_stays_on_its_line_and_acts_on_nothing(tmp_path: Path) -> None:
    made = hostile_entries(3)
    await target(tmp_path).ship(batch_of(made))
    lines = kept(tmp_path)["2026-03-10T09.ndjson.open"]
    assert all(line.decode().isprintable() and line.startswith(b"{") for line in lines)
    assert json.loads(lines[0])["command"] == HOSTILE
    assert records(tmp_path) == made


@pytest.mark.parametrize(
    ("number", "error", "says"),
    [
        (errno.ENOSPC, Unavailable, "is full"),
        (errno.EDQUOT, Unavailable, "is full"),
        (errno.EROFS, ConfigError, "audit.export.file.folder"),
        (errno.EACCES, ConfigError, "audit.export.file.folder"),
        (errno.EIO, Unavailable, "cannot be written"),
    ],
)
async def test_what_the_disk_refuses_is_an_error_by_what_to_do_and_leaves_nothing_half(
    tmp_path: Path, number: int, error: type[BytePortError], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = entries(4)
    await target(tmp_path).ship(batch_of(made[:2]))
    before = kept(tmp_path)
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if len(data) > 100:
            return real(descriptor, data[:100])
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr("activities.export.ndjson.os.write", write)
        patched.setattr("activities.export.ndjson._CHUNK", 101)
        with pytest.raises(error, match=says):
            await target(tmp_path).ship(batch_of(made[2:]))
    assert kept(tmp_path) == before
    await target(tmp_path).ship(batch_of(made[2:]))
    assert records(tmp_path) == made


async def test_a_folder_that_is_a_file_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("")
    with pytest.raises(ConfigError, match=r"audit\.export\.file\.folder"):
        await target(tmp_path).ship(batch_of(entries(1)))


async def test_a_link_where_a_file_of_ours_would_be_is_not_followed(tmp_path: Path) -> None:
    chain(tmp_path).mkdir(parents=True)
    (tmp_path / "elsewhere").write_text("theirs\n")
    (chain(tmp_path) / "2026-03-10T09.ndjson.open").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError):
        await target(tmp_path).ship(batch_of(entries(1)))
    assert (tmp_path / "elsewhere").read_text() == "theirs\n"


@pytest.mark.parametrize("tenant", ["..", ".", "a/b", "", "a\n"])
async def test_a_tenant_whose_name_no_folder_could_have_is_refused(tmp_path: Path, tenant: str) -> None:
    batch = batch_of(entries(1))
    with pytest.raises(NotPermitted):
        await target(tmp_path).ship(
            Batch(CHAIN.model_copy(update={"tenant": tenant}), batch.first, batch.last, batch.lines)
        )


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match=r"audit\.export\.file\.folder"):
        Files(FileConfig())


async def test_the_program_beside_the_files_finds_them_whole_and_a_changed_one_changed(tmp_path: Path) -> None:
    await target(tmp_path).ship(batch_of(entries(5, apart=HALF_AN_HOUR)))
    program = tmp_path / "log" / file_target.VERIFIER

    def verdict() -> int:
        files = sorted(map(str, chain(tmp_path).glob("2026*")))
        return subprocess.run([sys.executable, "-I", program, *files], capture_output=True, check=False).returncode

    assert verdict() == 0
    first = chain(tmp_path) / "2026-03-10T09.ndjson"
    first.write_bytes(first.read_bytes().replace(b"web-1 ", b"web-9 "))
    assert verdict() == 1

"""What an auditor is handed: whole or not at all, over nothing that is there, and checked by two programs that agree."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from byteport.audit.findings import Report
from byteport.audit.notes import VerifierKey
from byteport.audit.words import Event, Removal
from byteport.cli.log_files import trust_of, verify_files
from byteport.errors import MalformedInput, Unavailable
from byteport.ledger.bodies import destroy
from byteport.ledger.bundle_files import RECORDS
from byteport.ledger.bundling import CHECKPOINT, KEY, README, VERIFIER, Bundle, write_bundle
from byteport.ledger.log import AuditLog
from tests.integration.ledger.world import draft
from tests.integration.signer.world import CHAIN, SignedLog

ALL = {RECORDS, CHECKPOINT, KEY, VERIFIER, README}


@pytest.fixture
def signed(tmp_path: Path) -> SignedLog:
    """Five records, an hour apart, of which all are signed."""
    (tmp_path / "ledger").mkdir()
    log = SignedLog(tmp_path / "ledger")
    for _ in range(5):
        log.grow()
        log.clock.move(hours=1)
    log.sign()
    return log


def key(signed: SignedLog) -> VerifierKey:
    return signed.vkey


def handed(signed: SignedLog, to: Path, **wanted: object) -> Bundle:
    return write_bundle(AuditLog(signed.store), CHAIN, to, key=str(key(signed)), **wanted)  # type: ignore[arg-type]


def independent(folder: Path, *arguments: str) -> tuple[int, str]:
    """As a stranger runs it: from the folder, isolated from everything that is installed."""
    done = subprocess.run(
        [sys.executable, "-I", VERIFIER, RECORDS, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_whole_log_is_intact_and_complete_for_whoever_has_nothing_else(signed: SignedLog, tmp_path: Path) -> None:
    made = handed(signed, tmp_path / "audit")
    assert (made.records, made.first, made.last, made.checkpoint, made.whole) == (5, 1, 5, 5, True)
    assert {path.name for path in made.path.iterdir()} == ALL
    code, said = independent(made.path, "--key", KEY)
    assert code == 0, said
    report = verify_files([made.path], [], trust_of([str(key(signed))], [], None)).reports[0]
    assert report.findings == ()
    assert f"python3 {VERIFIER} {RECORDS} --key {KEY}" in (made.path / README).read_text()


def test_both_programs_find_a_byte_that_was_changed_in_it(signed: SignedLog, tmp_path: Path) -> None:
    made = handed(signed, tmp_path / "audit")
    records = made.path / RECORDS
    records.write_bytes(records.read_bytes().replace(b'"decision":"acted"', b'"decision":"skipped"', 1))
    assert independent(made.path, "--key", KEY)[0] == 1
    assert verify_files([made.path], [], trust_of([str(key(signed))], [], None)).reports[0].findings


def test_an_archive_holds_the_same_and_is_the_same_bytes_each_time(signed: SignedLog, tmp_path: Path) -> None:
    one, two = handed(signed, tmp_path / "audit.zip"), tmp_path / "again" / "audit.zip"
    two.parent.mkdir()
    handed(signed, two)
    assert one.path.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one.path) as archive:
        assert {Path(name).name for name in archive.namelist()} == ALL
        archive.extractall(tmp_path / "unpacked")
    assert independent(tmp_path / "unpacked" / "audit", "--key", KEY)[0] == 0


def test_a_file_of_lines_holds_the_records_and_what_was_signed(signed: SignedLog, tmp_path: Path) -> None:
    made = handed(signed, tmp_path / "audit.ndjson")
    lines = [json.loads(line) for line in made.path.read_bytes().splitlines()]
    assert [line["seq"] for line in lines[:-1]] == [1, 2, 3, 4, 5]
    assert list(lines[-1]) == ["checkpoint"]
    assert not made.keyed
    assert verify_files([made.path], [], trust_of([str(key(signed))], [], None)).reports[0].findings == ()


def test_a_part_says_what_is_not_in_it(signed: SignedLog, tmp_path: Path) -> None:
    since = signed.clock.now - timedelta(hours=4)
    made = handed(signed, tmp_path / "audit", since=since, until=since + timedelta(hours=2))
    assert (made.first, made.last, made.records, made.whole) == (2, 3, 2, False)
    text = (made.path / README).read_text()
    assert "Records 1 to 1 come before it and are not in it." in text
    assert "2 record(s) come after it and are not in it." in text
    assert "both programs say of this one that record 1 is missing" in text
    assert "record 1 [missing]" in independent(made.path)[1]


def test_one_that_ends_earlier_is_proved_as_far_as_it_was_signed(signed: SignedLog, tmp_path: Path) -> None:
    until = signed.clock.now
    signed.grow(2)
    signed.sign()
    made = handed(signed, tmp_path / "audit", until=until)
    assert (made.first, made.last, made.checkpoint, made.head) == (1, 5, 5, 7)
    assert independent(made.path, "--key", KEY)[0] == 0


def verdict(made: Bundle, signed: SignedLog) -> Report:
    return verify_files([made.path], [], trust_of([str(key(signed))], [], None)).reports[0]


def test_one_that_ends_before_bodies_were_pruned_goes_on_to_the_record_of_it_and_to_what_was_signed(
    signed: SignedLog, tmp_path: Path
) -> None:
    """Else it would lack the word for what is gone, and both programs would call it broken."""
    until = signed.clock.now - timedelta(hours=2)
    told = draft("pruned").model_copy(update={"event": Event.PRUNED, "note": "bodies of before then: 30 days are kept"})
    signed.clock.move(days=40)
    with signed.store.transaction() as tx:
        destroy(tx, CHAIN, [(1, 2)], Removal.PRUNED, told)
    signed.grow()
    signed.sign()
    signed.grow()
    made = handed(signed, tmp_path / "audit", until=until)
    assert (made.first, made.asked, made.last, made.checkpoint, made.head) == (1, 3, 7, 7, 8)
    report = verdict(made, signed)
    assert (report.is_good, report.removed, report.notices) == (True, 2, ())
    assert independent(made.path, "--key", KEY)[0] == 0
    assert "It goes on to record 7, though record 3 is the last one of the time that was asked for" in (
        (made.path / README).read_text()
    )


def test_it_ends_with_what_was_signed_unless_the_rest_is_asked_for(signed: SignedLog, tmp_path: Path) -> None:
    signed.grow(2)
    made = handed(signed, tmp_path / "audit")
    assert (made.last, made.asked, made.checkpoint) == (5, 7, 5)
    assert independent(made.path, "--key", KEY)[0] == 0
    assert "2 record(s) come after it and are not in it." in (made.path / README).read_text()
    more = handed(signed, tmp_path / "more", uncovered=True)
    assert (more.last, more.checkpoint) == (7, 5)
    code, said = independent(more.path, "--key", KEY)
    assert (code, "complete: partly, to record 5 of 7" in said) == (6, True)
    assert verdict(more, signed).is_good_so_far
    assert "covers none of the last 2 record(s)" in (more.path / README).read_text()


def test_what_is_there_already_is_not_written_over(signed: SignedLog, tmp_path: Path) -> None:
    for name in ("audit", "audit.zip", "audit.ndjson"):
        handed(signed, tmp_path / name)
        with pytest.raises(MalformedInput, match="there already"):
            handed(signed, tmp_path / name)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(MalformedInput, match="there already"):
        handed(signed, tmp_path / "dangling")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["audit", "audit.zip", "audit.ndjson"])
def test_nothing_is_left_of_one_that_could_not_be_written(
    name: str, signed: SignedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("byteport.ledger.bundling.readme", full)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        handed(signed, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger"]


@pytest.mark.parametrize("name", ["audit", "audit.zip", "audit.ndjson"])
def test_it_is_its_owners_alone(name: str, signed: SignedLog, tmp_path: Path) -> None:
    made = handed(signed, tmp_path / name)
    for path in [made.path, *made.path.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_time_without_records_is_said_and_writes_nothing(signed: SignedLog, tmp_path: Path) -> None:
    with pytest.raises(MalformedInput, match="no record"):
        handed(signed, tmp_path / "audit", since=signed.clock.now + timedelta(days=1))
    assert not (tmp_path / "audit").exists()


def test_a_log_that_nobody_signed_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    log = SignedLog(tmp_path / "ledger")
    log.grow()
    made = write_bundle(AuditLog(log.store), CHAIN, tmp_path / "audit", key=None)
    assert (made.checkpoint, made.keyed) == (None, False)
    assert {path.name for path in made.path.iterdir()} == ALL - {CHECKPOINT, KEY}
    assert "cannot be told" in (made.path / README).read_text()
    assert independent(made.path)[0] == 0

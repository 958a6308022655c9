"""The files that `--against` names: plain, compressed, rotated, broken; and what is printed of a verdict."""

from __future__ import annotations

import gzip
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from byteport.audit.apiserver import BadLine, Event
from byteport.audit.bundle import checkpoint_line, line_of
from byteport.audit.checkpoint import Checkpoint, sign
from byteport.audit.merkle import root_of
from byteport.cli.against import SHOWN, Against, events, matched, print_matching
from byteport.cli.exits import Exit
from byteport.errors import MalformedInput
from tests.unit.audit.chains import CHAIN, chain, rewritten
from tests.unit.audit.logs import KEY, leaves, vkey
from tests.unit.audit.seen import DELETE, RAISE, Told, all_kinds, event, lines, quiet, write
from tests.unit.cli.conftest import Run

JSON = dict[str, Any]


def against(*files: Path, account: str | None = None) -> Against:
    return Against(files, account, 5)


def kept(folder: Path, *, cut: int = 0) -> tuple[Told, list[Path]]:
    """Logs that match, in two rotated files of which the older is compressed."""
    told, seen = all_kinds()
    file = lines(seen)
    older, newer = folder / "audit-2026.log.gz", folder / "audit.log"
    older.write_bytes(gzip.compress(b"".join(file[:9]))[: -cut or None])
    newer.write_bytes(b"".join(file[9:]))
    return told, [newer, older]


def signed(told: Told) -> bytes:
    note = sign(Checkpoint(CHAIN.origin, len(told.entries), root_of(leaves(told.entries))), KEY)
    return b"".join(map(line_of, told.entries)) + checkpoint_line(note)


@pytest.fixture
def one_act(tmp_path: Path) -> Path:
    """A log of one act, whole and signed, and a file beside it that begins like the file of another log."""
    told = Told()
    told.act(1, DELETE, 60)
    told.beside(400)
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "m.ndjson").write_bytes(signed(told))
    other = line_of(rewritten(chain(1)[0], lambda header: header.update(cluster_uid="uid-2")))
    forged = Told(first_seq=3)
    forged.act(2, RAISE, 120)
    (folder / "z.ndjson").write_bytes(other + b"".join(map(line_of, forged.entries)))
    instead = Told()
    instead.act(1, RAISE, 60)
    same_header = told.entries[0]._replace(payload=instead.entries[0].payload, salt=instead.entries[0].salt)
    (folder / "a.ndjson").write_bytes(other + line_of(same_header))
    return folder


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        ((write(1, DELETE, 62), write(2, RAISE, 122)), "unrecorded_write"),
        ((write(1, RAISE, 62),), "other_object"),
    ],
)
def test_records_of_a_file_that_was_set_aside_match_nothing(
    byteport: Run, tmp_path: Path, one_act: Path, seen: tuple[JSON, ...], cause: str
) -> None:
    audit = tmp_path / "audit.log"
    audit.write_bytes(b"".join(lines(*seen, quiet(), event(30))))
    for files in (one_act, one_act / "m.ndjson"):
        said = byteport(
            "verify-log", "--file", str(files), "--key", str(vkey(CHAIN, KEY)), "--against", str(audit), "--json"
        )
        (report,) = json.loads(said.out)
        assert (said.code, report["intact"], report["matched"]["verdict"]) == (Exit.FINDING, "intact", "unmatched")
        assert cause in {one["cause"] for one in report["matched"]["findings"]}


def test_records_that_are_not_intact_are_no_match(byteport: Run, tmp_path: Path) -> None:
    told, audit = kept(tmp_path)
    entries = [*told.entries[:-1], told.entries[-1]._replace(hash="sha256:" + "0" * 64)]
    file = tmp_path / "edited.ndjson"
    file.write_bytes(b"".join(map(line_of, entries)))
    each = [argument for path in audit for argument in ("--against", str(path))]
    said = byteport("verify-log", "--file", str(file), *each)
    assert said.code == Exit.FINDING
    assert "matched: not checked; needs records that are intact" in said.out


def test_an_audit_log_that_comes_through_a_pipe_is_read(byteport: Run, tmp_path: Path) -> None:
    told, audit = kept(tmp_path)
    file = tmp_path / "log.ndjson"
    file.write_bytes(b"".join(map(line_of, told.entries)))
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(audit[0].read_bytes()))
    writer.start()
    said = byteport("verify-log", "--file", str(file), "--against", str(tmp_path / "pipe"), "--against", str(audit[1]))
    writer.join()
    assert "matched: yes (matched; 4 of 4" in said.out


def test_rotated_files_are_read_in_any_order_compressed_or_not(tmp_path: Path) -> None:
    told, files = kept(tmp_path)
    for these in (files, files[::-1], [*files, files[0]]):
        found = matched(against(*these), told.entries)
        assert (found.verdict.value, found.matched) == ("matched", 4)


def test_a_rotated_file_that_was_left_out_is_no_match(tmp_path: Path) -> None:
    told, (newer, _) = kept(tmp_path)
    found = matched(against(newer), told.entries)
    assert found.matched < 4
    assert found.not_covered or found.findings


def test_a_compressed_file_that_breaks_off_is_named_by_its_line(tmp_path: Path) -> None:
    told, files = kept(tmp_path, cut=20)
    found = matched(against(*files), told.entries)
    assert found.verdict.value != "matched"
    (bad,) = [finding for finding in found.findings if finding.cause.value == "truncated"]
    assert str(bad.at).startswith(str(files[1]))


def test_what_only_begins_like_a_compressed_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "audit.log.gz"
    path.write_bytes(b"\x1f\x8b and nothing else")
    (bad,) = events(path)
    assert isinstance(bad, BadLine)
    assert bad.flaw.value == "other_format"


def test_a_file_that_is_not_there_is_a_wrong_argument(tmp_path: Path) -> None:
    with pytest.raises(MalformedInput, match="No such file"):
        list(events(tmp_path / "audit.log"))
    with pytest.raises(MalformedInput, match="directory"):
        list(events(tmp_path))


def test_an_account_is_a_namespace_and_a_name(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    user = {"username": "system:serviceaccount:ops:repair"}
    path.write_bytes(b"".join(lines(write(1, DELETE, 62, user=user), quiet())))
    told = Told()
    told.act(1, DELETE, 60)
    assert matched(against(path, account="ops:repair"), told.entries).verdict.value == "matched"
    for wrong in ("ops", "ops:repair:x", "Ops:repair", "ops:", "system:serviceaccount:ops:repair", "ops:re\x1bpair"):
        with pytest.raises(MalformedInput):
            matched(against(path, account=wrong), told.entries)


def test_an_empty_file_matches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.touch()
    assert list(events(path)) == []
    assert matched(against(path), Told().entries).verdict.value == "nothing"


def test_each_event_is_read_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(lines(event(0), event(1))))
    found = list(events(path))
    assert [type(one) for one in found] == [Event, Event]
    assert [one.at.line for one in found] == [1, 2]


def test_a_person_is_told_the_verdict_its_time_and_each_finding_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "audit.log"
    told = Told()
    told.act(1, DELETE, 60)
    told.act(2, DELETE, 90_000)
    told.beside(100_000)
    path.write_bytes(
        b"".join(lines(write(1, DELETE, 62), write(3, DELETE, 63), write(4, DELETE, 64, code=403), quiet()))
    )
    print_matching(matched(against(path), told.entries))
    printed = capsys.readouterr().out
    assert "matched: NO (unmatched; 1 of 2 act(s) from 2026-03-10T08:59:00Z to 2026-03-10T09:10:00Z)" in printed
    assert "audit.log:5 is delete pods shop/web-1 (200), and has no record [unrecorded_write]" in printed.replace(
        "\n", ""
    )
    assert "not covered: 1 act(s), first record 3" in printed
    assert "refused_attempt, 1 in all" in printed


def test_of_very_many_findings_a_person_is_shown_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"".join(lines([write(number, DELETE, number) for number in range(SHOWN + 5)], quiet())))
    told = Told()
    told.beside(600)
    print_matching(matched(against(path), told.entries))
    printed = capsys.readouterr().out
    assert printed.count("[unrecorded_write]") == SHOWN
    assert "and 5 more, in all 25 unrecorded_write" in printed


@pytest.fixture
def export(folder: Path) -> tuple[Path, Path]:
    """An export, and the audit log that it matches."""
    told, seen = all_kinds()
    exported, audit = folder / "export.ndjson", folder / "audit.log"
    exported.write_bytes(b"".join(line_of(entry) for entry in told.entries))
    audit.write_bytes(b"".join(lines(seen)))
    return exported, audit


def test_an_export_is_held_against_an_audit_log_without_a_ledger(byteport: Run, export: tuple[Path, Path]) -> None:
    exported, audit = map(str, export)
    said = byteport("verify-log", "--file", exported, "--against", audit)
    assert (said.code, said.err) == (Exit.OK, "")
    assert "intact: yes" in said.out
    assert "matched: yes (matched; 4 of 4 act(s) from" in said.out
    (report,) = json.loads(byteport("verify-log", "--file", exported, "--against", audit, "--json").out)
    assert (report["matched"]["verdict"], report["matched"]["findings"]) == ("matched", [])


def test_records_that_were_shipped_twice_are_one_act_each(byteport: Run, export: tuple[Path, Path]) -> None:
    exported, audit = export
    held = exported.read_bytes().splitlines(keepends=True)
    exported.write_bytes(b"".join([*held, *held[2:5]]))
    said = byteport("verify-log", "--file", str(exported), "--against", str(audit), "--at-least-once")
    assert "matched: yes (matched; 4 of 4 act(s) from" in said.out


def test_an_unrecorded_write_is_a_finding_by_line_and_code(byteport: Run, export: tuple[Path, Path]) -> None:
    exported, audit = export
    with audit.open("ab") as log:
        log.writelines(lines(write(77, DELETE, 300)))
    said = byteport("verify-log", "--file", str(exported), "--against", str(audit))
    assert said.code == Exit.FINDING
    assert "intact: yes" in said.out
    assert "[unrecorded_write]" in said.out
    (report,) = json.loads(byteport("verify-log", "--file", str(exported), "--against", str(audit), "--json").out)
    (finding,) = report["matched"]["findings"]
    assert (finding["cause"], finding["at"]["line"]) == ("unrecorded_write", len(audit.read_bytes().splitlines()))


def test_clocks_that_are_known_to_be_apart_can_be_allowed_for(byteport: Run, folder: Path) -> None:
    told = Told()
    told.act(1, DELETE, 60)
    told.beside(500)
    exported, audit = folder / "export.ndjson", folder / "audit.log"
    exported.write_bytes(b"".join(line_of(entry) for entry in told.entries))
    audit.write_bytes(b"".join(lines(write(1, DELETE, 40), quiet())))
    asked = ("verify-log", "--file", str(exported), "--against", str(audit))
    assert "[before_intent]" in byteport(*asked).out
    assert byteport(*asked, "--clock-skew", "30").code == Exit.OK


def test_what_cannot_be_asked_together_is_a_wrong_argument(byteport: Run, export: tuple[Path, Path]) -> None:
    exported, audit = map(str, export)
    for wrong in (
        ("some-id", "--against", audit),
        ("--file", exported, "--service-account", "ops:repair"),
        ("--file", exported, "--cluster", "uid-1"),
        ("--file", exported, "--against", audit, "--cluster", "uid-2"),
        ("--file", exported, "--against", audit, "--service-account", "nobody"),
        ("--file", exported, "--against", audit + ".1"),
    ):
        said = byteport("verify-log", *wrong)
        assert said.code == Exit.USAGE, wrong
        assert "Traceback" not in said.err
    assert byteport("verify-log", "--file", exported, "--against", audit, "--cluster", "uid-1").code == Exit.OK


def test_without_an_audit_log_matched_is_not_claimed(byteport: Run, export: tuple[Path, Path]) -> None:
    said = byteport("verify-log", "--file", str(export[0]))
    assert "matched: not checked; needs the API server's own audit log (--against)" in said.out

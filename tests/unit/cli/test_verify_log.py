"""`byteport verify-log` on files: the verdicts apart, whatever is wrong named by line and cause, and a code for a script."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from byteport.audit import independent
from byteport.audit.bundle import checkpoint_line
from byteport.cli.exits import Exit
from tests.unit.audit.logs import LATER_KEY, STRANGER, WITNESS_VKEY, log, note_of, vkey
from tests.unit.cli.conftest import Run

ONE = log(24)
KEYS = [argument for key in ONE.vkeys() for argument in ("--key", str(key))]
WITNESSED = ("--witness", str(WITNESS_VKEY))


def independently(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The second verifier, as a stranger runs it."""
    command = [sys.executable, "-I", "-S", independent.__file__, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def export(folder: Path) -> Path:
    """The whole log in one file; there are no settings, no ledger and no network in this folder."""
    path = folder / "export.ndjson"
    path.write_bytes(b"".join(ONE.lines()))
    return path


@pytest.mark.claim("C-089")
def test_a_file_alone_is_told_intact_and_what_the_rest_would_need(byteport: Run, export: Path) -> None:
    said = byteport("verify-log", "--file", str(export))
    assert (said.code, said.err) == (Exit.OK, "")
    assert (
        "intact: yes (24 record(s), intact; 9 body(ies) destroyed as recorded)\n  pruned: 1-7\n  erased: 7, 12-13\n"
        in said.out
    )
    assert "complete: not checked; needs the log's public key (--key)" in said.out
    assert "matched: not checked" in said.out


def test_with_the_key_it_is_told_complete_and_who_saw_it(byteport: Run, export: Path) -> None:
    said = byteport("verify-log", "--file", str(export), *KEYS, *WITNESSED)
    assert said.code == Exit.OK
    assert (
        "complete: yes (5 signed checkpoint(s); 24 record(s) covered; the last of them of 2028-10-25T09:00:24.000Z;"
        in said.out
    )
    assert "; cosigned by witness.example.com/w1, last at 2026-03-10T09:00:24Z;" in said.out


def test_keys_may_come_in_a_file(byteport: Run, export: Path, folder: Path) -> None:
    (folder / "keys").write_text("# of the log\n\n" + "\n".join(map(str, ONE.vkeys())) + "\n", encoding="utf-8")
    assert byteport("verify-log", "--file", str(export), "--key", "keys").code == Exit.OK


def test_a_folder_of_hours_is_one_log_whatever_the_files_are_called(byteport: Run, folder: Path) -> None:
    lines = ONE.lines()
    for number, name in enumerate(("z.ndjson", "sub/m.jsonl", "a.ndjson.open")):
        path = folder / "hours" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(lines[number * 10 : number * 10 + 10]))
    (folder / "hours" / "verify_byteport_log.py").write_text("print()")
    said = byteport("verify-log", "--file", "hours", *KEYS)
    assert (said.code, "complete: yes" in said.out) == (Exit.OK, True)


@pytest.mark.claim("C-097")
def test_a_checkpoint_that_was_kept_shows_a_cut_tail(byteport: Run, export: Path, folder: Path) -> None:
    export.write_bytes(b"".join(ONE.lines()[:20]))
    for name, data in (("note", ONE.notes[24].encode()), ("line", checkpoint_line(ONE.notes[24]))):
        (folder / name).write_bytes(data)
        said = byteport("verify-log", "--file", str(export), *KEYS, "--checkpoint", name)
        assert said.code == Exit.FINDING
        assert "intact: yes" in said.out
        assert "complete: NO" in said.out
        assert f"{name}:1 record 18 a checkpoint covers 24 records: the last 7 of them are gone [cut_tail]" in said.out


@pytest.mark.claim("C-097")
def test_records_that_no_checkpoint_covers_are_told_apart_and_accepted_only_where_that_is_asked_for(
    byteport: Run, export: Path
) -> None:
    notes = {size: note for size, note in ONE.notes.items() if size < 20}
    export.write_bytes(b"".join(ONE._replace(notes=notes).lines()))
    said = byteport("verify-log", "--file", str(export), *KEYS)
    assert said.code == Exit.PARTLY
    assert "complete: partly, to record 12 of 24 (3 signed checkpoint(s); 12 record(s) covered;" in said.out
    assert "; 12 newer are covered by no checkpoint;" in said.out
    for most, code in (("any", Exit.OK), ("12", Exit.OK), ("11", Exit.PARTLY), ("0", Exit.PARTLY)):
        assert byteport("verify-log", "--file", str(export), *KEYS, "--uncovered", most).code == code
    export.write_bytes(export.read_bytes().replace(b'"decision":"acted"', b'"decision":"skipped"', 1))
    assert byteport("verify-log", "--file", str(export), *KEYS, "--uncovered", "any").code == Exit.FINDING


def test_it_is_said_where_only_the_log_itself_tells_how_long_it_is(byteport: Run, export: Path, folder: Path) -> None:
    cut_back = (
        "a log cut back to an older checkpoint would look the same: bring one that was kept elsewhere (--checkpoint)"
    )
    assert cut_back in byteport("verify-log", "--file", str(export), *KEYS).out
    for size, said in ((12, "a log cut back to a checkpoint after record 12 would look the same"), (24, None)):
        (folder / "kept").write_text(ONE.notes[size], encoding="utf-8")
        out = byteport("verify-log", "--file", str(export), *KEYS, "--checkpoint", "kept").out
        assert (cut_back in out, "would look the same" in out) == (False, said is not None)
        assert said is None or said in out


NO_CHECKPOINTS = {
    "nothing": b"",
    "words": b"not a note\n",
    "cut off": b'{"checkpoint": "cut\n',
    "on several lines": json.dumps({"checkpoint": ONE.notes[24]}, indent=1).encode(),
    "with a word more": json.dumps({"checkpoint": ONE.notes[24], "since": "june"}).encode() + b"\n",
    "of another name": json.dumps({"note": ONE.notes[24], "size": 24}).encode() + b"\n",
    "beside another line": checkpoint_line(ONE.notes[24]) + b"{}\n",
    "words in a line": checkpoint_line("not a note"),
    "records alone": b"".join(ONE._replace(notes={}).lines()),
    "of another system": ONE.notes[24].replace("\n", "\r\n").encode(),
    "no text": b"\xff",
    "too large": b" " * (1 << 21),
}


@pytest.mark.parametrize("what", NO_CHECKPOINTS)
def test_a_file_that_was_given_as_a_checkpoint_and_holds_none_is_a_wrong_argument(
    byteport: Run, export: Path, folder: Path, what: str
) -> None:
    """Whoever gives one asks whether the log is as long as that, and is never told yes without it."""
    (folder / "kept").write_bytes(NO_CHECKPOINTS[what])
    assert byteport("verify-log", "--file", str(export), *KEYS, "--checkpoint", "kept").code == Exit.USAGE
    assert independently("export.ndjson", *KEYS, "--checkpoint", "kept", folder=folder).returncode == Exit.USAGE


@pytest.mark.parametrize("keys", [b"", b"\n", b"# the key of the log\n"])
@pytest.mark.parametrize("option", ["--key", "--witness"])
def test_a_file_of_keys_without_one_is_a_wrong_argument(
    byteport: Run, export: Path, folder: Path, keys: bytes, option: str
) -> None:
    (folder / "keys").write_bytes(keys)
    assert byteport("verify-log", "--file", str(export), option, "keys").code == Exit.USAGE
    assert independently("export.ndjson", option, "keys", folder=folder).returncode == Exit.USAGE


def test_with_a_key_and_no_checkpoint_it_is_not_called_valid(byteport: Run, export: Path) -> None:
    export.write_bytes(b"".join(ONE._replace(notes={}).lines()))
    said = byteport("verify-log", "--file", str(export), *KEYS)
    assert said.code == Exit.FINDING
    assert "complete: not checked; needs a checkpoint signed by the log's key" in said.out


@pytest.mark.claim("C-097")
def test_witnesses_that_are_asked_for_must_have_signed(byteport: Run, export: Path) -> None:
    bare = {size: note_of(ONE.chain, ONE.entries[:size], LATER_KEY, witnessed=False) for size in ONE.notes}
    export.write_bytes(b"".join(ONE._replace(notes=bare).lines()))
    said = byteport("verify-log", "--file", str(export), *KEYS, *WITNESSED)
    assert said.code == Exit.FINDING
    assert "has 0 of the 1 cosignatures that it needs [too_few_witnesses]" in said.out
    assert byteport("verify-log", "--file", str(export), *KEYS, *WITNESSED, "--quorum", "0").code == Exit.OK


def damaged(kind: str) -> list[bytes]:
    lines, other = ONE.lines(), log(12, uid="uid-2")
    match kind:
        case "truncated":
            return [*lines[:5], lines[5][:70]]
        case "not_json":
            return [*lines[:5], b"what is this\n", *lines[6:]]
        case "missing":
            return [*lines[:5], *lines[6:]]
        case "duplicate":
            return [*lines[:6], lines[5], *lines[6:]]
        case "foreign_cluster":
            return [*lines[:5], other.lines()[0], *lines[5:]]
        case "edited":
            return [*lines[:5], lines[5].replace(b'"decision":"', b'"decision":"not_', 1), *lines[6:]]
        case _:
            return [*lines[:5], checkpoint_line(note_of(ONE.chain, ONE.entries[:4], STRANGER)), *lines[5:]]


@pytest.mark.claim("C-098")
@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("truncated", "export.ndjson:6 ends in its middle: the file was cut off [truncated]"),
        ("not_json", "export.ndjson:6 is not JSON [not_json]"),
        ("missing", "export.ndjson:6 record 5 is missing [missing]"),
        ("duplicate", "[duplicate]"),
        ("foreign_cluster", "belongs to another cluster [foreign_cluster]"),
        ("edited", "export.ndjson:6 record 5 "),
        ("unknown_key", "export.ndjson:6 record 4 a checkpoint is not signed by a given key of this log [unknown_key]"),
    ],
)
def test_bad_input_is_named_by_line_and_cause_and_never_valid(
    byteport: Run, export: Path, kind: str, named: str
) -> None:
    export.write_bytes(b"".join(damaged(kind)))
    said = byteport("verify-log", "--file", str(export), *KEYS)
    assert said.code == Exit.FINDING
    assert named in said.out
    assert f"[{kind}]" in said.out
    assert "Traceback" not in said.out + said.err


@pytest.mark.claim("C-098")
@pytest.mark.parametrize("data", [b"", b"\n", b"\x00\xff" * 100, b"{}\n", b"[" * 50_000, b"\x1b[31mhello\n"])
def test_a_file_that_is_no_log_is_never_valid(byteport: Run, export: Path, data: bytes) -> None:
    export.write_bytes(data)
    said = byteport("verify-log", "--file", str(export))
    assert said.code == Exit.FINDING
    assert "[empty]" in said.out
    assert "\x1b" not in said.out


@pytest.mark.claim("C-098")
def test_an_empty_folder_is_never_valid(byteport: Run, folder: Path) -> None:
    (folder / "hours").mkdir()
    assert byteport("verify-log", "--file", "hours").code == Exit.FINDING


def test_a_script_gets_the_codes(byteport: Run, export: Path) -> None:
    export.write_bytes(b"".join(damaged("missing")))
    (report,) = json.loads(byteport("verify-log", "--file", str(export), *KEYS, "--json").out)
    assert (report["intact"], report["complete"]["verdict"]) == ("broken", "incomplete")
    found = report["findings"][0]
    assert (found["fault"], found["seq"], found["file"], found["line"]) == ("missing", 5, "export.ndjson", 6)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--file", "nothing"),
        ("--file", "export.ndjson", "--all"),
        ("--file", "export.ndjson", "--key", "nonsense"),
        ("--file", "export.ndjson", "--key", "x" * 5000),
        ("--file", "export.ndjson", "--key", str(WITNESS_VKEY)),
        ("--file", "export.ndjson", "--witness", str(vkey(ONE.chain, STRANGER))),
        ("--file", "export.ndjson", "--checkpoint", "nothing"),
        ("--file", "export.ndjson", *WITNESSED, "--quorum", "2"),
        ("--file", "export.ndjson", "--quorum", "-1"),
        ("--file", "export.ndjson", "--key", "export.ndjson"),
    ],
)
def test_a_wrong_argument_is_one_line_and_code_2(byteport: Run, export: Path, arguments: tuple[str, ...]) -> None:
    said = byteport("verify-log", *arguments)
    assert said.code == Exit.USAGE
    assert said.err.count("\n") == 1


def test_the_log_of_the_key_is_the_one_that_is_checked(byteport: Run, export: Path) -> None:
    """Whatever stands first: a record of somebody else before it does not make it theirs."""
    other = log(12, uid="uid-2")
    export.write_bytes(b"".join([other.lines()[0], *ONE.lines()]))
    said = byteport("verify-log", "--file", str(export), *KEYS)
    assert said.out.count("[foreign_cluster]") == 1
    assert "export.ndjson:1 " in said.out

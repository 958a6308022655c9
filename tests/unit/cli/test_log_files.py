"""Files as they come: of several logs, twice, through a pipe, too many, or wrong from end to end. Both programs are run on each."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from byteport.audit import independent
from byteport.audit.bundle import checkpoint_line, line_of
from byteport.cli import spooling
from byteport.cli.exits import Exit
from byteport.errors import MalformedInput
from tests.unit.audit.logs import KEY, WITNESS_VKEY, log, note_of
from tests.unit.cli.conftest import Run

ONE, TWO = log(12), log(12, uid="uid-2", removed=False)
KEYS = [argument for key in ONE.vkeys() for argument in ("--key", str(key))]
OTHERS = [argument for key in TWO.vkeys() for argument in ("--key", str(key))]


def independently(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", independent.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def put(name: str, *lines: bytes) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))
    return name


@pytest.fixture
def root(folder: Path) -> list[str]:
    """As the file receiver leaves it: a folder for each log, its checkpoints in a file of their own."""
    found = []
    for each in (TWO, ONE):
        lines = each.lines()
        here = f"exports/acme/{each.chain.cluster_uid}"
        found.append(put(f"{here}/2026-03-10T09.ndjson", *(line for line in lines if b'"sealed"' in line)))
        found.append(put(f"{here}/checkpoints.ndjson", *(line for line in lines if b'"sealed"' not in line)))
    return found


def test_of_several_logs_the_one_of_the_key_is_verified_and_the_others_are_named(
    byteport: Run, root: list[str]
) -> None:
    said = byteport("verify-log", "--file", "exports", *KEYS)
    assert said.code == Exit.OK
    assert "log of acme, cluster uid-1\nintact: yes (12 record(s)" in said.out
    assert "foreign" not in said.out
    assert "the log byteport.io/log/acme/uid-2 is there too, and is not verified" in said.err
    other = independently(*root, *KEYS)
    assert (other.returncode, "intact: yes (12 records" in other.stdout) == (0, True)


def test_of_several_logs_each_is_a_report_of_its_own(byteport: Run, root: list[str]) -> None:
    said = byteport("verify-log", "--file", "exports", *KEYS, *OTHERS, "--json")
    reports = json.loads(said.out)
    others = json.loads(independently(*root, *KEYS, *OTHERS, "--json").stdout)
    assert said.code == Exit.OK
    assert {one["chain"]["cluster_uid"]: one["complete"]["verdict"] for one in reports} == {
        "uid-1": "complete",
        "uid-2": "complete",
    }
    assert {one["origin"]: one["complete"] for one in others} == {
        ONE.chain.origin: "complete",
        TWO.chain.origin: "complete",
    }
    assert byteport("verify-log", "--file", "exports").out.count("intact: yes") == 2


def test_a_record_of_another_log_in_one_file_is_still_foreign(byteport: Run, folder: Path) -> None:
    put("mixed.ndjson", *ONE.lines(), line_of(TWO.entries[3]))
    for arguments in ((), tuple(KEYS)):
        said = byteport("verify-log", "--file", "mixed.ndjson", *arguments)
        assert (said.code, "[foreign_cluster]" in said.out) == (Exit.FINDING, True)
        assert "[foreign_cluster]" in independently("mixed.ndjson", *arguments).stdout


def test_a_log_whose_key_is_given_and_that_is_not_there_is_not_valid(byteport: Run, folder: Path) -> None:
    put("one.ndjson", *ONE.lines())
    assert byteport("verify-log", "--file", "one.ndjson", *KEYS, *OTHERS).code == Exit.FINDING
    assert independently("one.ndjson", *KEYS, *OTHERS).returncode == 1


def test_lines_that_are_there_twice_are_passed_over_where_that_is_asked_for_and_only_the_same_ones(
    byteport: Run, folder: Path
) -> None:
    lines = ONE.lines()
    files = [put("a.ndjson", *lines[:12]), put("b.ndjson", *lines[9:], lines[-1])]
    given = [argument for file in files for argument in ("--file", file)]
    without = byteport("verify-log", *given, *KEYS)
    assert without.code == Exit.FINDING
    assert "--at-least-once passes over what is the same to the byte [duplicate]" in without.out
    said = byteport("verify-log", *given, *KEYS, "--at-least-once")
    assert (said.code, "; 4 line(s) repeated)" in said.out) == (Exit.OK, True)
    other = independently(*files, *KEYS, "--at-least-once")
    assert (other.returncode, ", 4 lines repeated)" in other.stdout) == (0, True)
    put("b.ndjson", lines[9].replace(b'"decision":"', b'"decision":"not_', 1), *lines[12:])
    assert byteport("verify-log", *given, *KEYS, "--at-least-once").code == Exit.FINDING
    assert independently(*files, *KEYS, "--at-least-once").returncode == 1


@pytest.mark.parametrize("which", ["first", "second"])
def test_a_pipe_is_read_to_its_end_and_verified_as_a_file_is(byteport: Run, folder: Path, which: str) -> None:
    os.mkfifo("pipe")
    data = b"".join(ONE.lines())
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(data))
    writer.start()
    if which == "first":
        said = byteport("verify-log", "--file", "pipe", *KEYS)
        assert (said.code, "complete: yes" in said.out, "can be read once" in said.err) == (Exit.OK, True, True)
    else:
        other = independently("pipe", *KEYS)
        assert (other.returncode, "complete: yes" in other.stdout) == (0, True)
    writer.join()


def test_a_pipe_that_nobody_writes_to_or_that_does_not_end_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo("pipe")
    monkeypatch.setattr(spooling, "PATIENCE_MS", 50)
    with pytest.raises(MalformedInput, match="nobody writes"), spooling.readable_again([Path("pipe")]):
        pass
    monkeypatch.setattr(spooling, "LARGEST", 1 << 21)
    with pytest.raises(MalformedInput, match="put them into a file"), spooling.readable_again([Path("/dev/zero")]):
        pass


def test_of_what_is_all_wrong_a_thousand_findings_are_listed_and_all_are_counted(byteport: Run, folder: Path) -> None:
    put("junk.ndjson", *ONE.lines(), *[b"x\n"] * 2500, *[b'{"checkpoint":"%d"}\n' % n for n in range(1500)])
    said = byteport("verify-log", "--file", "junk.ndjson", *KEYS)
    assert said.code == Exit.FINDING
    assert said.out.count("[not_json]") == said.out.count("[bad_checkpoint]") == 1000
    assert "and 1500 more; of all: 2500 not_json" in said.out
    assert "and 500 more; of all: 1500 bad_checkpoint" in said.out
    other = independently("junk.ndjson", *KEYS)
    assert other.returncode == 1
    assert other.stdout.count("[not_json]") == other.stdout.count("[bad_checkpoint]") == 1000
    assert "2500 not_json" in other.stdout
    (plain,) = json.loads(independently("junk.ndjson", *KEYS, "--json").stdout)
    assert plain["codes"] == {"intact": {"not_json": 2500}, "complete": {"bad_checkpoint": 1500}}


@pytest.mark.slow
def test_of_very_many_checkpoints_both_programs_check_every_signature(byteport: Run, folder: Path) -> None:
    long = log(260, removed=False)
    notes = {size: note_of(long.chain, long.entries[:size], KEY, witnessed=False) for size in range(1, 261)}
    put("many.ndjson", *long._replace(notes=notes).lines())
    (plain,) = json.loads(independently("many.ndjson", *KEYS, "--json").stdout)
    assert plain["checkpoints"] == {"signed": 260, "signatures_checked": 260, "not_checked": 0}
    for forged in (notes[9][:-9] + notes[8][-9:], re.sub(r" (\S{6})\S+\n$", rf" \1{'A' * 86}\n", notes[9])):
        put("many.ndjson", *long._replace(notes=notes | {9: forged}).lines())
        (plain,) = json.loads(independently("many.ndjson", *KEYS, "--json").stdout)
        (first,) = json.loads(byteport("verify-log", "--file", "many.ndjson", *KEYS, "--json").out)
        assert plain["codes"]["complete"] == {"bad_signature": 1}
        assert [one["fault"] for one in first["complete"]["findings"]] == ["bad_signature"]


@pytest.mark.slow
def test_asked_for_fewer_the_second_program_counts_only_what_it_checked(folder: Path) -> None:
    long = log(260, removed=False)
    notes = {size: note_of(long.chain, long.entries[:size], KEY, witnessed=False) for size in range(1, 261)}
    put("many.ndjson", *long._replace(notes=notes).lines())
    (plain,) = json.loads(independently("many.ndjson", *KEYS, "--json", "--fewer-signatures").stdout)
    assert (plain["complete"], plain["covered"]) == ("complete", 260)
    assert plain["checkpoints"] == {"signed": 1, "signatures_checked": 1, "not_checked": 259}
    assert (
        "259 more whose signatures were not checked" in independently("many.ndjson", *KEYS, "--fewer-signatures").stdout
    )
    forged = notes | {9: notes[9].replace(notes[9].splitlines()[2], notes[8].splitlines()[2])}
    put("many.ndjson", *long._replace(notes=forged).lines())
    (plain,) = json.loads(independently("many.ndjson", *KEYS, "--json", "--fewer-signatures").stdout)
    assert plain["codes"]["complete"] == {"bad_signature": 1}, "one that does not say what the records say is looked at"


@pytest.mark.slow
def test_a_witness_that_was_away_for_long_leaves_a_part_and_no_fault(byteport: Run, folder: Path) -> None:
    long = log(1105, removed=False)
    notes = {size: note_of(long.chain, long.entries[:size], KEY, witnessed=size <= 100) for size in range(90, 1106)}
    put("away.ndjson", *long._replace(notes=notes).lines())
    first = byteport("verify-log", "--file", "away.ndjson", *KEYS, "--witness", str(WITNESS_VKEY))
    for fewer in ((), ("--fewer-signatures",)):
        other = independently("away.ndjson", *KEYS, "--witness", str(WITNESS_VKEY), *fewer)
        assert (first.code, other.returncode) == (Exit.PARTLY, 6)
        assert "partly, to record 100 of 1105" in first.out
        assert "partly, to record 100 of 1105" in other.stdout


def test_whoever_stops_reading_gets_no_traceback(folder: Path) -> None:
    put("junk.ndjson", *[b"x\n"] * 2000)
    for command in (
        f"{sys.executable} -I -S {independent.__file__} junk.ndjson",
        f"{Path(sys.executable).parent / 'byteport'} verify-log --file junk.ndjson --json",
    ):
        script = f"{command} | head -c 1; echo ${{PIPESTATUS[0]}}"
        said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=60)
        assert said.stderr == ""
        assert said.stdout.splitlines()[-1].endswith("1")


def test_a_name_of_a_file_says_nothing_to_a_terminal(byteport: Run, folder: Path) -> None:
    put("\x1b[31mevil\nname.ndjson", b"x\n")
    for out in (
        byteport("verify-log", "--file", "\x1b[31mevil\nname.ndjson").out,
        independently("\x1b[31mevil\nname.ndjson").stdout,
    ):
        assert "evil\\nname.ndjson:1 " in out
        assert "\x1b" not in out


def test_a_checkpoint_whose_key_is_spelled_with_an_escape_counts(byteport: Run, folder: Path) -> None:
    lines = ONE._replace(notes={}).lines()
    spelled = checkpoint_line(ONE.notes[12]).replace(b'"checkpoint"', b'"checkp\\u006fint"')
    put("escaped.ndjson", *lines, spelled)
    assert byteport("verify-log", "--file", "escaped.ndjson", *KEYS).code == Exit.OK
    assert independently("escaped.ndjson", *KEYS).returncode == 0


@pytest.mark.parametrize(("nested", "code"), [(60, "unknown_format"), (100, "bad_json")])
def test_both_programs_look_equally_deep(byteport: Run, folder: Path, nested: int, code: str) -> None:
    header = '{"format":"byteport-record-v2","seq":2,"x":' + "[" * nested + "]" * nested + "}"
    lines = [line for line in ONE.lines() if b'"sealed"' in line]
    lines[1] = json.dumps({"sealed": {"header": header, "payload": None, "salt": None}}).encode() + b"\n"
    put("deep.ndjson", *lines)
    (first,) = json.loads(byteport("verify-log", "--file", "deep.ndjson", "--json").out)
    (other,) = json.loads(independently("deep.ndjson", "--json").stdout)
    assert code in first["codes"]
    assert first["codes"] == other["codes"]["intact"]

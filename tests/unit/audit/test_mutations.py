"""Mutation testing of the verifiers: every log of `mutations` is found, by its code, by both; an untouched one by neither."""

import subprocess
import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pytest

from byteport.audit import independent
from byteport.audit.bundle import read
from byteport.audit.completeness import Given, Trust
from byteport.audit.findings import Completeness, Coverage, Fault, Report, Verdict
from byteport.audit.lines import chain_of, survey, verify_lines
from byteport.audit.notes import VerifierKey
from byteport.audit.removals import Remark
from tests.builders.sampled import one_in, some
from tests.unit.audit.logs import WITNESS_VKEY, Log, log, note_of
from tests.unit.audit.more_mutations import mutations
from tests.unit.audit.mutations import BASES, Mutated

LEAST = 10_000
"""Over all of them."""


def ours(lines: list[bytes], notes: tuple[str, ...], keys: list[VerifierKey]) -> Report:
    trust = Trust(keys=tuple(keys), witnesses=(WITNESS_VKEY,), quorum=1)
    first = survey(lines, "x")
    given = [*(Given(note) for note in notes), *first.checkpoints]
    return verify_lines(read(lines, "x"), chain_of([first], trust), checkpoints=given, trust=trust)


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of logs share most of their records and checkpoints: what is a question of bytes alone is asked once."""
    check = lru_cache(maxsize=1 << 14)(VerifierKey.check)
    monkeypatch.setattr(VerifierKey, "check", lambda key, signature, data: check(key, signature, data))
    monkeypatch.setattr(independent, "sealed", lru_cache(maxsize=1 << 14)(independent.sealed))


class Theirs(NamedTuple):
    intact: bool
    complete: str | None
    codes: Counter[str]
    removed: list[tuple[int, int, str]]
    notices: dict[str, list[int]]


def theirs(lines: list[bytes], notes: tuple[str, ...], keys: list[VerifierKey]) -> Theirs:
    """The second verifier over the same lines, in this process."""
    known = [(key.name, key.public) for key in keys]
    chain = independent.chain_named(known)
    assert chain is not None
    verifier = independent.Verifier(chain, known, [(WITNESS_VKEY.name, WITNESS_VKEY.public)], 1)
    verifier.checkpoints += [(note, "kept", True) for note in notes]
    for number, raw in enumerate(lines, start=1):
        verifier.read(raw, f"x:{number}")
    intact, complete = verifier.finish()
    found = verifier.intact.codes + verifier.incomplete.codes
    return Theirs(intact, complete, found, verifier.destroyed, verifier.removals.found)


def codes(report: Report) -> set[str]:
    inner = report.complete.codes if isinstance(report.complete, Completeness) else {}
    return {fault.value for fault in (*report.codes, *inner)}


def word(report: Report) -> str | None:
    return report.complete.verdict.value if isinstance(report.complete, Completeness) else None


def differ(report: Report, other: Theirs) -> bool:
    """Whether the two say anything that is not the same: verdicts, codes, which bodies are gone and why, notices."""
    removed = [(one.first, one.last, one.cause.value) for one in report.gone]
    notices = {one.remark.value: [one.count, one.seq] for one in report.notices}
    mine = (report.intact is Verdict.INTACT, word(report), codes(report), removed, notices)
    return mine != (other.intact, other.complete, set(other.codes), other.removed, other.notices)


def missed(one: Mutated, keys: list[VerifierKey]) -> str | None:
    report, other = ours(one.lines, one.notes, keys), theirs(one.lines, one.notes, keys)
    found = codes(report) | {one.remark.value for one in report.notices} | {word(report) or ""}
    if differ(report, other):
        return f"{one.kind} {one.what}: found {sorted(found)}, the other verifier {other}"
    if one.code.value not in found or (report.is_good and not isinstance(one.code, Remark)):
        return f"{one.kind} {one.what}: found {sorted(found)}, not {one.code.value}"
    return None


@pytest.mark.claim("C-088", "C-097", "C-098", "C-099")
@pytest.mark.sampled
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", one_in(len(BASES), range(len(BASES))))
def test_every_mutated_log_is_found_by_its_code_by_both_verifiers(
    number: int, capsys: pytest.CaptureFixture[str], remembered: None
) -> None:
    base = BASES[number]
    every = list(mutations(base))
    assert len(every) * len(BASES) >= LEAST
    one_of_each = {one.kind: one for one in every}.values()
    chosen = [*some(every, 97, of="mutations"), *one_of_each]
    keys = base.vkeys()
    wrong = [said for one in chosen if (said := missed(one, keys)) is not None]
    kinds = Counter(one.kind for one in chosen)
    told = f"{len(chosen)} of {len(every)} mutated logs, {len(kinds)} kinds, {len(wrong)} missed"
    with capsys.disabled():
        sys.stdout.write(f"\n{told}: {', '.join(f'{kind} {count}' for kind, count in kinds.items())} ")
    assert wrong == []


@pytest.mark.claim("C-099")
@pytest.mark.parametrize("length", [12, 13, 16, 17, 40, 130])
@pytest.mark.parametrize("removed", [True, False])
def test_an_untouched_log_is_valid_to_both(length: int, removed: bool) -> None:
    """With prunings and erasures, several checkpoints, a changed key, and every part of it: no false alarm."""
    one = log(length, seed=length, removed=removed)
    report = ours(one.lines(), (), one.vkeys())
    assert (report.is_good, codes(report)) == (True, set())
    assert isinstance(report.complete, Completeness)
    assert (report.complete.covered, report.removed) == (length, len(one.gone))
    assert report.notices == ()
    other = theirs(one.lines(), (), one.vkeys())
    assert other[:3] == (True, "complete", Counter())
    assert not differ(report, other)


@pytest.mark.parametrize("size", [1, 3, 7, 15])
def test_records_after_the_newest_checkpoint_are_counted_and_not_called_complete(size: int) -> None:
    one = log(16, removed=False)
    one = one._replace(notes={size: note_of(one.chain, one.entries[:size])})
    report = ours(one.lines(), (), one.vkeys())
    assert isinstance(report.complete, Completeness)
    assert (report.complete.covered, report.complete.not_covered) == (size, 16 - size)
    assert (report.complete.verdict, report.is_good) == (Coverage.PARTLY, False)
    assert not differ(report, theirs(one.lines(), (), one.vkeys()))


def test_only_the_keys_that_are_given_count() -> None:
    one = log(12)
    report = ours(one.lines(), (), one.vkeys()[:1])
    assert codes(report) == {Fault.UNKNOWN_KEY.value}, "what only the later key signed is not believed"
    assert set(theirs(one.lines(), (), one.vkeys()[:1]).codes) == codes(report)


STAND_ALONE = [sys.executable, "-I", "-S", "verify_byteport_log.py"]


def handed_over(one: Log, folder: Path) -> list[str]:
    """What a stranger gets: the export, the verifier, and by another way the keys."""
    (folder / "verify_byteport_log.py").write_bytes(Path(independent.__file__).read_bytes())
    (folder / "export.ndjson").write_bytes(b"".join(one.lines()))
    keys = [argument for key in one.vkeys() for argument in ("--key", str(key))]
    return ["export.ndjson", *keys, "--witness", str(WITNESS_VKEY)]


@pytest.mark.claim("C-099")
def test_the_second_verifier_stands_alone(tmp_path: Path) -> None:
    """In an empty folder, without site-packages and without this checkout, it gives the same verdicts and codes."""
    one = log(16)
    arguments = handed_over(one, tmp_path)
    good = subprocess.run([*STAND_ALONE, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert "intact: yes (16 records, 6 bodies destroyed as recorded)\n" in good.stdout
    assert "\ncomplete: yes (5 signed checkpoints; 16 records covered; the last of them of 20" in good.stdout
    lines = one.lines()
    (tmp_path / "export.ndjson").write_bytes(b"".join([*lines[:2], *lines[3:]]))
    bad = subprocess.run([*STAND_ALONE, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "intact: NO" in bad.stdout
    assert "record 2 [missing]" in bad.stdout


@pytest.mark.claim("C-099")
def test_the_second_verifier_imports_nothing_but_the_standard_library() -> None:
    script = (
        "import sys; before = set(sys.modules); sys.argv = ['x', '--help']\n"
        "import runpy\n"
        "try:\n    runpy.run_path('verify_byteport_log.py', run_name='__main__')\nexcept SystemExit: pass\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before} - {'__main__', '__mp_main__'}\n"
        "print(sorted(names - set(sys.stdlib_module_names)), file=sys.stderr)"
    )
    folder = Path(independent.__file__).parent
    text = (folder / "independent.py").read_bytes()
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script.replace("verify_byteport_log.py", str(folder / "independent.py"))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stderr.strip() == "[]"
    assert b"byteport.audit" not in text.replace(b"byteport.audit/", b"")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing.ndjson"],
        ["export.ndjson", "--key", "nonsense"],
        ["export.ndjson", "--checkpoint", "nothing"],
        ["export.ndjson", "--quorum", "x"],
        [],
    ],
)
def test_the_second_verifier_has_one_line_and_code_2_for_wrong_arguments(arguments: list[str], tmp_path: Path) -> None:
    handed_over(log(12), tmp_path)
    said = subprocess.run([*STAND_ALONE, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert "error: " in said.stderr


def test_a_checkpoint_given_by_file_counts(tmp_path: Path) -> None:
    one = log(16)
    arguments = handed_over(one, tmp_path)
    (tmp_path / "newest").write_text(one.notes[16], encoding="utf-8")
    (tmp_path / "export.ndjson").write_bytes(b"".join(one.lines()[:12]))
    arguments += ["--checkpoint", "newest", "--json"]
    said = subprocess.run([*STAND_ALONE, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert '"cut_tail"' in said.stdout

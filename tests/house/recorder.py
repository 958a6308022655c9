"""What pytest saw, one JSON line a phase, for a program that reads it afterwards: `-p tests.house.recorder --record FILE`.

`prove.py` starts pytest with it. Under pytest-xdist the process that collects all reports writes them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

LONGEST_REASON = 500


def pytest_addoption(parser: pytest.Parser) -> None:
    """The file that the lines are appended to."""
    parser.addoption("--record", metavar="FILE", help="append what became of each test to FILE, as lines of JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Record in the one process that reports."""
    path = config.getoption("--record")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(Path(path)), "recorder")


class Recorder:
    """Writes a line for each phase of a test, and for each file that could not be collected."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        xfail = bool(getattr(report, "wasxfail", ""))
        self._write(
            node=report.nodeid,
            phase=report.when,
            outcome="xfailed" if xfail and report.skipped else report.outcome,
            seconds=round(report.duration, 3),
            real="control_plane" in report.keywords,
            why=why(report),
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._write(
                node=report.nodeid, phase="collect", outcome=report.outcome, seconds=0.0, real=False, why=why(report)
            )

    def _write(self, **line: object) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def why(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why it did not pass, as one line: the reason of a skip, or the last line of what went wrong."""
    if report.passed:
        return ""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")[:LONGEST_REASON]
    lines = [line.strip() for line in str(report.longrepr).splitlines() if line.startswith("E ")]
    said = lines[0].removeprefix("E").strip() if lines else str(report.longrepr).strip().splitlines()[-1:]
    return (said if isinstance(said, str) else " ".join(said))[:LONGEST_REASON]

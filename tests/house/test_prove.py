"""What `make prove` makes of tests' outcomes: a claim is proved by all of its tests, and by nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.house.claims import Proof
from tests.house.prove import Ran, Result, as_json, as_markdown, as_text, identity, judge, read
from tests.house.tree import ROOT

KNOWN = {"C-001": "It holds.", "C-002": "It holds too."}
ONE = Proof("tests/a.py::test_one", ("C-001",))
TWO = Proof("tests/a.py::test_two", ("C-001", "C-002"))


def passed(node: str, *, real: bool = False) -> Ran:
    return Ran(node, Result.PROVED, "", 0.1, real)


def line(node: str, phase: str, outcome: str, why: str = "") -> str:
    return json.dumps({"node": node, "phase": phase, "outcome": outcome, "seconds": 0.5, "real": False, "why": why})


def results(ran: list[Ran], *, with_cluster: bool = True) -> dict[str, Result]:
    return {one.number: one.result for one in judge(KNOWN, [ONE, TWO], ran, with_cluster=with_cluster)}


def test_a_claim_is_proved_when_all_of_its_tests_passed() -> None:
    assert results([passed(ONE.node), passed(TWO.node)]) == {"C-001": Result.PROVED, "C-002": Result.PROVED}


def test_one_test_that_fails_is_enough_for_every_claim_that_it_carries() -> None:
    failed = passed(f"{TWO.node}[a]")._replace(result=Result.FAILED, why="assert 1 == 2")
    ran = [passed(ONE.node), failed, passed(f"{TWO.node}[b]")]
    assert results(ran) == {"C-001": Result.FAILED, "C-002": Result.FAILED}
    assert judge(KNOWN, [ONE, TWO], ran, with_cluster=True)[0].why == f"{TWO.node}[a]: assert 1 == 2"


def test_a_test_that_was_skipped_proves_nothing() -> None:
    skipped = passed(TWO.node)._replace(result=Result.NOT_RUN, why="expected: OpenSSH is not installed")
    assert results([passed(ONE.node), skipped]) == {"C-001": Result.NOT_RUN, "C-002": Result.NOT_RUN}


def test_a_test_that_did_not_run_proves_nothing_and_says_why() -> None:
    assert results([passed(ONE.node)]) == {"C-001": Result.NOT_RUN, "C-002": Result.NOT_RUN}
    without = judge(KNOWN, [ONE, TWO], [passed(ONE.node)], with_cluster=False)
    assert "control plane" in without[0].why


def test_another_test_whose_name_begins_alike_proves_nothing() -> None:
    assert results([passed(f"{ONE.node}_more"), passed(TWO.node)])["C-001"] is Result.NOT_RUN


def test_a_test_of_a_group_is_known_by_its_name() -> None:
    assert results([passed(f"{ONE.node}@one"), passed(f"{TWO.node}[a]@two")])["C-001"] is Result.PROVED


def test_a_file_that_cannot_be_collected_fails_the_claims_of_its_tests() -> None:
    ran = read([line("tests/a.py", "collect", "failed", "SyntaxError: no")])
    assert results(ran) == {"C-001": Result.FAILED, "C-002": Result.FAILED}


@pytest.mark.parametrize(
    ("phases", "result"),
    [
        ([("setup", "passed"), ("call", "passed"), ("teardown", "passed")], Result.PROVED),
        ([("setup", "passed"), ("call", "failed"), ("teardown", "passed")], Result.FAILED),
        ([("setup", "passed"), ("call", "passed"), ("teardown", "failed")], Result.FAILED),
        ([("setup", "failed"), ("teardown", "passed")], Result.FAILED),
        ([("setup", "skipped"), ("teardown", "passed")], Result.NOT_RUN),
        ([("setup", "passed"), ("call", "xfailed"), ("teardown", "passed")], Result.FAILED),
    ],
)
def test_the_first_phase_that_did_not_pass_decides(phases: list[tuple[str, str]], result: Result) -> None:
    (ran,) = read([line("a", phase, outcome) for phase, outcome in phases])
    assert (ran.result, ran.seconds) == (result, 0.5 * len(phases))


def test_the_report_names_version_commit_date_and_cluster_and_every_claim() -> None:
    about = identity(datetime(2030, 1, 1, tzinfo=UTC), with_cluster=True)
    verdicts = judge(KNOWN, [ONE, TWO], [passed(ONE.node, real=True), passed(TWO.node)], with_cluster=True)
    for text in (as_markdown(about, verdicts), as_text(about, verdicts), json.dumps(as_json(about, verdicts))):
        assert "2030-01-01T00:00:00+00:00" in text
        assert about["commit"] in text
        assert "Kubernetes 1." in text
        assert all(number in text for number in KNOWN)
        assert "code and API server" in text
    assert as_json(about, verdicts)["summary"] == {"proved": 2, "failed": 0, "not run": 0}


def test_without_a_cluster_the_report_says_so() -> None:
    assert "left out" in identity(datetime(2030, 1, 1, tzinfo=UTC), with_cluster=False)["cluster"]


TESTS = """
import pytest

def test_good(): ...

def test_bad():
    assert 1 == 2

@pytest.mark.control_plane
def test_skipped():
    pytest.skip("no server")
"""


def test_the_recorder_writes_down_what_pytest_saw(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    control_plane: a\n")
    record = tmp_path / "record"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.house.recorder", "-p", "no:cacheprovider"]
    subprocess.run(
        [*command, "--record", str(record), str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | {"PYTEST_ADDOPTS": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    ran = {one.node: (one.result, one.why, one.real) for one in read(record.read_text().splitlines())}
    assert ran == {
        "test_a.py::test_good": (Result.PROVED, "", False),
        "test_a.py::test_bad": (Result.FAILED, "assert 1 == 2", False),
        "test_a.py::test_skipped": (Result.NOT_RUN, "no server", True),
    }

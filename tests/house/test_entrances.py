"""What a newcomer and CI touch first: the Makefile, `.ci/run`, the changelog, the locks, and how skips are treated."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT, pyproject

MAKEFILE = (ROOT / "Makefile").read_text()
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def phony_targets() -> set[str]:
    return set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())


def test_make_help_tells_every_target() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make (\S+) +\S", said, re.MULTILINE)) == phony_targets()


def test_ci_runs_the_check_then_the_suite_then_the_heavier_ones_and_the_cluster_suite_last() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    suites = [
        "check",
        "test",
        "cluster",
        "scenarios test-node",
        "test-slow",
        "test-ledger",
        "test-peers",
        "test-cluster",
    ]
    assert re.findall(r"^make ([a-z -]+[a-z])", script, re.MULTILINE) == suites
    heard = 'wait "$beside" || { cat "$told"; exit 1; }'
    assert heard in script  # those that run beside the others are heard in any case
    assert "set -euo pipefail" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()


def pins(lock: Path) -> dict[str, str]:
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(), re.MULTILINE)
    }


@pytest.mark.claim("C-120")
@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_review_23_a_lock_holds_a_hash_for_every_pin_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text):
        assert "==" in entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.claim("C-120")
def test_the_locks_satisfy_what_the_project_asks_for() -> None:
    project, groups = pyproject()["project"], pyproject()["dependency-groups"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    dev = [line for group in groups.values() for line in group if isinstance(line, str)]
    locked = {name: version for lock in LOCKS for name, version in pins(lock).items()}
    for asked in map(Requirement, [*project["dependencies"], *extras, *dev]):
        assert locked[canonicalize_name(asked.name)] in asked.specifier, asked


@pytest.mark.parametrize(("reason", "code"), [("no server", 1), ("expected: only on macOS", 0)])
def test_in_ci_a_skip_fails_unless_its_reason_is_expected(tmp_path: Path, reason: str, code: int) -> None:
    (tmp_path / "test_skip.py").write_text(f"import pytest\ndef test_a():\n    pytest.skip({reason!r})\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    environment = os.environ | {"CI": "true", "PYTEST_ADDOPTS": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert (reason in done.stdout) == (code == 1)

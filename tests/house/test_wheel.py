"""What is shipped: the wheel holds our four packages and nothing else, and is the same file each time."""

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.house.tree import ROOT, TOP_LEVEL, pyproject


def build(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.mark.claim("C-121")
def test_the_top_level_of_the_wheel_is_exactly_our_four_packages(wheel: Path) -> None:
    top = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == set(TOP_LEVEL)


def test_the_wheel_carries_no_lint_settings_and_no_caches(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [n for n in names if n.endswith(("ruff.toml", ".pyc")) or "__pycache__" in n] == []


def test_the_wheel_has_the_version_the_licence_and_both_programs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {n.split("/", 1)[1]: archive.read(n).decode() for n in archive.namelist() if ".dist-info/" in n}
    metadata = Parser().parsestr(texts["METADATA"])
    assert metadata["Version"] == pyproject()["project"]["version"]
    assert metadata["License-Expression"] == "MIT"
    assert "licenses/LICENSE" in texts
    assert "byteport = byteport.cli.main:main" in texts["entry_points.txt"]
    assert "kubectl-byteport = byteport.cli.main:main" in texts["entry_points.txt"]


@pytest.mark.claim("C-121")
def test_review_23_two_builds_give_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    assert build(tmp_path).read_bytes() == wheel.read_bytes()

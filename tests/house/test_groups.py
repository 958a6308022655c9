"""That tests which share something expensive are run by one worker: some pairs of pytest and pytest-xdist forget it, silently."""

import os
import re
import subprocess
import sys
from pathlib import Path

GROUPED = """
import pytest

pytestmark = pytest.mark.xdist_group("one")


@pytest.mark.parametrize("number", range(6))
def test_it(number):
    pass
"""


def test_tests_of_one_group_are_run_by_one_worker(tmp_path: Path) -> None:
    (tmp_path / "test_grouped.py").write_text(GROUPED)
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup", "--rootdir", str(tmp_path)]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    said = subprocess.run(command, cwd=tmp_path, env=outside, capture_output=True, text=True, check=True).stdout
    workers = re.findall(r"^\[(gw\d)\].* PASSED ", said, re.MULTILINE)
    assert (len(workers), len(set(workers))) == (6, 1)

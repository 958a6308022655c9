"""The bench that every test of this folder works on."""

from pathlib import Path

import pytest

from tests.integration.activities.bench import SimulatedBench


@pytest.fixture
def bench(tmp_path: Path) -> SimulatedBench:
    return SimulatedBench(tmp_path)

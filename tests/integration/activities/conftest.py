"""The bench that every test of this folder works on."""

from pathlib import Path

import pytest

from tests.integration.activities.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)

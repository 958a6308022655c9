"""A world per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ledger.removing import Removing
from tests.integration.ledger.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def removing(world: World) -> Iterator[Removing]:
    """What destroys bodies. After every test the log verifies, whatever was destroyed."""
    yield Removing(world)
    assert [report.findings for report in world.log.verify_all()] == [()]

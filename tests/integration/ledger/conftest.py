"""A world per test, over each kind of store: the same suite says of both that they are a ledger.

A module that is about one kind says so by `STORES`. What runs on PostgreSQL carries the marker `ledger`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.postgres import Server, server
from tests.integration.ledger import world as worlds
from tests.integration.ledger.removing import Removing
from tests.integration.ledger.world import World

BOTH = ("sqlite", "postgres")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    kinds = getattr(metafunc.module, "STORES", BOTH)
    each = [pytest.param(kind, marks=pytest.mark.ledger if kind == "postgres" else ()) for kind in kinds]
    metafunc.parametrize("stored", each, indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as started:
        yield started


@pytest.fixture(autouse=True)
def stored(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where the worlds of this test keep their ledger: files of their own, or one new database for all of them."""
    if request.param == "sqlite":
        yield
        return
    started: Server = request.getfixturevalue("postgres")
    database = started.database()
    monkeypatch.setattr(worlds, "DATABASE", database)
    yield
    started.give_back(database)


@pytest.fixture
def world(tmp_path: Path, stored: None) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def removing(world: World) -> Iterator[Removing]:
    """What destroys bodies. After every test the log verifies, whatever was destroyed."""
    yield Removing(world)
    assert [report.findings for report in world.log.verify_all()] == [()]

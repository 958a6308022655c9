"""A running face per test. What is about storing runs over both kinds of store: such a module says so by `STORES`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from byteport.ledger.postgres import Database as Connections
from byteport.ledger.postgres import PostgresStore
from byteport.ledger.postgres_migrating import Role
from tests.builders.postgres import Database, Server, server
from tests.integration.api.world import World
from tests.integration.ledger.world import BODY_KEYS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stored" in metafunc.fixturenames:
        metafunc.parametrize("stored", getattr(metafunc.module, "STORES", ("sqlite",)), indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as started:
        yield started


@pytest.fixture
def stored(request: pytest.FixtureRequest) -> Iterator[Database | None]:
    """A database of this test's own, or none, which is a file."""
    if request.param == "sqlite":
        yield None
        return
    started: Server = request.getfixturevalue("postgres")
    database = started.database()
    yield database
    started.give_back(database)


@pytest.fixture
def world(tmp_path: Path, stored: Database | None) -> Iterator[World]:
    with World(tmp_path, None if stored is None else ingesting(stored)).running() as world:
        yield world


def ingesting(database: Database) -> PostgresStore:
    """The store as the ledger's HTTP face opens it, with the login that may take logs in and nothing else."""
    return PostgresStore(
        Connections(database.url(Role.INGEST), None),
        "default",
        keys=BODY_KEYS,
        clock=lambda: datetime.now(UTC),
        randomness=secrets.token_bytes,
    )

"""A provider and certificates for each test of the approvals page; where a test wants no run, a client that never connects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from byteport.audit.words import Event
from tests.integration.console.provider import Provider, serving
from tests.integration.console.room import Certificates, Room, Visitor, certificates, room
from tests.integration.ledger.world import INSTALLATION, World, draft

HOSTILE = "<script>alert(1)</script> \u202egnp.exe \x1b[31mred\x1b[0m \"'& shop"


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest_asyncio.fixture
async def provider(tls: Certificates) -> AsyncIterator[Provider]:
    async with serving(tls.certificate, tls.key) as made:
        yield made


@pytest_asyncio.fixture
async def served(tmp_path: Path, tls: Certificates, provider: Provider) -> AsyncIterator[Room]:
    """A page over a log of 30 records with names that somebody chose to do harm, and over no Temporal at all."""
    (tmp_path / "ledger").mkdir()
    world = World(tmp_path / "ledger")
    for number in range(30):
        world.ledger.record(draft(f"record-{number}", event=Event.SKIPPED, target=HOSTILE, note=HOSTILE))
    nowhere = await Client.connect("127.0.0.1:1", lazy=True)
    async with room(tmp_path, provider, tls, nowhere, INSTALLATION, world.log) as made:
        yield made
    world.store.close()


@pytest_asyncio.fixture
async def visitor(served: Room) -> AsyncIterator[Visitor]:
    made = served.visitor()
    yield made
    await made.http.close()

"""A key of its own for each tenant: made when it hands in first, and with it goes what every copy of the database holds of it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from byteport.errors import ConfigError
from byteport.ledger.keys import read_body_keys
from byteport.ledger.log import AuditLog
from byteport.ledger.postgres import Database as Connections
from byteport.ledger.postgres import PostgresStore
from byteport.ledger.postgres_migrating import Role
from byteport.ledger.sqlite import SqliteReader, SqliteStore
from byteport.ledger.store import Store
from tests.builders.postgres import Database
from tests.integration.api.world import ACME_UID, OTHER_UID, World

pytestmark = [pytest.mark.ledger, pytest.mark.claim("C-380")]
STORES = ("sqlite", "postgres")


def now() -> datetime:
    return datetime.now(UTC)


def files(folder: Path) -> dict[str, str]:
    """What each of them holds."""
    return {file.name: file.read_text() for file in sorted(folder.iterdir())}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def world(tmp_path: Path, folder: Path, stored: Database | None) -> Iterator[World]:
    keys, chance = read_body_keys(folder), secrets.token_bytes
    store: Store
    if stored is None:
        store = SqliteStore(tmp_path / "ledger.db", keys=keys, clock=now, randomness=chance)
    else:
        url = stored.url(Role.INGEST)
        store = PostgresStore(Connections(url, None), "default", keys=keys, clock=now, randomness=chance)
    with World(tmp_path, store).running() as world:
        yield world


async def test_a_tenant_gets_its_file_with_its_first_record_and_another_gets_another(
    world: World, folder: Path
) -> None:
    assert files(folder) == {}
    await world.agent().hand_in(world.logs["acme"].append(3).lines())
    await world.agent("acme-second").hand_in(world.logs["acme-second"].append(1).lines())
    assert list(files(folder)) == ["acme.key"]
    await world.agent("other").hand_in(world.logs["other"].append(3).lines())
    assert list(files(folder)) == ["acme.key", "other.key"]
    assert len(set(files(folder).values())) == 2
    export = await world.reader().get(f"/v1/chains/{ACME_UID}/export")
    assert export.text.splitlines() == world.logs["acme"].lines()


async def test_with_its_file_destroyed_a_tenants_records_are_gone_and_no_other_tenants(
    world: World, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("acme", "other"):
        await world.agent(name).hand_in(world.logs[name].append(3).lines())
    (folder / "acme.key").unlink()
    for path in (f"/v1/chains/{ACME_UID}/export", "/v1/records"):
        answer = await world.reader().get(path)
        assert (answer.status, answer.code) == (503, "store_unavailable")
        assert "acme" not in answer.text.decode()
    assert "has no key of acme, whose records are here" in caplog.text
    assert (await world.reader("other").get(f"/v1/chains/{OTHER_UID}/export")).text.splitlines() == (
        world.logs["other"].lines()
    )


async def test_a_key_that_was_destroyed_or_is_lost_is_not_made_anew_in_silence(world: World, folder: Path) -> None:
    log = world.logs["acme"].append(2)
    await world.agent().hand_in(log.lines(1, 1))
    (folder / "acme.key").rename(folder / "elsewhere")
    refused = await world.agent().hand_in(log.lines(2))
    assert (refused.status, refused.code) == (503, "store_unavailable")
    assert not (folder / "acme.key").exists()
    assert (await world.agent().get(f"/v1/chains/{ACME_UID}/head")).json["head"]["seq"] == 1
    (folder / "elsewhere").rename(folder / "acme.key")
    assert (await world.agent().hand_in(log.lines(2))).status == 200


async def test_a_backup_of_the_database_opens_with_the_key_and_not_without_it(
    world: World, folder: Path, tmp_path: Path, stored: Database | None
) -> None:
    if stored is not None:
        return
    for name in ("acme", "other"):
        await world.agent(name).hand_in(world.logs[name].append(3).lines())
    world.store.scrub()
    backup = shutil.copy(tmp_path / "ledger.db", tmp_path / "backup.db")
    log = AuditLog(SqliteReader(Path(backup), read_body_keys(folder)))
    assert [report.not_opened for report in log.verify_all()] == [0, 0]
    (folder / "acme.key").unlink()
    acme, other = log.verify_all()
    assert (acme.not_opened, other.not_opened) == (3, 0)
    assert (acme.findings, other.findings) == ((), ())
    assert {record.tenant for record in log.iter_records()} == {"other"}
    (folder / "other.key").unlink()
    with pytest.raises(ConfigError, match="holds no key under which"):
        log.verify_all()

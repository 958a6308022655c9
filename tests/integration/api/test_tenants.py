"""Row-level security under this face: a transaction is one tenant's, and a connection that no tenant was set on sees nothing."""

from __future__ import annotations

import asyncio

import pytest

from byteport.ledger.postgres import PostgresStore
from byteport.ledger.postgres_migrating import Role
from tests.builders.postgres import Database
from tests.integration.api.conftest import ingesting
from tests.integration.api.world import ACME_UID, OTHER_UID, World

pytestmark = [pytest.mark.ledger, pytest.mark.claim("C-367")]
STORES = ("postgres",)
TABLES = ("agent_actions", "agent_action_bodies", "chain_heads", "checkpoints", "removals")


def rows(store: PostgresStore) -> list[object]:
    """What a connection of the pool sees that forgot to say whose it is."""
    with store._database.pool.connection() as connection:
        counts = [connection.execute(f"SELECT count(*) FROM byteport.{table}".encode()).fetchone() for table in TABLES]
    return [count[0] for count in counts if count is not None]


async def test_a_pooled_connection_that_forgets_its_tenant_sees_nothing_though_another_tenants_request_just_used_it(
    world: World, stored: Database
) -> None:
    log = world.logs["acme"].append(3)
    await world.agent().hand_in(log.lines(), log.checkpoint())
    assert (await world.reader().get(f"/v1/chains/{ACME_UID}/export")).status == 200
    assert isinstance(world.store, PostgresStore)
    assert await asyncio.to_thread(rows, world.store) == [0, 0, 0, 0, 0]
    with stored.as_(Role.INGEST, "acme") as connection:
        assert connection.execute("SELECT * FROM byteport.agent_actions").rowcount == 3
    with stored.as_(Role.INGEST, "other") as connection:
        assert connection.execute("SELECT * FROM byteport.agent_actions").rowcount == 0


async def test_two_tenants_at_once_get_each_their_own(world: World) -> None:
    mine, others = world.logs["acme"].append(40), world.logs["other"].append(40)

    async def hand_in(name: str, first: int) -> int:
        lines = world.logs[name].lines(first, first + 9)
        return (await world.agent(name).hand_in(lines)).status

    for first in (1, 11, 21, 31):
        assert set(await asyncio.gather(hand_in("acme", first), hand_in("other", first))) == {200}
    for tenant, uid, log in (("acme", ACME_UID, mine), ("other", OTHER_UID, others)):
        answer = await world.reader(tenant).get(f"/v1/chains/{uid}/export")
        assert answer.text.splitlines() == log.lines()


async def test_two_requests_with_the_same_records_at_once_keep_them_once(world: World) -> None:
    log = world.logs["acme"].append(50)
    answers = await asyncio.gather(*(world.agent().hand_in(log.lines()) for _ in range(3)))
    assert sorted(answer.json["new"] for answer in answers) == [0, 0, 50]
    assert {answer.json["head"]["seq"] for answer in answers} == {50}


async def test_a_database_that_is_gone_is_a_503_without_its_words_and_what_was_sent_is_taken_when_it_is_back(
    world: World, stored: Database
) -> None:
    log = world.logs["acme"].append(2)
    await world.agent().hand_in(log.lines(1, 1))
    stored.go_away()
    gone = await world.agent().hand_in(log.lines(2, 2))
    assert (gone.status, gone.code, gone.headers["Retry-After"]) == (503, "store_unavailable", "5")
    assert "psycopg" not in gone.text.decode().lower()
    assert "byteport.ledger" not in gone.text.decode()
    unready = await world.nobody().get("/readyz")
    assert (unready.status, unready.json["missing"]) == (503, ["store"])
    stored.come_back()
    assert (await world.agent().hand_in(log.lines(2, 2))).json["new"] == 1


async def test_the_login_of_this_face_can_append_and_cannot_change_or_act(world: World, stored: Database) -> None:
    store = ingesting(stored)
    for statement in (
        "UPDATE byteport.agent_actions SET header = '{}'",
        "DELETE FROM byteport.agent_actions",
        "DELETE FROM byteport.agent_action_bodies",
        "INSERT INTO byteport.halts DEFAULT VALUES",
        "SELECT * FROM byteport.intents",
    ):
        with pytest.raises(Exception, match="permission denied"), stored.as_(Role.INGEST, "acme") as connection:
            connection.execute(statement.encode())
    store.close()

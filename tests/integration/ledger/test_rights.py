"""A login of the ledger's PostgreSQL that may more than it should, or guards that were weakened: each told with what mends it."""

from __future__ import annotations

import re

import psycopg
import pytest

from byteport.errors import ConfigError, Unavailable
from byteport.ledger.postgres_migrating import OWNER, Role
from byteport.ledger.rights import Amiss, look
from tests.builders.postgres import Database, Server, login
from tests.integration.ledger.world import World

STORES = ("postgres",)
AGENT = login(Role.AGENT)


@pytest.fixture
def database(world: World) -> Database:
    assert world.database is not None
    return world.database


def seen(database: Database, role: Role = Role.AGENT) -> tuple[Amiss, ...]:
    return look(database.url(role), None, role)


@pytest.mark.claim("C-373")
@pytest.mark.parametrize("role", list(Role))
def test_a_login_that_is_made_as_the_guide_says_has_nothing_amiss(database: Database, role: Role) -> None:
    assert seen(database, role) == ()


WEAKENED = {
    f"ALTER ROLE {AGENT} SUPERUSER": "has SUPERUSER",
    f"ALTER ROLE {AGENT} BYPASSRLS": "has BYPASSRLS",
    f"ALTER ROLE {AGENT} CREATEROLE": "has CREATEROLE",
    f"ALTER ROLE {AGENT} REPLICATION": "has REPLICATION",
    f"GRANT {OWNER} TO {AGENT}": "is a member of byteport_owner too, which owns the log",
    f"GRANT {Role.SIGNER} TO {AGENT}": "is a member of byteport_signer too",
    f"REVOKE {Role.AGENT} FROM {AGENT}": "is no member of byteport_agent",
    f"GRANT UPDATE ON byteport.agent_actions TO {AGENT}": "may UPDATE agent_actions",
    "GRANT DELETE ON byteport.agent_action_bodies TO PUBLIC": "may DELETE agent_action_bodies",
    f"GRANT TRUNCATE ON byteport.checkpoints TO {AGENT}": "may TRUNCATE checkpoints",
    f"GRANT INSERT ON byteport.chain_heads TO {AGENT}": "may INSERT chain_heads",
    f"GRANT TRIGGER ON byteport.agent_actions TO {AGENT}": "may TRIGGER agent_actions",
    f"GRANT SET ON PARAMETER session_replication_role TO {AGENT}": "may set session_replication_role",
    "ALTER TABLE byteport.agent_actions NO FORCE ROW LEVEL SECURITY": "agent_actions shows rows of every tenant",
    "ALTER TABLE byteport.intents DISABLE ROW LEVEL SECURITY": "intents shows rows of every tenant",
    "ALTER TABLE byteport.agent_actions OWNER TO postgres": "agent_actions is owned by postgres",
    "ALTER TABLE byteport.agent_actions DISABLE TRIGGER never_deleted": "never_deleted of agent_actions is not always on",
    "ALTER TABLE byteport.removals ENABLE TRIGGER never_updated": "never_updated of removals is not always on",
    "DROP TRIGGER only_by_a_removal ON byteport.agent_action_bodies": "only_by_a_removal of agent_action_bodies is gone",
    "ALTER POLICY own_tenant ON byteport.halts USING (true)": "the policy own_tenant of halts",
    "CREATE POLICY mine ON byteport.agent_actions USING (true)": "the policy mine of agent_actions",
    "ALTER FUNCTION byteport.take_turn(text) OWNER TO postgres": "take_turn(text) is owned by postgres",
    "ALTER FUNCTION byteport.take_turn(text) RESET search_path": "take_turn(text) looks for names",
}


@pytest.mark.claim("C-373")
@pytest.mark.parametrize("statement", WEAKENED, ids=lambda statement: re.sub(r"\W+", "_", statement)[:60])
def test_what_is_too_much_or_too_little_is_told_and_its_remedy_mends_it(database: Database, statement: str) -> None:
    before = privileges(database)
    database.server.execute(statement, database.name)
    try:
        found = seen(database)
        assert [one for one in found if WEAKENED[statement] in one.says], found
        for one in found:
            database.server.execute(one.remedy, database.name)
        assert seen(database) == ()
    finally:
        for attribute in ("SUPERUSER", "BYPASSRLS", "CREATEROLE", "REPLICATION"):
            database.server.execute(f"ALTER ROLE {AGENT} NO{attribute}")
        database.server.execute(f"GRANT {Role.AGENT} TO {AGENT}")
    assert privileges(database) == before


def privileges(database: Database) -> list[tuple[object, ...]]:
    with psycopg.connect(database.url(None)) as sql:
        return sql.execute(
            "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = 'byteport'::regnamespace ORDER BY 1"
        ).fetchall()


def test_tables_of_another_version_are_told_with_what_to_run(database: Database) -> None:
    database.server.execute("UPDATE byteport.alembic_version SET version_num = '1'", database.name)
    with pytest.raises(ConfigError, match=r"version 1, and this byteport needs version 3; .*byteport ledger migrate"):
        seen(database)
    database.server.execute("UPDATE byteport.alembic_version SET version_num = '3'", database.name)


def test_a_database_without_tables_is_told_with_what_to_run(postgres: Server) -> None:
    empty = postgres.empty_database()
    with pytest.raises(ConfigError, match="byteport ledger migrate"):
        look(postgres.url(AGENT, empty), None)


def test_a_server_that_is_not_there_does_not_answer() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        look("postgresql://agent@127.0.0.1:1/ledger", None)

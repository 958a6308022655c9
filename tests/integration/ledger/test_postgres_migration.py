"""The tables of PostgreSQL from version to version, on data, forward and back; by an administrator, never by the agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from byteport.audit.verify import Verdict
from byteport.cli.main import invoke
from byteport.errors import ConfigError, MalformedInput, Unavailable
from byteport.ledger import checkpoints
from byteport.ledger.postgres_migrating import OWNER, Role, migrate
from tests.builders.postgres import Database, Server, login
from tests.integration.ledger.world import CHAIN, World, draft

STORES = ("postgres",)
ADMIN = "an_administrator"


@pytest.fixture
def database(world: World) -> Database:
    for number in range(4):
        world.ledger.record(draft(f"record-{number}"))
    assert world.database is not None
    return world.database


@pytest.fixture
def empty(postgres: Server) -> Database:
    return Database(postgres, postgres.empty_database())


def structure(database: Database) -> list[tuple[object, ...]]:
    """Everything that the migrations make, with its definition and who may use it."""
    asked = (
        (
            "SELECT relname, relkind::text, relacl::text, relrowsecurity, relforcerowsecurity FROM pg_class"
            " WHERE relnamespace = 'byteport'::regnamespace"
        ),
        (
            "SELECT table_name, column_name, ordinal_position, data_type, column_default, generation_expression"
            " FROM information_schema.columns WHERE table_schema = 'byteport'"
        ),
        "SELECT proname, pg_get_functiondef(oid), proacl::text FROM pg_proc WHERE pronamespace = 'byteport'::regnamespace",
        (
            "SELECT tgname, pg_get_triggerdef(pg_trigger.oid), tgenabled FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid"
            " WHERE relnamespace = 'byteport'::regnamespace AND NOT tgisinternal"
        ),
        "SELECT polname, polrelid::regclass::text, pg_get_expr(polqual, polrelid) FROM pg_policy",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'byteport'",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'byteport'::regnamespace",
    )
    with psycopg.connect(database.url(None)) as sql:
        return sorted(
            (number, *map(str, row)) for number, each in enumerate(asked) for row in sql.execute(each.encode())
        )


@pytest.mark.claim("C-374")
def test_going_back_and_forward_keeps_every_record(world: World, database: Database) -> None:
    hashes, before = [record.hash for record in world.log.iter_records()], structure(database)
    world.store.close()
    plan = migrate(database.url(None), None, to="1")
    assert [(step.version, step.direction) for step in plan.steps] == [("3", "downgrade"), ("2", "downgrade")]
    with psycopg.connect(database.url(None)) as sql:
        assert sql.execute("SELECT to_regclass('byteport.checkpoints')").fetchone() == (None,)
        assert sql.execute("SELECT count(*) FROM byteport.agent_actions").fetchone() == (4,)
    world.open()
    with pytest.raises(ConfigError, match="tables of version 1, and this byteport needs version 3"):
        world.ledger.record(draft("too early"))
    migrate(database.url(None), None)
    assert structure(database) == before
    world.open()
    assert [record.hash for record in world.log.iter_records()] == hashes
    assert world.log.verify_all()[0].intact is Verdict.INTACT
    assert world.ledger.record(draft("one more")).seq == 5
    with world.store.snapshot() as sql_of_ours:
        assert checkpoints.latest(sql_of_ours, CHAIN) is None


def test_a_log_with_records_is_not_dropped(world: World, database: Database) -> None:
    with pytest.raises(ConfigError, match="a log is not dropped by a migration"):
        migrate(database.url(None), None, to=None)
    assert len(list(world.log.iter_records())) == 4


def test_an_empty_one_goes_back_to_nothing_and_forward_to_the_same(empty: Database) -> None:
    migrate(empty.url(None), None)
    made = structure(empty)
    migrate(empty.url(None), None, to=None)
    with psycopg.connect(empty.url(None)) as sql:
        left = sql.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'byteport'::regnamespace AND relkind = 'r'"
        )
        assert left.fetchall() == [("alembic_version",)]
        assert sql.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'byteport'::regnamespace").fetchall() == []
    migrate(empty.url(None), None)
    assert structure(empty) == made


def test_a_dry_run_says_what_would_be_done_and_does_nothing(empty: Database) -> None:
    plan = migrate(empty.url(None), None, dry_run=True)
    assert [step.version for step in plan.steps] == ["1", "2", "3"]
    with psycopg.connect(empty.url(None)) as sql:
        assert sql.execute("SELECT to_regnamespace('byteport')").fetchone() == (None,)


@pytest.mark.claim("C-374")
def test_a_migration_that_fails_leaves_nothing(empty: Database) -> None:
    empty.server.execute(f"CREATE SCHEMA byteport AUTHORIZATION {OWNER}", empty.name)
    empty.server.execute("CREATE TABLE byteport.erasures (theirs int)", empty.name)
    with pytest.raises(ConfigError, match="cannot be migrated"):
        migrate(empty.url(None), None)
    with psycopg.connect(empty.url(None)) as sql:
        assert sql.execute("SELECT relname FROM pg_class WHERE relnamespace = 'byteport'::regnamespace").fetchall() == [
            ("erasures",)
        ]


def test_an_administrator_need_not_be_a_superuser_and_owns_nothing_afterwards(empty: Database) -> None:
    server = empty.server
    server.execute(f"CREATE ROLE {ADMIN} LOGIN CREATEROLE")
    try:
        server.execute(f"GRANT ALL ON DATABASE {empty.name} TO {ADMIN}")
        server.execute(f"GRANT {OWNER} TO {ADMIN} WITH ADMIN OPTION, INHERIT FALSE, SET FALSE")
        migrate(server.url(ADMIN, empty.name), None)
        with psycopg.connect(server.url(ADMIN, empty.name)) as sql:
            for statement in ("SELECT * FROM byteport.agent_actions", f"SET ROLE {OWNER}", "DROP TABLE byteport.turns"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), sql.transaction():
                    sql.execute(statement.encode())
    finally:
        empty.drop()
        server.execute(f"DROP OWNED BY {ADMIN} CASCADE")
        server.execute(f"DROP ROLE {ADMIN}")


def test_the_agents_own_login_migrates_nothing(database: Database) -> None:
    with pytest.raises(ConfigError, match="an administrator's"):
        migrate(database.url(Role.AGENT), None, to="1")


def test_a_version_that_there_is_not_and_a_server_that_is_not_there_are_told(database: Database) -> None:
    with pytest.raises(MalformedInput, match="there is no version 9; there are 1, 2, 3"):
        migrate(database.url(None), None, to="9")
    with pytest.raises(Unavailable, match="does not answer"):
        migrate("postgresql://admin@127.0.0.1:1/ledger", None)


def test_two_administrators_at_once_migrate_once(empty: Database) -> None:
    with psycopg.connect(empty.url(None)) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (0x42505254,))
        with pytest.raises(Unavailable, match="does not answer"):
            migrate(f"{empty.url(None)}?target_session_attrs=read-only", None)
        other.rollback()
    migrate(empty.url(None), None)
    assert migrate(empty.url(None), None).steps == ()


def test_the_command_shows_the_plan_and_does_it(
    empty: Database, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said: Callable[..., str] = lambda *words: (invoke(["ledger", "migrate", *words]), capsys.readouterr().out)[1]  # noqa: E731
    assert "version 1 would be brought: The log and the ledger's own rows" in said(
        "--url", empty.url(None), "--dry-run"
    )
    assert "version 3 brought" in said("--url", empty.url(None))
    assert "nothing to do" in said("--url", empty.url(None))
    assert "version 2 taken back" in said("--url", empty.url(None), "--to", "1")
    assert invoke(["ledger", "migrate", "--url", empty.url(None), "--to", "7"]) == 2


def test_every_login_of_the_suite_is_a_member_of_one_role_only(database: Database) -> None:
    with psycopg.connect(database.url(None)) as sql:
        for role in Role:
            found = sql.execute(
                "SELECT rolname FROM pg_roles WHERE pg_has_role(%s, rolname, 'MEMBER') AND rolname LIKE 'byteport%%'",
                (login(role),),
            ).fetchall()
            assert found == [(role.value,)]

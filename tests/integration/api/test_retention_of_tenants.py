"""What one tenant's removal cannot reach, on a PostgreSQL and with the login that the ledger's HTTP face has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from byteport.audit.words import Event
from byteport.ledger.postgres_migrating import Role
from tests.builders.postgres import Database
from tests.integration.api.copy import Copy

pytestmark = [pytest.mark.ledger, pytest.mark.claim("C-378")]
STORES = ("postgres",)


@pytest.fixture
def copy(tmp_path: Path, stored: Database) -> Iterator[Copy]:
    """Both tenants have the same numbers; one of them says that all of it is gone."""
    made = Copy(tmp_path, stored)
    for log in made.logs.values():
        made.hand_in(log.append(5))
    made.look()
    log = made.logs["acme"].erase(1, 2, Event.PRUNED).erase(3, 5)
    made.hand_in(log, 6)
    yield made
    made.store.close()


def test_what_one_tenants_record_names_goes_from_that_tenants_chain_alone(copy: Copy) -> None:
    copy.look(days=100)
    assert [copy.bodies(log) for log in copy.logs.values()] == [[], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]
    for log in copy.logs.values():
        assert copy.both_say(log.chain) == ([], 0)


def test_a_look_after_one_tenant_sees_and_touches_no_row_of_another(copy: Copy, stored: Database) -> None:
    """Even statements that name no tenant at all."""
    with psycopg.connect(stored.url(Role.INGEST)) as sql:
        sql.execute("SELECT byteport.take_turn('other')")
        for table in ("due_removals", "intakes", "sweeps", "agent_action_bodies"):
            seen = sql.execute(f"SELECT DISTINCT tenant FROM byteport.{table}".encode()).fetchall()
            assert seen in ([], [("other",)])
        assert sql.execute("SELECT count(*) FROM byteport.due_removals").fetchone() == (0,)
        for statement in (
            "SELECT byteport.destroy_named_bodies('acme', '11111111-2222-4333-8444-555555555555', '{1,2,3,4,5}')",
            "INSERT INTO byteport.due_removals SELECT 'acme', '11111111-2222-4333-8444-555555555555', 7, 1, 5, 0",
            "INSERT INTO byteport.sweeps VALUES ('acme', 'mine', 0)",
        ):
            with (
                pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.IntegrityError)),
                sql.transaction(),
            ):
                sql.execute(statement.encode())
        assert sql.execute(b"UPDATE byteport.sweeps SET until_ms = 0 WHERE tenant = 'acme'").rowcount == 0
        sql.rollback()
    assert copy.bodies(copy.logs["acme"]) == [1, 2, 3, 4, 5]


def test_rows_of_one_tenant_that_cannot_be_looked_at_keep_no_other_tenants_from_going(
    copy: Copy, stored: Database, caplog: pytest.LogCaptureFixture
) -> None:
    copy.hand_in(copy.logs["other"].erase(1, 1), 6)
    with psycopg.connect(stored.url(None)) as broken:
        broken.execute("SELECT * FROM byteport.turns WHERE tenant = 'acme' FOR UPDATE")
        copy.look(days=100)
    assert "tenant acme" in caplog.text
    assert copy.bodies(copy.logs["other"]) == [2, 3, 4, 5]
    assert copy.bodies(copy.logs["acme"]) == [1, 2, 3, 4, 5]

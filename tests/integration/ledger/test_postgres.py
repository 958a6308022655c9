"""The ledger in PostgreSQL: what a superuser does to a row is found, a connection that is lost is one error of ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from activities.audit.halts import HaltRow
from byteport.audit.verify import Fault, Verdict
from byteport.errors import ConfigError, Unavailable
from byteport.ledger import postgres
from byteport.ledger.config import LedgerConfig
from byteport.ledger.opening import must_be_readable, open_log, open_reader, open_store
from byteport.ledger.postgres import Database as Connections
from byteport.ledger.postgres import PostgresReader
from byteport.ledger.postgres_migrating import Role
from tests.builders.postgres import Database
from tests.integration.ledger.world import BODY_KEYS, CHAIN, INSTALLATION, World, draft, pod_plan

STORES = ("postgres",)
LENGTH = 5


@pytest.fixture
def database(world: World) -> Database:
    for number in range(1, LENGTH + 1):
        world.clock.move(minutes=1)
        world.ledger.record(draft(f"record-{number}"))
    assert world.database is not None
    return world.database


@contextmanager
def by_hand(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A superuser who takes the guards off first."""
    with psycopg.connect(database.url(None)) as sql:
        for table in ("agent_actions", "agent_action_bodies", "chain_heads"):
            sql.execute(f"ALTER TABLE byteport.{table} DISABLE TRIGGER USER".encode())
        yield sql
        for table in ("agent_actions", "agent_action_bodies", "chain_heads"):
            sql.execute(f"ALTER TABLE byteport.{table} ENABLE TRIGGER USER".encode())


def found(world: World) -> list[tuple[Fault, int]]:
    (report,) = world.log.verify_all()
    return [(finding.fault, finding.seq) for finding in report.findings]


@pytest.mark.claim("C-088")
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE byteport.agent_actions SET header = replace(header, 'acted', 'skipped') WHERE seq = 2",
            [(Fault.EDITED, 2)],
        ),
        ("UPDATE byteport.agent_actions SET hash = 'sha256:0' WHERE seq = 3", [(Fault.EDITED, 3)]),
        (
            "UPDATE byteport.agent_action_bodies SET body = set_byte(body, 40, 255 - get_byte(body, 40)) WHERE seq = 4",
            [(Fault.PAYLOAD_MISMATCH, 4)],
        ),
        (
            "UPDATE byteport.agent_action_bodies SET body = (SELECT body FROM byteport.agent_action_bodies WHERE seq = 1) WHERE seq = 4",
            [(Fault.PAYLOAD_MISMATCH, 4)],
        ),
        ("DELETE FROM byteport.agent_action_bodies WHERE seq = 2", [(Fault.PAYLOAD_MISSING, 2)]),
        ("DELETE FROM byteport.agent_actions WHERE seq = 3", [(Fault.MISSING, 3)]),
        ("DELETE FROM byteport.agent_actions WHERE seq > 3", [(Fault.MISSING, 4)]),
        ("UPDATE byteport.agent_actions SET seq = 40 WHERE seq = 5", [(Fault.REORDERED, 40)]),
        ("UPDATE byteport.chain_heads SET seq = 4", [(Fault.EXTRA, 5)]),
    ],
)
def test_whatever_a_superuser_does_to_a_row_is_found(
    world: World, database: Database, statement: str, expected: list[tuple[Fault, int]]
) -> None:
    assert found(world) == []
    with by_hand(database) as sql:
        sql.execute(statement.encode())
    assert [one for one in found(world) if one in expected] == expected


def test_a_pooled_connection_that_forgets_the_tenant_sees_nothing(world: World, database: Database) -> None:
    """The one that a transaction has just given back: whose rows it saw went with the transaction."""
    connections = Connections(database.url(), None)
    store = postgres.PostgresStore(connections, "acme", keys=BODY_KEYS, clock=world.clock, randomness=world.chance)
    with store.transaction() as tx:
        assert tx.sql.execute("SELECT count(*) FROM agent_actions").fetchone()[0] == LENGTH
    with store.snapshot() as sql:
        assert sql.execute("SELECT count(*) FROM agent_actions").fetchone()[0] == LENGTH
    with connections.pool.connection() as again:
        assert again.execute("SELECT count(*) FROM byteport.agent_actions").fetchone() == (0,)
    store.close()


def test_two_tenants_of_one_database_do_not_see_each_other(world: World, database: Database) -> None:
    theirs = world.store.of("umbrella")
    worlds_of_them = [theirs.of("acme"), world.store.of("acme"), theirs.of("umbrella")]
    assert worlds_of_them == [world.store, world.store, theirs]
    from byteport.ledger.append import append
    from byteport.ledger.log import AuditLog

    with theirs.transaction() as tx:
        append(tx, draft("theirs", tenant="umbrella"))
    assert [chain.tenant for chain in AuditLog(theirs).chains()] == ["umbrella"]
    assert [record.tenant for record in world.log.iter_records()] == ["acme"] * LENGTH
    with pytest.raises(Exception, match="not of that tenant"), theirs.transaction() as tx:
        append(tx, draft("forged"))


def test_a_connection_that_is_cut_in_a_transaction_is_one_error_and_the_next_one_works(
    world: World, database: Database
) -> None:
    def cut() -> None:
        with world.store.transaction() as tx:
            (pid,) = tx.sql.execute("SELECT pg_backend_pid()").fetchone()
            database.server.execute(f"SELECT pg_terminate_backend({pid})")
            tx.sql.execute("SELECT 1")

    with pytest.raises(Unavailable, match="the ledger does not answer"):
        cut()
    assert world.ledger.record(draft("after")).seq == LENGTH + 1


def test_a_lock_that_is_held_too_long_is_unavailable(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_OURS", (postgres.SEARCH_PATH, "200ms"))
    with psycopg.connect(database.url()) as other:
        other.execute("SELECT byteport.take_turn('acme')")
        with pytest.raises(Unavailable, match="LockNotAvailable"):
            world.ledger.record(draft("one"))
        other.rollback()
    assert world.ledger.record(draft("one")).seq == LENGTH + 1


def test_all_who_share_a_commit_hear_of_it_when_it_fails(world: World, database: Database) -> None:
    inside, gate = threading.Event(), threading.Event()
    said: list[str] = []

    def record(number: int) -> None:
        try:
            with world.store.transaction() as tx:
                from byteport.ledger.append import append

                append(tx, draft(f"lost-{number}"))
                if number == 0:
                    (pid,) = tx.sql.execute("SELECT pg_backend_pid()").fetchone()
                    inside.set()
                    gate.wait(60)
                    database.server.execute(f"SELECT pg_terminate_backend({pid})")
            said.append("recorded")
        except Unavailable:
            said.append("unavailable")

    threads = [threading.Thread(target=record, args=(number,)) for number in range(4)]
    threads[0].start()
    inside.wait(60)
    for thread in threads[1:]:
        thread.start()
    while world.store._waiting < 3:  # type: ignore[attr-defined]
        time.sleep(0.01)
    gate.set()
    for thread in threads:
        thread.join()
    recorded = len(list(world.log.iter_records())) - LENGTH
    assert said.count("recorded") == recorded
    assert said.count("unavailable") == 4 - recorded >= 1
    assert world.log.verify_all()[0].intact is Verdict.INTACT


def test_a_reader_is_never_in_the_way_and_sees_one_moment(world: World, database: Database) -> None:
    with world.store.snapshot() as sql:
        before = sql.execute("SELECT count(*) FROM agent_actions").fetchone()[0]
        world.ledger.record(draft("meanwhile"))
        assert sql.execute("SELECT count(*) FROM agent_actions").fetchone()[0] == before
        with pytest.raises(psycopg.Error):
            sql.execute("DELETE FROM leases")


def test_the_halt_is_read_by_a_login_that_reads_nothing_else(world: World, database: Database) -> None:
    row = HaltRow(PostgresReader(Connections(database.url(Role.SWITCH), None), "acme", None), INSTALLATION)
    assert not row.is_halted()
    world.halts.halt(by="ada", reason="stop\0here")
    assert row.is_halted()
    halt = row.in_force()
    assert halt is not None
    assert halt.by == "ada"
    database.go_away()
    assert row.is_halted()
    database.come_back()
    world.halts.resume(by="ada", reason="")
    assert not row.is_halted()


def test_a_login_that_may_not_read_the_halt_counts_as_halted(database: Database) -> None:
    row = HaltRow(PostgresReader(Connections(database.url(Role.SIGNER), None), "acme", None), INSTALLATION)
    assert row.is_halted()


def test_the_settings_open_it(world: World, database: Database, tmp_path: Path) -> None:
    from byteport.ledger.keys import make_body_keys

    key = tmp_path / "bodies.key"
    make_body_keys(key)
    config = LedgerConfig(url=database.url(), body_key=key)
    store = open_store(config, "other", clock=world.clock, randomness=world.chance)
    from byteport.ledger.append import append

    with store.transaction() as tx:
        append(tx, draft("first", tenant="other"))
    store.close()
    assert len(list(open_log(config, "other").iter_records())) == 1
    must_be_readable(open_reader(config, "other"))
    with pytest.raises(ConfigError, match="holds no key under which the bodies"):
        open_log(config, "acme").verify_all()
    database.go_away()
    with pytest.raises(Unavailable):
        must_be_readable(open_reader(config, "other"))
    database.come_back()


def test_memory_stays_flat_while_a_long_log_is_read(world: World, database: Database) -> None:
    """A portion at a time: the first comes before the last was fetched."""
    entries = world.log.entries(CHAIN)
    assert next(entries).seq == 1
    with psycopg.connect(database.url(None)) as sql:
        cursors = sql.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
            " AND query LIKE 'FETCH%'"
        ).fetchone()
    assert cursors == (1,)
    assert [entry.seq for entry in entries] == [2, 3, 4, 5]


def test_no_grant_without_the_database(world: World, database: Database) -> None:
    database.go_away()
    with pytest.raises((Unavailable, ConfigError)):
        world.reserve(world.ask(pod_plan()))
    database.come_back()
    world.granted(world.ask(pod_plan()))


def test_who_asks_while_connecting_is_given_up_is_answered_when_the_database_is_back(database: Database) -> None:
    """The pool gives up 4 s after the first request; the second comes before that, the database after it."""
    connections = Connections(database.url(), None)
    database.go_away()
    try:
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(connections.pool.getconn)
            time.sleep(2)
            second = pool.submit(connections.pool.getconn, 30)
            assert isinstance(first.exception(timeout=30), PoolTimeout)
            database.come_back()
            connections.pool.putconn(second.result(timeout=60))
    finally:
        connections.pool.close()

"""The file itself: append-only against every statement, its owner's alone, and honest when it cannot be used."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from byteport.errors import BytePortError, ConfigError, Unavailable
from byteport.ledger import store as store_module
from byteport.ledger.store import Store
from tests.integration.ledger.world import HandClock, World, draft, pod_plan

ROW = "INTO agent_actions (tenant, cluster_uid, seq, header, payload, salt, hash) SELECT tenant, cluster_uid,"


@contextmanager
def intruder(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with the file and a SQLite of their own."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def three(world: World) -> World:
    for number in range(1, 4):
        world.ledger.record(draft(f"record-{number}"))
    return world


@pytest.mark.claim("C-087")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agent_actions SET hash = hash",
        "UPDATE agent_actions SET payload = NULL, salt = NULL WHERE seq = 2",
        "UPDATE OR REPLACE agent_actions SET seq = 1 WHERE seq = 2",
        "DELETE FROM agent_actions WHERE seq = 2",
        "DELETE FROM agent_actions",
        f"REPLACE {ROW} seq, header, payload, salt, 'sha256:0' FROM agent_actions WHERE seq = 2",
        f"INSERT OR REPLACE {ROW} 4, header, payload, salt, hash FROM agent_actions WHERE seq = 2",
        f"INSERT {ROW} seq + 9, replace(header, id, 'x'), payload, salt, hash FROM agent_actions",
        f"INSERT {ROW} 1, header, payload, salt, hash FROM agent_actions WHERE 1 ON CONFLICT DO UPDATE SET hash = 'x'",
        "DELETE FROM chain_heads",
        "UPDATE chain_heads SET seq = 2",
        "UPDATE chain_heads SET tenant = 'umbrella'",
        "REPLACE INTO chain_heads VALUES ('acme', 'uid-1', 1, 'sha256:0', 0)",
    ],
)
def test_review_20_what_was_appended_is_neither_changed_nor_taken_away_by_any_statement(
    three: World, statement: str
) -> None:
    before = [record.hash for record in three.log.iter_records()]
    with (
        intruder(three.path) as sql,
        pytest.raises(sqlite3.IntegrityError, match=r"append-only|only grows|does not end"),
    ):
        sql.execute(statement)
    assert [record.hash for record in three.log.iter_records()] == before


def test_the_file_and_those_beside_it_are_their_owners_only(three: World) -> None:
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in three.folder.glob("ledger.db*")}
    assert files == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


@pytest.mark.claim("C-104")
@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_file_that_others_may_use_is_refused_with_what_to_do(world: World, mode: int) -> None:
    world.store.close()
    world.path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"ledger\.path: .*{mode:04o}.*chmod 600"):
        world.open()


def new_store(path: Path) -> Store:
    return Store(path, clock=HandClock(), randomness=os.urandom)


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with intruder(path) as sql:
        sql.execute("CREATE TABLE theirs (x)")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="another program"):
        new_store(path)
    with intruder(path) as sql:
        assert [row[0] for row in sql.execute("SELECT name FROM sqlite_master")] == ["theirs"]


def test_a_ledger_of_a_newer_version_is_refused(world: World) -> None:
    world.store.close()
    with intruder(world.path) as sql:
        sql.execute("PRAGMA user_version = 3")
    with pytest.raises(ConfigError, match="has format 3, of a newer byteport; this one knows formats up to 2"):
        world.open()


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database" * 1000)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"ledger\.path"):
        new_store(path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ledger\.path"):
        new_store(tmp_path)


def test_a_transaction_that_fails_leaves_nothing(world: World) -> None:
    def fail_half_way() -> None:
        with world.store.transaction() as tx:
            tx.sql.execute("INSERT INTO halts VALUES ('uid-1', 'ada', 0, '')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert world.halts.in_force() is None
    world.ledger.record(draft("after"))


def test_a_locked_file_is_unavailable_and_then_used_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.store.close()
    monkeypatch.setattr(store_module, "LOCK_SECONDS", 0.05)
    with intruder(world.path) as sql:
        sql.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="SQLITE_BUSY"):
            world.ledger.record(draft("one"))
        sql.execute("ROLLBACK")
    assert world.ledger.record(draft("one")).seq == 1


@pytest.mark.claim("C-072")
def test_no_ledger_no_grant(world: World) -> None:
    """FAULTS 17: the audit store is down before the intent."""
    world.path.rename(world.folder / "gone.db")
    with pytest.raises(Unavailable):
        world.reserve(world.ask(pod_plan()))
    assert world.halts.is_halted()
    (world.folder / "gone.db").rename(world.path)
    world.granted(world.ask(pod_plan()))
    assert not world.halts.is_halted()


def test_an_outcome_that_could_not_be_written_is_written_later_once(world: World) -> None:
    """FAULTS 18: the audit store is down after the action."""
    world.granted(world.ask(pod_plan()))
    world.path.rename(world.folder / "gone.db")
    with pytest.raises(Unavailable):
        world.finish(verified=True)
    (world.folder / "gone.db").rename(world.path)
    first = world.finish(verified=True)
    assert world.finish(verified=True) == first
    assert [record.event.value for record in world.log.iter_records()] == ["started", "finished"]


def test_a_file_put_in_place_of_the_ledger_is_not_written_to_by_memory(world: World, tmp_path: Path) -> None:
    """A restored backup is another file under the same name: the open one would take records that nobody ever reads."""
    world.ledger.record(draft("one"))
    other = new_store(tmp_path / "backup.db")
    other.close()
    world.path.unlink()
    (tmp_path / "backup.db").rename(world.path)
    for beside in world.folder.glob("ledger.db-*"):
        beside.unlink()
    world.ledger.record(draft("two"))
    assert [record.seq for record in world.log.iter_records()] == [1]
    with intruder(world.path) as sql:
        assert sql.execute("SELECT count(*) FROM agent_actions").fetchone() == (1,)


def test_every_refusal_of_the_file_is_an_error_of_ours(world: World) -> None:
    world.store.close()
    world.path.write_bytes(b"garbage" * 1000)
    for call in (lambda: world.ledger.record(draft("x")), lambda: world.standing(), lambda: world.halts.in_force()):
        with pytest.raises(BytePortError):
            call()

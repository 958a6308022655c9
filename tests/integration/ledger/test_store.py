"""The file itself: append-only against every statement, its owner's alone, and honest when it cannot be used."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from byteport.audit.words import Event, Removal
from byteport.errors import BytePortError, ConfigError, Unavailable
from byteport.ledger import bodies, checkpoints, cursors
from byteport.ledger import sqlite as store_module
from byteport.ledger.schema import VERSION
from byteport.ledger.sqlite import SqliteStore
from tests.integration.ledger.world import BODY_KEYS, CHAIN, HandClock, World, draft, pod_plan

STORES = ("sqlite",)

ROW = "INTO agent_actions (tenant, cluster_uid, seq, header, hash) SELECT tenant, cluster_uid,"
BODY = "INTO agent_action_bodies (tenant, cluster_uid, seq, body) SELECT tenant, cluster_uid,"
CHECKPOINT = "INTO checkpoints VALUES ('acme', 'uid-1',"
CURSOR = "INTO export_cursors VALUES ('acme', 'uid-1', 's3',"
GROWING = ("agent_actions", "agent_action_bodies", "chain_heads", "removals", "checkpoints", "export_cursors")
REMOVAL = "INTO removals VALUES ('acme', 'uid-1',"


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
    """Three records and a fourth that says that the body of the first is gone; a checkpoint, and a cursor."""
    for number in range(1, 4):
        world.ledger.record(draft(f"record-{number}"))
    with world.store.transaction() as tx:
        checkpoints.add(tx, CHAIN, 2, b"root", "note")
        cursors.advance(tx, CHAIN, "s3", 2)
        bodies.destroy(tx, CHAIN, [(1, 1)], Removal.PRUNED, draft("prune", event=Event.PRUNED))
    return world


@pytest.mark.claim("C-087")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agent_actions SET hash = hash",
        "UPDATE agent_actions SET header = NULL WHERE seq = 2",
        "UPDATE OR REPLACE agent_actions SET seq = 1 WHERE seq = 2",
        "DELETE FROM agent_actions WHERE seq = 2",
        "DELETE FROM agent_actions",
        f"REPLACE {ROW} seq, header, 'sha256:0' FROM agent_actions WHERE seq = 2",
        f"INSERT OR REPLACE {ROW} 5, header, hash FROM agent_actions WHERE seq = 2",
        f"INSERT {ROW} seq + 9, replace(header, id, 'x'), hash FROM agent_actions",
        f"INSERT {ROW} 1, header, hash FROM agent_actions WHERE 1 ON CONFLICT DO UPDATE SET hash = 'x'",
        "DELETE FROM chain_heads",
        "UPDATE chain_heads SET seq = 2",
        "UPDATE chain_heads SET tenant = 'umbrella'",
        "REPLACE INTO chain_heads VALUES ('acme', 'uid-1', 1, 'sha256:0', 0)",
        "UPDATE agent_action_bodies SET body = x'00' WHERE seq = 2",
        "UPDATE agent_action_bodies SET target = NULL",
        "DELETE FROM agent_action_bodies WHERE seq = 2",
        "DELETE FROM agent_action_bodies WHERE seq = 4",
        f"REPLACE {BODY} seq, x'00' FROM agent_action_bodies WHERE seq = 2",
        f"INSERT {BODY} 1, body FROM agent_action_bodies WHERE seq = 2",
        f"INSERT {BODY} 5, body FROM agent_action_bodies WHERE seq = 2",
        f"INSERT {REMOVAL} 3, 2, 2)",
        f"INSERT {REMOVAL} 4, 4, 4)",
        f"INSERT {REMOVAL} 4, 3, 2)",
        f"REPLACE {REMOVAL} 4, 1, 3)",
        "UPDATE removals SET last_seq = 3",
        "DELETE FROM removals",
        "UPDATE checkpoints SET note = 'another'",
        "DELETE FROM checkpoints",
        f"INSERT {CHECKPOINT} 2, 1, x'00', 'smaller', 0)",
        f"INSERT {CHECKPOINT} 2, 2, x'00', 'another root', 0)",
        f"INSERT {CHECKPOINT} 3, 9, x'00', 'a gap', 0)",
        f"REPLACE {CHECKPOINT} 1, 9, x'00', 'another', 0)",
        "UPDATE export_cursors SET seq = 1",
        "UPDATE export_cursors SET target = 'gcs'",
        "DELETE FROM export_cursors",
        f"REPLACE {CURSOR} 1, 0)",
    ],
)
def test_review_20_what_was_appended_is_neither_changed_nor_taken_away_by_any_statement(
    three: World, statement: str
) -> None:
    before = contents(three.path)
    refusals = r"append-only|only grow|does not end|never changed|comes with|destroyed only|named by|only goes forward"
    with intruder(three.path) as sql, pytest.raises(sqlite3.IntegrityError, match=refusals):
        sql.execute(statement)
    assert contents(three.path) == before


def test_a_body_is_destroyed_only_while_the_last_record_says_so(three: World) -> None:
    """Its removal is the chain's last record; one more record, and nothing is destroyed by it any more."""
    with three.store.transaction() as tx:
        tx.sql.execute(f"INSERT {REMOVAL} 4, 2, 2)")
    three.ledger.record(draft("after"))
    with intruder(three.path) as sql, pytest.raises(sqlite3.IntegrityError, match="destroyed only by the last record"):
        sql.execute("DELETE FROM agent_action_bodies WHERE seq = 2")


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the tables that only grow."""
    with intruder(path) as sql:
        return {table: sql.execute(f"SELECT * FROM {table}").fetchall() for table in GROWING}


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


def new_store(path: Path) -> SqliteStore:
    return SqliteStore(path, keys=BODY_KEYS, clock=HandClock(), randomness=os.urandom)


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
        sql.execute(f"PRAGMA user_version = {VERSION + 1}")
    newer = f"has format {VERSION + 1}, of a newer byteport; this one knows formats up to {VERSION}"
    with pytest.raises(ConfigError, match=newer):
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

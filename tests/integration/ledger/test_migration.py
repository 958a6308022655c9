"""A ledger of the first version goes on as one of this version: what it holds is kept, and still verifies."""

import sqlite3
from pathlib import Path

import pytest

from byteport.audit.verify import Verdict
from byteport.errors import ConfigError
from byteport.ledger import schema
from byteport.ledger.log import AuditLog
from tests.integration.ledger.world import World, pod_plan

NEW_IN_2 = ("alarms", "storms", "policies")


def as_version_1(world: World) -> None:
    """The file as the version before wrote it, with what it has recorded."""
    world.store.close()
    with sqlite3.connect(world.path) as sql:
        for table in NEW_IN_2:
            sql.execute(f"DROP TABLE {table}")
        sql.execute("DROP INDEX intents_act")
        sql.execute("PRAGMA user_version = 1")


@pytest.fixture
def old(tmp_path: Path) -> World:
    """A ledger with a halt, an act that was verified and one that is open."""
    world = World(tmp_path)
    world.granted(world.ask(pod_plan()))
    world.finish(verified=True)
    world.granted(world.ask(pod_plan("api"), action="two"))
    world.halts.halt(by="ada", reason="drill")
    as_version_1(world)
    return world


def structure(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as sql:
        rows = sql.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(text.split()) for name, text in rows}


def test_opening_it_keeps_everything_and_the_chain_verifies(old: World) -> None:
    before = [record.hash for record in AuditLog(old.path).iter_records()]
    assert len(before) == 4
    old.open()
    assert [record.hash for record in old.log.iter_records()] == before
    assert [report.intact for report in old.log.verify_all()] == [Verdict.INTACT]
    assert old.halts.is_halted()
    old.halts.resume(by="ada", reason="")
    old.alarms.raise_("slo", by="ada")
    assert old.standing().alarm
    old.finish("two", verified=False)
    old.store.close()


def test_what_comes_of_it_is_what_is_made_anew(old: World, tmp_path: Path) -> None:
    old.open()
    old.store.close()
    (tmp_path / "new").mkdir()
    new = World(tmp_path / "new")
    new.store.close()
    assert structure(old.path) == structure(new.path)
    with sqlite3.connect(old.path) as sql:
        assert sql.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_it_can_be_read_and_verified_as_it_is(old: World) -> None:
    assert [report.intact for report in AuditLog(old.path).verify_all()] == [Verdict.INTACT]
    with sqlite3.connect(old.path) as sql:
        assert sql.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_migration_that_fails_leaves_the_file_as_it_was(old: World) -> None:
    with sqlite3.connect(old.path) as sql:
        sql.execute("CREATE TABLE storms (theirs)")
    before = structure(old.path)
    with pytest.raises(ConfigError, match="storms already exists"):
        old.open()
    assert structure(old.path) == before


def test_a_file_without_a_version_is_refused(old: World) -> None:
    with sqlite3.connect(old.path) as sql:
        sql.execute("PRAGMA user_version = 0")
    with pytest.raises(ConfigError, match="format 0, which no byteport has written"):
        old.open()

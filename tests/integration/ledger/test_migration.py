"""A ledger of an earlier version goes on as one of this version, and back: what it holds is kept, and still verifies."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from byteport.audit.records import Entry
from byteport.audit.verify import Report, Verdict, verify_chain
from byteport.errors import ConfigError
from byteport.ledger import schema
from byteport.ledger.log import Filter
from byteport.ledger.sqlite import SqliteStore, bring_file
from tests.integration.ledger.world import BODY_KEYS, CHAIN, World, draft, log_at, pod_plan

STORES = ("sqlite",)

VERSION_2 = Path(__file__).with_name("version_2.sql")
RECORDS = 29
SAID = (b"kubectl", b"shop/Deployment", b"Umlauten", b"BEGIN SSH SIGNATURE", b"inc-2")
"""Words of its payloads, as the file of version 2 has them."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file of version 2, as the code of that time wrote it: acts, answers, a halt, alarms, and an open intent."""
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as sql:
        sql.executescript(VERSION_2.read_text())
    path.chmod(0o600)
    return path


def opened(path: Path) -> World:
    """A world on the file at `path`."""
    return World(path.parent)


def columns(path: Path, what: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as sql:
        return sql.execute(f"SELECT {what} FROM agent_actions ORDER BY seq").fetchall()


def version(path: Path) -> int:
    with sqlite3.connect(path) as sql:
        return int(sql.execute("PRAGMA user_version").fetchone()[0])


def structure(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as sql:
        rows = sql.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(text.split()) for name, text in rows}


def bytes_on_disk(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.glob("ledger.db*"))


@pytest.mark.claim("C-374")
def test_opening_a_file_of_version_2_keeps_every_record_with_its_hash(old: Path) -> None:
    before = columns(old, "seq, header, hash")
    world = opened(old)
    assert columns(old, "seq, header, hash") == before
    (report,) = world.log.verify_all()
    assert (report.intact, report.records, report.findings) == (Verdict.INTACT, RECORDS, ())
    world.ledger.record(draft("one more"))
    assert world.log.verify_all()[0].intact is Verdict.INTACT
    world.store.close()


def test_what_it_says_is_found_by_the_same_words(old: Path) -> None:
    with sqlite3.connect(old) as sql:
        wanted = {
            field: sql.execute(
                f"SELECT {field}, group_concat(seq) FROM agent_actions GROUP BY 1 ORDER BY seq"
            ).fetchall()
            for field in ("incident_id", "workflow_id", "runbook", "target", "event")
        }
    world = opened(old)
    for field, words in wanted.items():
        for word, numbers in words:
            found = [record.seq for record in world.log.iter_records(Filter.model_validate({field: word}))]
            assert found == sorted(int(number) for number in str(numbers).split(",")), (field, word)
    world.store.close()


def test_no_plain_text_is_left_on_the_disk(old: Path) -> None:
    assert all(word in bytes_on_disk(old) for word in SAID)
    world = opened(old)
    there = {word for word in SAID if word in bytes_on_disk(old)}
    with sqlite3.connect(old) as sql:
        rows = sql.execute("SELECT * FROM intents").fetchall()
    operational = {word for word in SAID if any(word.decode() in str(row) for row in rows)}
    assert there <= operational
    world.store.close()


def test_what_the_ledger_knew_besides_goes_on(old: Path) -> None:
    world = opened(old)
    assert [alarm.name for alarm in world.alarms.standing()] == ["slo"]
    world.finish("three", verified=False)
    assert not world.halts.is_halted()
    world.store.close()


@pytest.mark.claim("C-374")
def test_going_back_puts_the_same_plain_payloads_beside_the_same_headers(old: Path) -> None:
    before = columns(old, "seq, header, payload, salt, hash, incident_id")
    opened(old).store.close()
    bring_file(old, to=2, keys=BODY_KEYS)
    assert version(old) == 2
    assert columns(old, "seq, header, payload, salt, hash, incident_id") == before
    assert by_hash(old).intact is Verdict.INTACT
    bring_file(old, to=schema.VERSION, keys=BODY_KEYS)
    assert log_at(old).verify_all()[0].intact is Verdict.INTACT


def by_hash(path: Path) -> Report:
    """The table of version 2, verified."""
    entries = [
        Entry(seq=seq, header=header, payload=payload, salt=salt, hash=str(record_hash))
        for seq, header, payload, salt, record_hash in columns(
            path, "seq, CAST(header AS BLOB), CAST(payload AS BLOB), CAST(salt AS BLOB), hash"
        )
    ]
    return verify_chain(entries, CHAIN)


def test_new_records_survive_going_back_and_forth_to_the_first_version(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.granted(world.ask(pod_plan()))
    world.finish(verified=True)
    hashes = [record.hash for record in world.log.iter_records()]
    world.store.close()
    bring_file(world.path, to=1, keys=BODY_KEYS)
    assert version(world.path) == 1
    world.open()
    assert [record.hash for record in world.log.iter_records()] == hashes
    assert world.log.verify_all()[0].intact is Verdict.INTACT
    world.store.close()


def test_a_record_that_was_edited_before_is_named_after(old: Path) -> None:
    with sqlite3.connect(old) as sql:
        sql.execute("DROP TRIGGER agent_actions_never_updated")
        sql.execute("UPDATE agent_actions SET payload = replace(payload, 'kubectl', 'kubectI') WHERE seq = 1")
        sql.execute("UPDATE agent_actions SET payload = 'gone' WHERE seq = 4")
        sql.execute("UPDATE agent_actions SET payload = NULL, salt = NULL WHERE seq = 6")
        sql.execute(
            "CREATE TRIGGER agent_actions_never_updated BEFORE UPDATE ON agent_actions BEGIN SELECT RAISE(ABORT, ''); END"
        )
    world = opened(old)
    named = [(finding.fault.value, finding.seq) for finding in world.log.verify_all()[0].findings]
    assert named == [("payload_mismatch", 1), ("payload_mismatch", 4), ("payload_missing", 6)]
    world.store.close()


def test_what_comes_of_it_is_what_is_made_anew(old: Path, tmp_path: Path) -> None:
    opened(old).store.close()
    (tmp_path / "new").mkdir()
    new = World(tmp_path / "new")
    new.store.close()
    assert structure(old) == structure(new.path)
    assert version(old) == version(new.path) == schema.VERSION


def test_the_ready_script_is_what_the_migrations_make() -> None:
    """`make docs` writes it again."""
    assert schema.SCRIPT.read_text() == schema.written_again()


def test_until_it_is_opened_for_writing_it_cannot_be_read_and_says_what_to_do(old: Path) -> None:
    with pytest.raises(ConfigError, match="format 2, and this byteport reads format 4; `byteport ledger migrate`"):
        log_at(old).verify_all()
    assert version(old) == 2


def test_without_a_key_nothing_is_changed(old: Path) -> None:
    with pytest.raises(ConfigError, match=r"ledger\.body_key"):
        SqliteStore(old, keys=None, clock=lambda: pytest.fail("asked"), randomness=bytes)
    assert version(old) == 2
    assert by_hash(old).intact is Verdict.INTACT


@pytest.mark.claim("C-374")
def test_a_migration_that_fails_leaves_the_file_as_it_was(old: Path) -> None:
    with sqlite3.connect(old) as sql:
        sql.execute("CREATE TABLE erasures (theirs)")
    before, rows = structure(old), columns(old, "*")
    with pytest.raises(ConfigError, match="erasures already exists"):
        opened(old)
    assert (structure(old), columns(old, "*"), version(old)) == (before, rows, 2)


def test_a_file_without_a_version_is_refused(old: Path) -> None:
    with sqlite3.connect(old) as sql:
        sql.execute("PRAGMA user_version = 0")
    with pytest.raises(ConfigError, match="format 0, which no byteport has written"):
        opened(old)

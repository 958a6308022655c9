"""The log in the file: whatever is done to a row is found and the right record named; listed and looked up by id."""

import re
import secrets
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byteport.audit.verify import Fault, Report, Verdict
from byteport.contracts.ledger import Decision, Event
from byteport.errors import ConfigError, MalformedInput
from byteport.ledger.config import LedgerConfig
from byteport.ledger.log import AuditLog, Filter
from byteport.ledger.opening import open_log
from byteport.ledger.sealing import open_body, seal
from tests.builders.sampled import examples
from tests.integration.ledger.removing import Removing
from tests.integration.ledger.world import BODY_KEYS, CHAIN, World, draft, log_at, pod_plan

STORES = ("sqlite",)

LENGTH = 5
FIRST = "SELECT body FROM agent_action_bodies WHERE seq = 1"
UNGUARDED = [
    "agent_action_bodies_never_updated",
    "agent_action_bodies_deleted_only_by_a_removal",
    "agent_actions_never_updated",
    "agent_actions_never_deleted",
    "agent_actions_only_at_the_end",
    "chain_heads_never_deleted",
    "chain_heads_only_forward",
]


@contextmanager
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with the file, who takes the triggers off first; everything is put back as it was afterwards."""
    sql = sqlite3.connect(path, isolation_level=None)
    try:
        for trigger in UNGUARDED:
            sql.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        yield sql
    finally:
        sql.close()


@pytest.fixture
def written(world: World) -> World:
    for number in range(1, LENGTH + 1):
        world.clock.move(minutes=1)
        world.ledger.record(draft(f"record-{number}", incident=f"inc-{number % 2}"))
    return world


def found(log: AuditLog) -> list[tuple[Fault, int]]:
    (report,) = log.verify_all()
    return [(finding.fault, finding.seq) for finding in report.findings]


def test_what_was_appended_verifies(written: World) -> None:
    (report,) = written.log.verify_all()
    assert (report.intact, report.records, report.chain.tenant) == (Verdict.INTACT, LENGTH, "acme")


def test_an_empty_ledger_is_not_valid(world: World) -> None:
    (report,) = world.log.verify_all()
    assert report.intact is Verdict.EMPTY


@pytest.mark.claim("C-088")
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seq=st.integers(1, LENGTH),
    column=st.sampled_from(["header", "hash", "body"]),
    place=st.integers(0, 10_000),
    change=st.integers(1, 255),
)
def test_any_byte_changed_by_hand_is_found_and_its_record_named(
    written: World, seq: int, column: str, place: int, change: int
) -> None:
    kind, table = ("BLOB", "agent_action_bodies") if column == "body" else ("TEXT", "agent_actions")
    with by_hand(written.path) as sql:
        where = "WHERE seq = ?"
        (before,) = sql.execute(f"SELECT CAST({column} AS BLOB) FROM {table} {where}", (seq,)).fetchone()
        raw = bytearray(before)
        raw[place % len(raw)] ^= change
        sql.execute(f"UPDATE {table} SET {column} = CAST(? AS {kind}) {where}", (bytes(raw), seq))
        try:
            assert [named for _, named in found(written.log)] == [seq]
        finally:
            sql.execute(f"UPDATE {table} SET {column} = CAST(? AS {kind}) {where}", (before, seq))
    assert found(written.log) == []


@pytest.mark.claim("C-088")
@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["DELETE FROM agent_actions WHERE seq = 3"], [(Fault.MISSING, 3)]),
        (["DELETE FROM agent_actions WHERE seq BETWEEN 2 AND 4"], [(Fault.MISSING, 2)]),
        (["DELETE FROM agent_actions WHERE seq = 1"], [(Fault.MISSING, 1)]),
        (["DELETE FROM agent_actions WHERE seq > 3"], [(Fault.MISSING, 4)]),
        (["DELETE FROM agent_actions"], [(Fault.EMPTY, 0), (Fault.MISSING, 1)]),
        (
            [f"UPDATE agent_actions SET seq = {to} WHERE seq = {seq}" for seq, to in ((2, 99), (3, 2), (99, 3))],
            [(Fault.REORDERED, 2), (Fault.REORDERED, 3)],
        ),
        (["UPDATE agent_actions SET seq = 40 WHERE seq = 5"], [(Fault.REORDERED, 40)]),
        (["DELETE FROM agent_action_bodies WHERE seq = 2"], [(Fault.PAYLOAD_MISSING, 2)]),
        (["UPDATE agent_actions SET header = 7 WHERE seq = 2"], [(Fault.EDITED, 2)]),
        (["UPDATE agent_actions SET hash = x'00ff' WHERE seq = 2"], [(Fault.EDITED, 2)]),
        (
            [
                f"UPDATE agent_action_bodies SET body = ({FIRST}) WHERE seq = 4",
            ],
            [(Fault.PAYLOAD_MISMATCH, 4)],
        ),
        (["UPDATE chain_heads SET seq = 4"], [(Fault.EXTRA, 5)]),
        (["UPDATE chain_heads SET hash = 'sha256:0'"], [(Fault.UNLINKED, 5)]),
    ],
)
def test_whatever_else_is_done_by_hand_is_found_by_its_cause(
    written: World, statements: list[str], expected: list[tuple[Fault, int]]
) -> None:
    with by_hand(written.path) as sql:
        for statement in statements:
            sql.execute(statement)
    assert found(written.log) == expected


def test_a_row_given_to_another_tenant_is_missing_here_and_foreign_there(written: World) -> None:
    with by_hand(written.path) as sql:
        sql.execute("UPDATE agent_actions SET tenant = 'umbrella' WHERE seq = 3")
    ours, theirs = written.log.verify_all()
    assert [(finding.fault, finding.seq) for finding in ours.findings] == [(Fault.MISSING, 3)]
    assert (Fault.FOREIGN_TENANT, 3) in [(finding.fault, finding.seq) for finding in theirs.findings]


def ids(log: AuditLog, wanted: Filter) -> list[int]:
    return [record.seq for record in log.iter_records(wanted)]


def test_records_are_listed_by_what_is_asked(written: World) -> None:
    log, start = written.log, written.clock.now - timedelta(minutes=LENGTH)
    assert ids(log, Filter()) == [1, 2, 3, 4, 5]
    assert ids(log, Filter(newest_first=True, limit=2)) == [5, 4]
    assert ids(log, Filter(incident_id="inc-1")) == [1, 3, 5]
    assert ids(log, Filter(since=start + timedelta(minutes=2), until=start + timedelta(minutes=4))) == [2, 3]
    assert ids(log, Filter(event=Event.SKIPPED, decision=Decision.ACTED, target="shop/Deployment/web")) == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert ids(log, Filter(event=Event.FINISHED)) == []
    assert ids(log, Filter(runbook="x' OR '1'='1")) == []


def test_records_of_an_action_are_found(world: World) -> None:
    call = world.ask(pod_plan())
    world.granted(call)
    world.ledger.record(draft("between"))
    world.finish(verified=True)
    assert ids(world.log, Filter(action_id=call.action_id)) == [1, 3]


def test_a_record_that_cannot_be_read_stops_the_list_by_name(written: World) -> None:
    with by_hand(written.path) as sql:
        sql.execute("UPDATE agent_action_bodies SET body = '{' WHERE seq = 3")
    with pytest.raises(MalformedInput, match="record payload"):
        ids(written.log, Filter())


def one(world: World, seq: int) -> Report:
    record = list(world.log.iter_records())[seq - 1]
    answer = world.log.verify_one(record.id)
    assert answer.record == record
    return answer.report


@pytest.mark.parametrize(("seq", "neighbours"), [(1, 2), (3, 3), (LENGTH, 2)])
def test_one_record_is_verified_with_its_neighbours(written: World, seq: int, neighbours: int) -> None:
    report = one(written, seq)
    assert (report.intact, report.records) == (Verdict.INTACT, neighbours)


def test_one_record_is_found_by_its_ulid(written: World) -> None:
    record = next(iter(written.log.iter_records()))
    value, digits = uuid.UUID(record.id).int, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    ulid = "".join(digits[value >> shift & 31] for shift in range(125, -1, -5))
    assert written.log.verify_one(ulid.lower()).record == record


@pytest.mark.parametrize(
    ("statement", "fault", "named"),
    [
        ("UPDATE agent_action_bodies SET body = zeroblob(length(body)) WHERE seq = 3", Fault.PAYLOAD_MISMATCH, 3),
        ("DELETE FROM agent_actions WHERE seq = 2", Fault.MISSING, 2),
        ("DELETE FROM agent_actions WHERE seq = 4", Fault.MISSING, 4),
        ("UPDATE agent_actions SET hash = replace(hash, 'sha256:', 'sha256:0') WHERE seq = 4", Fault.EDITED, 4),
    ],
)
def test_one_record_is_not_verified_when_it_or_a_neighbour_was_touched(
    written: World, statement: str, fault: Fault, named: int
) -> None:
    wanted = list(written.log.iter_records())[2].id
    with by_hand(written.path) as sql:
        sql.execute(statement)
    report = written.log.verify_one(wanted).report
    assert [(finding.fault, finding.seq) for finding in report.findings] == [(fault, named)]


def test_a_record_whose_payload_is_unreadable_is_still_looked_at(written: World) -> None:
    wanted = list(written.log.iter_records())[2].id
    with by_hand(written.path) as sql:
        sql.execute("UPDATE agent_action_bodies SET body = 'gone' WHERE seq = 3")
    answer = written.log.verify_one(wanted)
    assert answer.record is None
    assert answer.report.intact is Verdict.BROKEN


def test_a_record_of_a_removal_that_was_changed_takes_no_body_away(written: World) -> None:
    removing = Removing(written)
    first = next(iter(written.log.iter_records())).id
    written.clock.move(days=91)
    removing.prune()
    assert written.log.verify_one(first).report.is_good
    (told,) = removing.told(Event.PRUNED)
    with by_hand(written.path) as sql:
        (body,) = sql.execute("SELECT body FROM agent_action_bodies WHERE seq = ?", (told.seq,)).fetchone()
        forged = open_body(BODY_KEYS, CHAIN, told.seq, body)._replace(salt=b"f" * 32)
        sealed = seal(BODY_KEYS, CHAIN, told.seq, forged, secrets.token_bytes)
        sql.execute("UPDATE agent_action_bodies SET body = ? WHERE seq = ?", (sealed, told.seq))
    report = written.log.verify_one(first).report
    assert (Fault.PAYLOAD_MISSING, 1) in {(finding.fault, finding.seq) for finding in report.findings}


def test_an_id_that_no_record_has_says_what_to_do(written: World) -> None:
    with pytest.raises(MalformedInput, match="no record has this id; `byteport verify-log --all`"):
        written.log.verify_one("01890000-0000-7000-8000-000000000000")


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.db does not exist"):
        open_log(LedgerConfig(path=tmp_path / "nowhere.db"), "acme")


def test_reading_makes_no_file_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_log(LedgerConfig(path=tmp_path / "nowhere.db"), "acme")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_program_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with by_hand(path) as sql:
        sql.execute("CREATE TABLE theirs (x)")
    with pytest.raises(ConfigError, match="another program"):
        log_at(path).verify_all()


def test_an_auditors_copy_is_enough(written: World, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "ledger.db"
    copy.parent.mkdir()
    with by_hand(tmp_path / "empty.db"), sqlite3.connect(written.path) as source, sqlite3.connect(copy) as into:
        source.backup(into)
    copy.chmod(0o444)
    assert log_at(copy).verify_all()[0].intact is Verdict.INTACT


def test_the_checker_and_the_writer_agree_about_ids(written: World) -> None:
    for record in written.log.iter_records():
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", record.id)

"""What goes from a copy, and when: never by the agent's word alone, never before its time here, and nothing that is held."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from byteport.api import retention
from byteport.audit.records import Removed
from byteport.audit.words import Event, Removal
from byteport.ledger import due
from byteport.ledger.log import Filter
from byteport.serving.problems import Problem
from tests.builders.chained import Log
from tests.builders.postgres import Database
from tests.integration.api.copy import ERASURE, Copy, requested

pytestmark = pytest.mark.ledger
STORES = ("sqlite", "postgres")


@pytest.fixture
def copy(tmp_path: Path, stored: Database | None) -> Iterator[Copy]:
    made = Copy(tmp_path, stored)
    yield made
    for log in made.logs.values():
        if log.entries and made.archive.head(log.chain) is not None:
            assert made.both_say(log.chain) == ([], 0)
    made.store.close()


def erased(log: Log, first: int, last: int, workflow_id: str = ERASURE) -> Log:
    """The record of an erasure that followed a request; the bodies of this copy are still there."""
    removed = (Removed(first=first, last=last, cause=Removal.ERASED),)
    return log.append(event=Event.ERASED, removed=removed, workflow_id=workflow_id)


@pytest.mark.claim("C-375")
def test_what_was_pruned_in_its_cluster_stays_until_it_is_as_old_here(copy: Copy) -> None:
    log = copy.logs["acme"].append(3)
    copy.later(days=30).hand_in(log)
    copy.look()
    log.erase(1, 3, Event.PRUNED)
    copy.later(days=60).told(log)
    assert copy.bodies(copy.look(days=29.9).logs["acme"]) == [1, 2, 3]
    assert copy.bodies(copy.look(hours=3).logs["acme"]) == []


@pytest.mark.claim("C-375")
def test_what_is_old_here_stays_until_its_cluster_says_that_it_pruned_it(copy: Copy) -> None:
    log = copy.logs["acme"].append(3)
    copy.hand_in(log)
    copy.look()
    copy.look(days=400)
    assert copy.bodies(log) == [1, 2, 3]
    log.erase(1, 2, Event.PRUNED)
    copy.told(log)
    assert copy.bodies(copy.look(minutes=10).logs["acme"]) == [3]


@pytest.mark.claim("C-375")
def test_a_record_that_says_that_it_is_older_than_it_is_goes_by_when_it_was_taken_in(copy: Copy) -> None:
    """Whoever has an agent may write any time into a record; when it came is this copy's own knowledge."""
    log = copy.logs["acme"].append(2)
    copy.later(days=200).hand_in(log)
    log.erase(1, 2, Event.PRUNED)
    copy.told(log)
    assert copy.bodies(copy.look(days=1).logs["acme"]) == [1, 2]
    assert copy.bodies(copy.look(days=88).logs["acme"]) == [1, 2]
    assert copy.bodies(copy.look(days=3).logs["acme"]) == []


def test_of_a_range_the_old_goes_and_the_young_stays(copy: Copy) -> None:
    log = copy.logs["acme"].append(2)
    copy.hand_in(log)
    copy.look()
    log.append(2)
    copy.later(days=50).hand_in(log, 3)
    copy.look()
    log.erase(1, 4, Event.PRUNED)
    copy.told(log)
    assert copy.bodies(copy.look(days=41).logs["acme"]) == [3, 4]
    assert copy.bodies(copy.look(days=50).logs["acme"]) == []


@pytest.mark.claim("C-376")
def test_what_was_erased_on_request_stays_for_a_day_and_then_goes(copy: Copy) -> None:
    log = copy.logs["acme"].append(4)
    copy.hand_in(log)
    erased(log, 2, 3)
    copy.told(log)
    assert copy.bodies(copy.look(hours=23.9).logs["acme"]) == [1, 2, 3, 4]
    assert copy.bodies(copy.look(minutes=10).logs["acme"]) == [1, 4]
    assert [b'"removed":"erased"' in line for line in copy.lines(log.chain)] == [False, True, True, False, False]


@pytest.mark.claim("C-376")
@pytest.mark.parametrize("hours", [24, 48, 60, 71])
def test_it_is_gone_within_72_hours_of_a_request_that_is_on_record_here(copy: Copy, hours: int) -> None:
    """Whenever the agent gets to it: with its delay of a day there is this copy's day, and the later it is the less."""
    log = copy.logs["acme"].append(4)
    requested(log, 2)
    copy.hand_in(log)
    copy.look()
    erased(log, 1, 2)
    copy.later(hours=hours).told(log)
    waits = min(24, max(0, 71 - hours))  # a note is taken once an hour
    if hours < 70:
        assert copy.bodies(copy.look(hours=waits - 1.5).logs["acme"]) == [1, 2, 3, 4, 5]
        copy.later(hours=1.5)
    assert copy.bodies(copy.look(minutes=10).logs["acme"]) == [3, 4, 5]
    assert hours + waits + 1 / 6 < 72


@pytest.mark.claim("C-376")
@pytest.mark.parametrize("why", ["more_than_asked", "taken_back", "another_request", "large", "just_asked"])
def test_the_day_is_not_shortened_by_what_a_taken_over_agent_could_say(copy: Copy, why: str) -> None:
    log = copy.logs["acme"].append(30)
    requested(log, {"more_than_asked": 1, "large": 20}.get(why, 2))
    if why != "just_asked":
        copy.hand_in(log)
        copy.look()
        copy.later(hours=70.5)
    if why == "taken_back":
        log.append(event=Event.ERASURE_CANCELLED, workflow_id=ERASURE)
    last = 20 if why == "large" else 2
    erased(log, 1, last, workflow_id="erasure:other" if why == "another_request" else ERASURE)
    first = 1 if why == "just_asked" else 32
    copy.hand_in(log, first)
    assert 1 in copy.bodies(copy.look(hours=23.9).logs["acme"])
    assert 1 not in copy.bodies(copy.look(minutes=20).logs["acme"])


@pytest.mark.claim("C-377")
def test_a_hold_keeps_both_what_was_pruned_and_what_was_erased_and_its_end_lets_them_go(copy: Copy) -> None:
    log, second = copy.logs["acme"].append(4), copy.logs["acme-second"].append(2)
    copy.hand_in(log)
    copy.hand_in(second)
    copy.look()
    copy.hold({"name": "case-7", "tenant": "acme", "cluster_uid": log.chain.cluster_uid})
    log.erase(1, 2, Event.PRUNED).erase(3, 4)
    second.erase(1, 1, Event.PRUNED)
    copy.hand_in(log, 5)
    copy.told(second)
    copy.look(days=100)
    assert (copy.bodies(log), copy.bodies(second)) == ([1, 2, 3, 4], [2])
    copy.hold()
    assert copy.bodies(copy.look(minutes=10).logs["acme"]) == []


@pytest.mark.claim("C-377")
def test_a_hold_on_a_time_keeps_what_lies_in_it(copy: Copy) -> None:
    log = copy.logs["acme"].append(5)
    copy.hand_in(log)
    times = [record.timestamp for record in copy.archive.page("acme", None, Filter(), None, 10).records]
    copy.hold({"name": "case-7", "tenant": "acme", "since": times[1], "until": times[3]})
    log.erase(1, 5)
    copy.told(log)
    assert copy.bodies(copy.look(days=2).logs["acme"]) == [2, 3]


@pytest.mark.claim("C-377")
def test_while_the_enrolment_file_cannot_be_read_nothing_goes(copy: Copy, caplog: pytest.LogCaptureFixture) -> None:
    log = copy.logs["acme"].append(2)
    copy.hand_in(log)
    log.erase(1, 2)
    copy.told(log)
    text = copy.enrolment.read_text()
    copy.enrolment.write_text("holds: [")
    assert copy.bodies(copy.look(days=2).logs["acme"]) == [1, 2]
    assert "ledger_retention_failed" in caplog.text
    assert "byteport_ledger_retention_failures_total 1" in copy.counts.text(())
    copy.enrolment.write_text(text)
    assert copy.bodies(copy.look(minutes=10).logs["acme"]) == []


def test_records_that_tell_of_removals_stay_for_ever(copy: Copy) -> None:
    log = copy.logs["acme"].append(1)
    copy.hand_in(log)
    log.erase(1, 1)
    copy.told(log)
    log.append(event=Event.PRUNED, removed=(Removed(first=1, last=2, cause=Removal.PRUNED),))
    with pytest.raises(Problem, match="tell of a removal"):
        copy.told(log)
    log.entries.pop()


def test_on_request_nothing_goes_that_tells_who_asked_for_an_erasure_or_ended_a_hold(copy: Copy) -> None:
    log = copy.logs["acme"].append(1)
    requested(log, 1).append(event=Event.HOLD_SET).append(event=Event.HOLD_ENDED)
    copy.hand_in(log)
    for seq in (2, 3, 4):
        with pytest.raises(Problem, match="a request or a hold"):
            copy.told(erased(log, seq, seq))
        log.entries.pop()
    copy.told(log.append(event=Event.PRUNED, removed=(Removed(first=1, last=4, cause=Removal.PRUNED),)))


def test_what_is_done_again_does_nothing_and_is_counted_once(copy: Copy) -> None:
    log = copy.logs["acme"].append(3)
    copy.hand_in(log)
    log.erase(1, 2)
    copy.told(log)
    copy.told(log)
    copy.look(days=2).look(days=1).look(days=1)
    assert 'bodies_destroyed_total{tenant="acme",cause="erased"} 2' in copy.counts.text(())


@pytest.mark.claim("C-378")
def test_of_several_processes_one_looks_after_a_tenant_and_another_goes_on_when_it_is_gone(copy: Copy) -> None:
    log = copy.logs["acme"].append(2)
    copy.hand_in(log)
    log.erase(1, 2)
    copy.look()
    copy.told(log)
    copy.look(days=2)  # this process has the turn now
    copy.told(log.append())
    copy.told(log.erase(4, 4))
    other = copy.another()
    copy.later(minutes=5)
    other.sweep()
    with copy.store.of("acme").snapshot() as sql:
        holder = sql.execute("SELECT holder FROM sweeps WHERE tenant = ?", ("acme",)).fetchone()
    assert holder[0] == copy.sweeper._holder
    copy.later(days=2)
    other.sweep()
    assert copy.bodies(log) == []


def test_a_portion_is_bounded_whatever_is_due(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PORTION", 4)
    monkeypatch.setattr(retention, "ROWS", 3)
    log = copy.logs["acme"].append(30)
    copy.hand_in(log)
    for first in range(1, 30, 3):
        log.erase(first, first + 1)
    copy.hand_in(log, 31)
    destroyed: list[int] = []
    monkeypatch.setattr(copy.counts, "destroyed", lambda *given: destroyed.append(given[2]))
    copy.look(days=2)
    assert copy.bodies(log) == list(range(3, 31, 3))
    assert (sum(destroyed), max(destroyed)) == (20, 4)


@pytest.mark.claim("C-379")
def test_a_large_erasure_is_told_and_a_usual_one_is_not(copy: Copy) -> None:
    log = copy.logs["acme"].append(400)
    copy.hand_in(log)
    log.erase(1, 15)
    assert copy.told(log).erased == 0
    log.erase(16, 25)
    assert copy.told(log).erased == 25  # in parts it is as large
    log.erase(26, 26)
    copy.later(days=2)
    assert copy.told(log).erased == 0


def test_what_cannot_be_named_is_refused_whole(copy: Copy) -> None:
    log = copy.logs["acme"].append(2)
    copy.hand_in(log)
    ranges = tuple(Removed(first=1, last=1, cause=Removal.ERASED) for _ in range(3000))
    assert copy.told(log.append(event=Event.ERASED, removed=ranges)).taken.new == 1, "the same ones are one"
    assert due.merged([(5, 6), (1, 2), (3, 3), (9, 9), (2, 2)]) == [(1, 3), (5, 6), (9, 9)]


def test_in_a_file_too_no_body_goes_that_no_record_named(tmp_path: Path) -> None:
    copy = Copy(tmp_path, None)
    log = copy.logs["acme"].append(3)
    copy.hand_in(log)
    log.erase(2, 2)
    copy.told(log)
    copy.store.close()
    with sqlite3.connect(tmp_path / "copy.db") as sql:
        for statement in (
            "DELETE FROM agent_action_bodies WHERE seq = 1",
            "UPDATE due_removals SET last_seq = 3",
            "UPDATE due_removals SET done_ms = 1",
            "DELETE FROM due_removals",
            "INSERT INTO due_removals SELECT tenant, cluster_uid, 3, 1, 1, 0, NULL, NULL FROM chain_heads",
            "INSERT INTO intakes SELECT tenant, cluster_uid, 9, 0 FROM chain_heads",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                sql.execute(statement)
        sql.execute("DELETE FROM agent_action_bodies WHERE seq = 2")

"""Erasure on request: found and shown, taken back or done after a day, once, and never through a hold or before a receiver."""

import threading

import pytest

from activities.audit import erasing, erasure_rows, names
from activities.audit.erasures import Wanted, late, waits
from activities.audit.holds import About
from byteport.audit.words import Event, Removal
from byteport.contracts.retention import Erase, ErasureState, Exported, ListErasures, Obstacle
from byteport.domain.retention import Holdup, Span
from byteport.errors import ConfigError, MalformedInput, NotPermitted, PreconditionFailed, TargetGone
from byteport.ledger.bodies import destroy
from byteport.ledger.keys import BodyKeys
from byteport.ledger.log import AuditLog
from byteport.ledger.store import Store
from byteport.trust.key_files import KeyRing, SymmetricKey
from tests.integration.ledger.removing import DAY, Removing
from tests.integration.ledger.world import CHAIN, draft, pod_plan

WEB, API = "shop/Deployment/web", "shop/Deployment/api"
OTHER_KEYS = BodyKeys(KeyRing((SymmetricKey(bytes(reversed(range(32)))),), "ledger.body_key"))


class Elsewhere:
    """A store as whoever has another key sees it."""

    keys = OTHER_KEYS

    def __init__(self, store: Store) -> None:
        self.name = store.name
        self.snapshot = store.snapshot


def test_what_would_be_erased_is_found_by_record_incident_or_target(removing: Removing) -> None:
    first = removing.record("a", target=WEB)
    removing.record("b", target=WEB, incident="inc-2")
    removing.record("c", target=API)
    assert removing.find(target=WEB) == [1, 2]
    assert removing.find(incident="inc-1") == [1, 3]
    assert [record.seq for record in removing.erasures.find(Wanted(records=(first.id,)))] == [1]
    assert removing.find(target="shop/Deployment/none") == []


def test_an_id_that_no_record_has_is_said_before_anything_is_asked_for(removing: Removing) -> None:
    removing.record("a")
    with pytest.raises(TargetGone):
        removing.erasures.find(Wanted(records=("0198f000-0000-7000-8000-000000000001",)))
    with pytest.raises(MalformedInput):
        removing.erasures.find(Wanted(records=("shop/web",)))


@pytest.mark.claim("C-162")
def test_bodies_are_gone_a_day_after_the_request_with_one_record_of_it(removing: Removing) -> None:
    removing.records("a", "b", "c")
    request = removing.ask(1, 3)
    assert removing.erase(request).state is ErasureState.WAITING
    removing.world.clock.move(hours=24)
    done = removing.erase(request)
    assert (done.state, done.erased, done.more) == (ErasureState.ERASED, 2, False)
    assert removing.bodies == [2, 4, 5]
    assert removing.removed == [(1, 1, "erased"), (3, 3, "erased")]
    (record,) = removing.told(Event.ERASED)
    assert done.record is not None
    assert (record.id, record.signal_value) == (done.record.id, 2)


@pytest.mark.claim("C-162")
def test_asked_again_it_is_done_already_and_recorded_once(removing: Removing) -> None:
    removing.record("a")
    request = removing.ask(1)
    removing.world.clock.move(days=1)
    removing.erase(request)
    again = removing.erase(request)
    assert (again.state, again.erased) == (ErasureState.ERASED, 1)
    assert len(removing.told(Event.ERASED)) == 1


@pytest.mark.claim("C-162")
def test_asked_by_two_at_once_it_is_done_once(removing: Removing) -> None:
    removing.records("a", "b")
    request = removing.ask(1, 2)
    removing.world.clock.move(days=1)
    both = [threading.Thread(target=removing.erase, args=(request,)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(removing.told(Event.ERASED)) == 1
    assert removing.removed == [(1, 2, "erased")]


class Killed(Exception):
    """Stands for the end of the process at that step."""


def kill(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.claim("C-162")
@pytest.mark.parametrize(
    ("at", "step"),
    [
        (erasing, "agent_draft"),
        (erasing, "destroy"),
        (erasure_rows, "erased"),
        (erasure_rows, "end"),
        (names, "blank"),
        (names, "counted_until"),
        (Store, "scrub"),
    ],
)
def test_killed_at_any_step_and_done_again_it_is_done_whole_and_recorded_once(
    removing: Removing, at: object, step: str
) -> None:
    removing.records("a", "b")
    request = removing.ask(1, 2)
    removing.world.clock.move(days=1)
    with pytest.MonkeyPatch.context() as killing:
        killing.setattr(at if at is not Store else type(removing.world.store), step, kill)
        with pytest.raises(Killed):
            removing.erase(request)
    committed = step == "scrub"
    assert (1 in removing.bodies, len(removing.told(Event.ERASED))) == ((False, 1) if committed else (True, 0))
    done = removing.erase(request)
    assert (done.state, done.erased) == (ErasureState.ERASED, 2)
    assert removing.bodies == [3, 4]
    assert len(removing.told(Event.ERASED)) == 1


def test_neither_clock_alone_makes_it_due(removing: Removing) -> None:
    removing.record("a")
    request = removing.ask(1)
    assert removing.erase(request, temporal=30 * DAY).state is ErasureState.WAITING
    removing.world.clock.move(days=1)
    assert removing.erase(request, temporal=-DAY).state is ErasureState.WAITING


@pytest.mark.claim("C-164")
def test_the_request_is_a_record_of_who_why_and_how_many_and_never_of_what(removing: Removing) -> None:
    removing.records("a", "b", target=WEB)
    request = removing.ask(1, 2)
    (record,) = removing.told(Event.ERASURE_REQUESTED)
    assert (record.approver, record.note, record.signal_value) == ("ada", "ticket 7", 2)
    assert WEB not in record.model_dump_json()
    removing.world.clock.move(days=1)
    removing.erase(request)
    (erased,) = removing.told(Event.ERASED)
    assert erased.approver is None
    assert WEB not in erased.model_dump_json()


def test_one_that_was_taken_back_is_not_done_and_that_is_a_record(removing: Removing) -> None:
    removing.record("a")
    request = removing.ask(1)
    removing.erasures.cancel(request.request.request_id, by="bob", reason="mistaken")
    removing.world.clock.move(days=3)
    assert removing.erase(request).state is ErasureState.CANCELLED
    assert 1 in removing.bodies
    (record,) = removing.told(Event.ERASURE_CANCELLED)
    assert (record.approver, record.note) == ("bob", "mistaken")


def test_what_is_done_or_taken_back_cannot_be_taken_back(removing: Removing) -> None:
    removing.records("a", "b")
    done, cancelled = removing.ask(1), removing.ask(2)
    removing.erasures.cancel(cancelled.request.request_id, by="bob", reason="mistaken")
    removing.world.clock.move(days=1)
    removing.erase(done)
    for request in (done, cancelled):
        with pytest.raises(PreconditionFailed):
            removing.erasures.cancel(request.request.request_id, by="bob", reason="again")
    with pytest.raises(TargetGone):
        removing.erasures.cancel("0198", by="bob", reason="what")


def test_nothing_is_asked_for_or_taken_back_without_a_reason(removing: Removing) -> None:
    removing.record("a")
    with pytest.raises(MalformedInput, match="must say why"):
        removing.erasures.request([1], by="ada", reason=" ")
    request = removing.ask(1)
    with pytest.raises(MalformedInput, match="must say why"):
        removing.erasures.cancel(request.request.request_id, by="ada", reason="")


def test_what_tells_of_a_removal_and_what_is_gone_cannot_be_asked_for(removing: Removing) -> None:
    removing.record("a")
    removing.erase_after_a_day(1)
    (record,) = removing.told(Event.ERASED)
    with pytest.raises(MalformedInput, match="is never erased on request"):
        removing.erasures.find(Wanted(records=(record.id,)))
    for seqs in ([record.seq], [1], [99], []):
        with pytest.raises(MalformedInput):
            removing.erasures.request(seqs, by="ada", reason="ticket 8")


@pytest.mark.claim("C-162")
def test_who_held_what_and_who_asked_for_what_cannot_be_erased_on_request(removing: Removing) -> None:
    removing.records("a", "b", target=WEB)
    hold = removing.holds.set_("case-7", About(target=WEB), by="ada", reason="litigation").record
    ended = removing.holds.end("case-7", by="mallory", reason="because")
    asked, taken_back = removing.ask(1), removing.ask(2)
    cancelled = removing.erasures.cancel(taken_back.request.request_id, by="mallory", reason="because")
    assert hold is not None
    assert ended is not None
    telling = [hold, ended, asked.record, taken_back.record, cancelled]
    assert removing.find(target=WEB) == [1, 2]
    for one in telling:
        with pytest.raises(MalformedInput, match="is never erased on request"):
            removing.erasures.find(Wanted(records=(one.id,)))
        with pytest.raises(MalformedInput, match="tell of a hold or an erasure"):
            removing.erasures.request([one.seq], by="mallory", reason="gone")
        ours = draft(f"erased:{one.seq}", event=Event.ERASED)
        with removing.world.store.transaction() as tx, pytest.raises(MalformedInput, match="and stays"):
            destroy(tx, CHAIN, [(1, one.seq)], Removal.ERASED, ours)
    removing.world.clock.move(days=91)
    removing.prune()
    assert not {one.seq for one in telling} & set(removing.bodies)


def test_a_request_that_names_what_tells_of_one_takes_the_rest(removing: Removing) -> None:
    removing.record("a")
    hold = removing.holds.set_("case-7", About(target=WEB), by="ada", reason="litigation").record
    removing.holds.end("case-7", by="ada", reason="settled")
    assert hold is not None
    request = removing.ask(1)
    with removing.world.store.transaction() as tx:  # as a version before this one wrote it
        named = erasure_rows.Named(spans=(Span(1, hold.seq),)).model_dump_json()
        tx.sql.execute("UPDATE erasures SET about = ? WHERE request_id = ?", (named, request.request.request_id))
    removing.world.clock.move(days=1)
    assert removing.erase(request).state is ErasureState.ERASED
    assert (1 in removing.bodies, hold.seq in removing.bodies) == (False, True)


# -- what stands in its way -------------------------------------------------------------------------------------------


def test_a_legal_hold_stops_it_and_it_is_done_when_the_hold_has_ended(removing: Removing) -> None:
    removing.record("a", target=WEB)
    removing.record("b", target=API)
    removing.holds.set_("case-7", About(target=WEB), by="ada", reason="litigation")
    request = removing.ask(1, 2)
    assert [one.says() for one in request.obstacles] == ["legal hold case-7 keeps 1 record(s)"]
    removing.world.clock.move(days=1)
    held = removing.erase(request)
    assert (held.state, held.erased, held.more) == (ErasureState.HELD, 1, False)
    assert held.obstacles == (Obstacle(kind=Holdup.LEGAL_HOLD, what="case-7", records=1),)
    assert 1 in removing.bodies
    removing.holds.end("case-7", by="ada", reason="settled")
    done = removing.erase(request)
    assert (done.state, done.erased) == (ErasureState.ERASED, 2)
    assert removing.removed == [(2, 2, "erased"), (1, 1, "erased")]


def test_an_export_in_flight_stops_it_and_who_has_it_already_is_told(removing: Removing) -> None:
    removing.targets = ("s3", "syslog")
    removing.records("a", "b")
    removing.exported("s3", 2)
    removing.exported("syslog", 1)
    request = removing.ask(2)
    assert request.request.exported == (Exported(target="s3", seq=2),)
    removing.world.clock.move(days=1)
    held = removing.erase(request)
    assert held.obstacles == (Obstacle(kind=Holdup.EXPORT_UNFINISHED, what="syslog", records=1),)
    removing.exported("syslog", 2)
    done = removing.erase(request)
    assert done.state is ErasureState.ERASED
    assert [one.target for one in done.exported] == ["s3", "syslog"]


def test_an_act_that_has_just_begun_stops_it_and_one_of_yesterday_does_not(removing: Removing) -> None:
    world = removing.world
    world.granted(world.ask(pod_plan()))
    request = removing.ask(1)
    world.clock.move(hours=24)
    assert removing.erase(request).obstacles == (Obstacle(kind=Holdup.INTENT_OPEN, what="", records=1),)
    world.clock.move(seconds=1)
    assert removing.erase(request).state is ErasureState.ERASED


def test_a_large_one_is_done_in_portions_each_with_its_record(
    removing: Removing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "PORTION", 2)
    removing.records(*(f"{n}" for n in range(5)))
    request = removing.ask(1, 2, 3, 4, 5)
    removing.world.clock.move(days=1)
    answers = [removing.erase(request) for _ in range(3)]
    assert [(one.erased, one.more) for one in answers] == [(2, True), (4, True), (5, False)]
    assert removing.removed == [(1, 2, "erased"), (3, 4, "erased"), (5, 5, "erased")]


def test_what_was_pruned_meanwhile_is_not_erased_again(removing: Removing) -> None:
    removing.records("a", "b")
    removing.world.clock.move(days=90)
    request = removing.ask(1, 2)
    removing.world.clock.move(days=1, seconds=1)
    removing.prune()
    done = removing.erase(request)
    assert (done.state, done.erased, done.record) == (ErasureState.ERASED, 0, None)
    assert removing.removed == [(1, 2, "pruned")]


def test_where_the_key_is_destroyed_no_body_is_read_and_every_header_stands(removing: Removing) -> None:
    """All of an installation at once, in backups too: there is no other way to reach those."""
    removing.records("a", "b")
    without = AuditLog(Elsewhere(removing.world.store))
    with pytest.raises(ConfigError, match="holds no key"):
        list(without.iter_records())
    with pytest.raises(ConfigError, match="holds no key"):
        without.verify_all()
    assert [entry.hash for entry in without.headers(CHAIN)] == [
        entry.hash for entry in removing.world.log.headers(CHAIN)
    ]


# -- who asks ---------------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-164")
def test_an_erasure_that_nobody_asked_for_and_another_clusters_are_refused(removing: Removing) -> None:
    removing.record("a")
    now = removing.world.clock.now
    with pytest.raises(TargetGone):
        removing.eraser.erase(Erase(cluster_uid="uid-1", request_id="0198", now=now))
    with pytest.raises(TargetGone):
        removing.eraser.erase(Erase(cluster_uid="uid-1", request_id="", now=now))
    with pytest.raises(NotPermitted):
        removing.eraser.erase(Erase(cluster_uid="uid-2", request_id="0198", now=now))


def test_open_requests_are_what_the_daily_run_sees_to(removing: Removing) -> None:
    removing.records("a", "b", "c")
    first, second, third = removing.ask(1), removing.ask(2), removing.ask(3)
    removing.erasures.cancel(second.request.request_id, by="bob", reason="mistaken")
    found = removing.eraser.open(ListErasures(cluster_uid="uid-1")).requests
    assert set(found) == {waits(first.request), waits(third.request)}


def test_one_whose_72_hours_are_over_is_late(removing: Removing) -> None:
    removing.record("a")
    request = removing.ask(1)
    times = request.request.times
    listed = removing.erasures.listed()
    assert late(listed, times.late) == []
    assert [one.request_id for one in late(listed, times.late + DAY)] == [request.request.request_id]
    removing.world.clock.move(days=4)
    removing.erase(request)
    assert late(removing.erasures.listed(), times.late + DAY) == []


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(incident_id=""),
        Wanted(incident_id="  "),
        Wanted(incident_id="none"),
        Wanted(target=""),
        Wanted(target="none"),
        Wanted(target="shop/Deployment/a\nb"),
        Wanted(target="shop/Deployment/web "),
    ],
)
def test_a_word_that_is_empty_or_that_no_record_can_have_names_nothing(removing: Removing, wanted: Wanted) -> None:
    removing.record("a")
    removing.world.alarms.raise_("slo", by="ada")
    removing.world.halts.halt(by="ada", reason="maintenance")
    with pytest.raises(MalformedInput):
        removing.erasures.find(wanted)


def test_every_open_request_is_listed_page_by_page(removing: Removing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "MOST_LISTED", 2)
    removing.records("a", "b", "c", "d", "e")
    asked = []
    for number in range(1, 6):
        asked.append(removing.ask(number).request.request_id)
        removing.world.clock.move(minutes=1)
    found, after, more = list[str](), "", True
    while more:
        page = removing.eraser.open(ListErasures(cluster_uid="uid-1", after=after))
        assert len(page.requests) <= 2
        found += [one.request_id for one in page.requests]
        after, more = found[-1], page.more
    assert found == asked

"""Legal holds: what a hold is about stays, for as long as it stands, and each setting and ending is a record."""

from datetime import timedelta

import pytest

from activities.audit.holds import About
from byteport.audit.words import Event
from byteport.contracts.retention import Obstacle
from byteport.domain.retention import Holdup
from byteport.errors import MalformedInput, TargetGone
from tests.integration.ledger.removing import Removing
from tests.integration.ledger.world import CHAIN, NOW

WEB, API = "shop/Deployment/web", "shop/Deployment/api"
EVERYTHING = About()


def set_(removing: Removing, about: About = EVERYTHING, *, name: str = "case-7") -> None:
    assert removing.holds.set_(name, about, by="ada", reason="litigation", future=True).record is not None


@pytest.mark.claim("C-161")
def test_what_a_hold_is_about_is_not_pruned_and_goes_when_it_has_ended(removing: Removing) -> None:
    removing.records("a", "b", target=WEB)
    removing.record("c", target=API)
    set_(removing, About(target=WEB))
    removing.world.clock.move(days=91)
    pruned = removing.prune()
    assert (pruned.records, pruned.obstacles) == (
        1,
        (Obstacle(kind=Holdup.LEGAL_HOLD, what="case-7", records=3),),
    )
    assert removing.bodies == [1, 2, 4, 5]
    removing.holds.end("case-7", by="bob", reason="settled")
    assert removing.prune().records == 3


@pytest.mark.parametrize(
    ("about", "kept"),
    [
        (About(incident_id="inc-2"), [2]),
        (About(target=API), [3]),
        (About(runbook="PodCrashloopRunbook"), [1, 2, 3, 4]),
        (About(target=WEB, incident_id="inc-1"), [1, 4]),
        (About(since=NOW + timedelta(hours=1)), [2, 3, 4]),
        (About(until=NOW + timedelta(hours=1)), [1]),
        (About(since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=2)), [2]),
        (About(since=NOW + timedelta(hours=1), target=WEB), [2, 4]),
        (About(), [1, 2, 3, 4]),
    ],
)
@pytest.mark.claim("C-161")
def test_a_hold_is_about_exactly_what_it_says(removing: Removing, about: About, kept: list[int]) -> None:
    removing.record("a", target=WEB)
    removing.world.clock.move(hours=1)
    removing.record("b", target=WEB, incident="inc-2")
    removing.world.clock.move(hours=1)
    removing.record("c", target=API)
    removing.record("d", target=WEB)
    set_(removing, about)
    removing.world.clock.move(days=91)
    removing.prune()
    assert [seq for seq in removing.bodies if seq <= 4] == kept


@pytest.mark.claim("C-161")
def test_it_also_keeps_what_is_recorded_after_it_was_set(removing: Removing) -> None:
    set_(removing, About(target=WEB))
    removing.record("later", target=WEB)
    removing.world.clock.move(days=91)
    removing.prune()
    assert 2 in removing.bodies


def test_setting_and_ending_are_records_with_who_and_why(removing: Removing) -> None:
    set_(removing, About(target=WEB, since=NOW))
    removing.holds.end("case-7", by="bob", reason="settled")
    told = removing.told(Event.HOLD_SET, Event.HOLD_ENDED)
    assert [(one.event, one.approver, one.note, one.command) for one in told] == [
        (
            Event.HOLD_SET,
            "ada",
            "litigation",
            "byteport hold set case-7 --target shop/Deployment/web --since 2026-03-10T09:00:00.000Z",
        ),
        (Event.HOLD_ENDED, "bob", "settled", "byteport hold end case-7"),
    ]


def test_those_that_stand_are_listed_oldest_first(removing: Removing) -> None:
    set_(removing, About(target=WEB), name="second")
    removing.world.clock.move(hours=-1)
    set_(removing, name="first")
    assert [(hold.name, hold.about.options(), hold.by) for hold in removing.holds.standing()] == [
        ("first", "--all", "ada"),
        ("second", "--target shop/Deployment/web", "ada"),
    ]


def test_the_same_hold_twice_is_one_and_another_of_its_name_is_refused(removing: Removing) -> None:
    set_(removing, About(target=WEB))
    assert removing.holds.set_("case-7", About(target=WEB), by="bob", reason="again").record is None
    assert len(removing.told(Event.HOLD_SET)) == 1
    with pytest.raises(MalformedInput, match="is a hold already, on --target shop/Deployment/web"):
        removing.holds.set_("case-7", About(target=API), by="bob", reason="other")


def test_ending_what_does_not_stand_changes_nothing(removing: Removing) -> None:
    removing.record("a")
    assert removing.holds.end("nothing", by="bob", reason="gone") is None
    assert removing.told(Event.HOLD_ENDED) == []


@pytest.mark.parametrize("reason", ["", "   ", "\n\t"])
def test_no_hold_is_set_or_ended_without_a_reason(removing: Removing, reason: str) -> None:
    set_(removing)
    with pytest.raises(MalformedInput, match="must say why"):
        removing.holds.set_("other", About(), by="ada", reason=reason)
    with pytest.raises(MalformedInput, match="must say why"):
        removing.holds.end("case-7", by="ada", reason=reason)
    assert [hold.name for hold in removing.holds.standing()] == ["case-7"]


def test_a_name_that_is_none_and_times_the_wrong_way_round_are_refused(removing: Removing) -> None:
    removing.record("a")
    with pytest.raises(MalformedInput):
        removing.holds.set_("a b", About(), by="ada", reason="why")
    with pytest.raises(MalformedInput, match="must be later"):
        removing.holds.set_("x", About(since=NOW, until=NOW), by="ada", reason="why")


def test_a_hold_that_cannot_be_read_keeps_everything(removing: Removing) -> None:
    removing.record("a")
    with removing.world.store.transaction() as tx:
        tx.sql.execute(
            "INSERT INTO legal_holds (tenant, cluster_uid, name, about, held_by, since_ms, reason)"
            " VALUES (?, ?, 'case-7', '{', 'ada', 0, 'litigation')",
            (CHAIN.tenant, CHAIN.cluster_uid),
        )
    removing.world.clock.move(days=91)
    assert removing.prune().records == 0


@pytest.mark.parametrize(
    "about",
    [
        About(incident_id=""),
        About(incident_id="inc-1 "),
        About(incident_id="none"),
        About(target=""),
        About(target="shop/Deployment/a\nb"),
        About(target="shop/Deployment"),
        About(target="shop/Deployment/Web"),
        About(target="none"),
        About(runbook=""),
        About(runbook="none"),
        About(runbook="podcrashlooprunbook"),
        About(target=WEB, incident_id=""),
    ],
)
@pytest.mark.claim("C-161")
def test_a_word_that_no_record_can_have_is_refused_and_nothing_stands(removing: Removing, about: About) -> None:
    removing.record("a")
    with pytest.raises(MalformedInput):
        removing.holds.set_("case-7", about, by="ada", reason="litigation", future=True)
    assert removing.holds.standing() == ()
    assert removing.told(Event.HOLD_SET) == []


@pytest.mark.parametrize(
    "about",
    [
        About(incident_id="inc-7"),
        About(target="shop/Deployment/wbe"),
        About(runbook="CpuSpikeRunbook"),
        About(until=NOW),
        About(target=WEB, incident_id="inc-2"),
    ],
)
@pytest.mark.claim("C-161")
def test_a_hold_that_would_keep_nothing_is_not_set_unless_it_is_meant_for_what_comes(
    removing: Removing, about: About
) -> None:
    removing.record("a")
    with pytest.raises(TargetGone, match="nothing would be kept"):
        removing.holds.set_("case-7", about, by="ada", reason="litigation")
    assert removing.holds.standing() == ()
    assert removing.holds.set_("case-7", about, by="ada", reason="litigation", future=True).keeps == 0
    with pytest.raises(TargetGone):  # the record of the hold is none of those that it is to keep
        removing.holds.set_("case-8", about, by="ada", reason="litigation")
    assert removing.holds.set_("case-9", About(), by="ada", reason="litigation").keeps == 1


def test_it_says_how_many_bodies_it_keeps_of_those_that_are_there(removing: Removing) -> None:
    removing.records("a", "b", target=WEB)
    removing.record("c", target=API)
    assert removing.holds.set_("case-7", About(target=WEB), by="ada", reason="litigation").keeps == 2
    removing.erase_after_a_day(3)
    assert removing.holds.set_("case-8", About(), by="ada", reason="litigation").keeps == 2


def test_a_fraction_of_a_millisecond_is_rounded_so_that_more_is_kept(removing: Removing) -> None:
    removing.record("a")
    part = timedelta(microseconds=1)
    assert removing.holds.set_("until", About(until=NOW + part), by="ada", reason="litigation").keeps == 1
    assert removing.holds.set_("since", About(since=NOW + part), by="ada", reason="litigation").keeps == 1

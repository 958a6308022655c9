"""Pruning: bodies that are old enough go, each portion with its record; everything that must stay stays."""

from datetime import timedelta

import pytest

from activities.audit import names, retention
from byteport.audit.words import Event
from byteport.contracts.retention import Obstacle, Prune
from byteport.domain.retention import Holdup, RetentionConfig
from byteport.errors import NotPermitted
from tests.integration.ledger.removing import DAY, Removing
from tests.integration.ledger.world import CHAIN, INSTALLATION, pod_plan


@pytest.mark.claim("C-160")
def test_a_body_is_destroyed_after_ninety_days_and_not_before(removing: Removing) -> None:
    removing.records("a", "b")
    removing.world.clock.move(days=1)
    removing.record("c")
    removing.world.clock.move(days=89)
    assert removing.prune().records == 0
    removing.world.clock.move(seconds=1)
    assert removing.prune().records == 2
    assert removing.bodies == [3, 4]


@pytest.mark.claim("C-162")
def test_the_record_of_it_says_which_and_how_long_bodies_are_kept(removing: Removing) -> None:
    removing.records("a", "b")
    removing.world.clock.move(days=91)
    pruned = removing.prune()
    (record,) = removing.told(Event.PRUNED)
    assert pruned.record is not None
    assert record.id == pruned.record.id
    assert removing.removed == [(1, 2, "pruned")]
    assert record.signal_value == 2
    assert record.note == "bodies of before 2026-03-11T09:00:00.000Z: 90 days are kept"


@pytest.mark.claim("C-160")
def test_headers_and_hashes_stay_for_ever(removing: Removing) -> None:
    removing.records("a", "b")
    before = [(entry.seq, entry.header, entry.hash) for entry in removing.world.log.entries(CHAIN)]
    removing.world.clock.move(days=91)
    removing.prune()
    after = [(entry.seq, entry.header, entry.hash) for entry in removing.world.log.entries(CHAIN)]
    assert after[:2] == before


def test_nothing_of_what_it_said_is_left_in_the_file(removing: Removing) -> None:
    removing.record("a", target="shop/Deployment/secret-project")
    removing.world.clock.move(days=91)
    removing.prune()
    assert removing.find(target="shop/Deployment/secret-project") == []
    assert removing.stored("secret-project") == []


@pytest.mark.claim("C-162")
def test_a_second_run_prunes_nothing_and_records_nothing(removing: Removing) -> None:
    removing.records("a", "b")
    removing.world.clock.move(days=91)
    removing.prune()
    again = removing.prune()
    assert (again.records, again.record, again.more) == (0, None, False)
    assert len(removing.told(Event.PRUNED)) == 1


@pytest.mark.claim("C-162")
def test_killed_within_a_portion_it_is_as_if_it_had_not_begun(removing: Removing) -> None:
    removing.records("a", "b")
    removing.world.clock.move(days=91)

    def kill(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with pytest.MonkeyPatch.context() as killing:
        killing.setattr(names, "blank", kill)
        with pytest.raises(RuntimeError, match="killed"):
            removing.prune()
    assert removing.bodies == [1, 2]
    assert removing.prune().records == 2
    assert len(removing.told(Event.PRUNED)) == 1


def test_what_tells_of_a_removal_is_never_pruned_itself(removing: Removing) -> None:
    removing.records("a", "b")
    removing.world.clock.move(days=91)
    removing.prune()
    removing.world.clock.move(days=4000)
    assert removing.prune().records == 0
    assert removing.bodies == [3]


def test_many_go_in_portions_and_no_portion_is_larger(removing: Removing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PORTION", 3)
    monkeypatch.setattr(retention, "LOOKED_AT", 2)
    removing.records(*(f"{n}" for n in range(8)))
    removing.world.clock.move(days=91)
    portions = [removing.prune() for _ in range(4)]
    assert [(one.records, one.more) for one in portions] == [(3, True), (3, True), (2, False), (0, False)]
    assert removing.removed == [(1, 3, "pruned"), (4, 6, "pruned"), (7, 8, "pruned")]


@pytest.mark.claim("C-164")
def test_both_clocks_must_say_that_it_is_old(removing: Removing) -> None:
    removing.record("a")
    assert removing.prune(temporal=1000 * DAY).records == 0
    removing.world.clock.move(days=91)
    assert removing.prune(temporal=-2 * DAY).records == 0
    assert removing.prune().records == 1


@pytest.mark.claim("C-160")
def test_the_settings_of_the_ledgers_process_say_how_long(removing: Removing) -> None:
    removing.record("a")
    removing.world.clock.move(days=31)
    assert removing.prune().records == 0
    removing.config = RetentionConfig(retention_days=30)
    assert removing.prune().records == 1


@pytest.mark.claim("C-164")
def test_another_clusters_log_is_not_touched(removing: Removing) -> None:
    subject = retention.Retention(
        removing.world.store, INSTALLATION, config=removing.config, limits=removing.world.limits, targets=()
    )
    removing.record("a")
    with pytest.raises(NotPermitted):
        subject.prune(Prune(cluster_uid="uid-2", now=removing.world.clock.now))


# -- what keeps it ----------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-161")
def test_fault_22_what_a_receiver_has_not_taken_is_not_pruned_however_old_it_is(removing: Removing) -> None:
    removing.targets = ("s3", "syslog")
    removing.records("a", "b", "c")
    removing.exported("s3", 3)
    removing.exported("syslog", 1)
    removing.world.clock.move(days=400)
    pruned = removing.prune()
    assert removing.bodies == [2, 3, 4]
    assert pruned.obstacles == (Obstacle(kind=Holdup.EXPORT_UNFINISHED, what="syslog", records=2),)
    removing.exported("syslog", 4)
    removing.exported("s3", 4)
    assert removing.prune().records == 2


def test_a_receiver_that_the_settings_do_not_name_any_more_is_not_waited_for(removing: Removing) -> None:
    removing.records("a", "b")
    removing.exported("s3", 1)
    removing.world.clock.move(days=91)
    assert removing.prune().records == 2


def test_a_receiver_that_has_never_taken_anything_is_waited_for(removing: Removing) -> None:
    removing.targets = ("webhook",)
    removing.record("a")
    removing.world.clock.move(days=91)
    assert removing.prune().records == 0


@pytest.mark.claim("C-161")
def test_the_records_of_an_act_stay_while_nobody_knows_what_came_of_it(removing: Removing) -> None:
    world = removing.world
    world.granted(world.ask(pod_plan(), action="open"))
    world.clock.move(hours=2)
    world.granted(world.ask(pod_plan("api"), action="unknown"))
    world.finish("unknown", "unknown")
    world.granted(world.ask(pod_plan("db"), action="done"))
    world.finish("done", "done", verified=True)
    world.clock.move(days=91)
    pruned = removing.prune()
    assert removing.bodies == [1, 2, 3, 6]
    assert pruned.obstacles == (Obstacle(kind=Holdup.INTENT_OPEN, what="", records=3),)
    world.finish("open", "done", verified=True)
    world.finish("unknown", "not_done")
    assert removing.prune().records == 3
    assert removing.bodies == [6, 7, 8, 9]


def test_a_day_of_the_retention_is_a_day_of_the_chain(removing: Removing) -> None:
    """A clock that was set back made records of one time; they grow old together."""
    removing.record("a")
    removing.world.clock.move(days=-2)
    removing.record("b")
    removing.world.clock.move(days=92, seconds=1)
    assert removing.prune().records == 2
    assert removing.world.clock.now - removing.told(Event.PRUNED)[0].at < timedelta(days=1)

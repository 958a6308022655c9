"""A storm that is on: nothing is done alone, whoever set it and whatever became of them."""

import pytest

from byteport.audit.words import Decision, Event
from byteport.contracts.ledger import SetStorm
from byteport.domain.policy import Standing
from byteport.domain.reasons import Reason
from byteport.errors import NotPermitted
from tests.integration.ledger.world import ADA, World, pod_plan


def storm(number: int = 1, *, on: bool = True, cluster_uid: str = "uid-1") -> SetStorm:
    key = f"first-run:{number}:{'on' if on else 'off'}"
    return SetStorm(
        cluster_uid=cluster_uid, on=on, key=key, factor="Node/a: 6 of 9", in_trouble=9, of=30, workflow_id="storm:uid-1"
    )


@pytest.mark.claim("C-049")
def test_in_a_storm_nothing_is_done_alone_until_it_is_over(world: World) -> None:
    world.storms.set_storm(storm())
    assert world.standing() == Standing(storm=True)
    assert world.refusal(world.ask(pod_plan())) == (Reason.STORM,)
    world.granted(world.asked(pod_plan("api"), ADA, action="two", request={"reasons": (Reason.STORM,)}))
    world.storms.set_storm(storm(on=False))
    world.granted(world.ask(pod_plan()))


def test_a_reservation_that_is_repeated_at_once_is_the_same_one(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    world.storms.set_storm(storm())
    world.clock.move(minutes=9)
    assert world.granted(world.ask(pod_plan())).grant.body.again


def test_an_old_open_reservation_is_no_way_around_a_storm_or_an_alarm(world: World) -> None:
    """Whoever keeps a reservation for later must not act by it in what has begun since; its own count is no stop."""
    world.granted(world.ask(pod_plan()))
    world.clock.move(minutes=31)
    world.storms.set_storm(storm())
    world.alarms.raise_("errors", namespace="shop", by="ada")
    assert set(world.refusal(world.ask(pod_plan()))) == {Reason.STORM, Reason.ALARM}
    world.storms.set_storm(storm(on=False))
    world.alarms.clear("errors", by="ada")
    assert world.granted(world.ask(pod_plan())).grant.body.again


def test_beginning_and_end_are_records_with_the_largest_factor(world: World) -> None:
    world.storms.set_storm(storm())
    world.storms.set_storm(storm(on=False))
    told = [(one.event, one.decision, one.note, one.workflow_id) for one in world.log.iter_records()]
    assert told == [
        (Event.STORM_BEGAN, Decision.ESCALATED, "9 of 30 targets in trouble; Node/a: 6 of 9", "storm:uid-1"),
        (Event.STORM_ENDED, Decision.SKIPPED, "9 of 30 targets in trouble; Node/a: 6 of 9", "storm:uid-1"),
    ]


def test_a_retry_that_comes_late_neither_begins_a_storm_again_nor_ends_the_next(world: World) -> None:
    first = world.storms.set_storm(storm(1))
    ended = world.storms.set_storm(storm(1, on=False))
    assert world.storms.set_storm(storm(1)) == first
    assert not world.standing().storm
    world.storms.set_storm(storm(2))
    assert world.storms.set_storm(storm(1, on=False)) == ended
    assert world.standing().storm


def test_ending_what_is_not_on_is_no_record(world: World) -> None:
    assert world.storms.set_storm(storm(on=False)).seq == 0
    assert list(world.log.iter_records()) == []
    world.storms.set_storm(storm())
    assert world.standing().storm


def test_another_clusters_storm_is_not_taken(world: World) -> None:
    with pytest.raises(NotPermitted):
        world.storms.set_storm(storm(cluster_uid="another"))
    assert not world.standing().storm

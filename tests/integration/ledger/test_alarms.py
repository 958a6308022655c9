"""Alarms: while one stands nothing is done alone, and each raising and clearing is a record."""

import pytest

from byteport.audit.verify import Verdict
from byteport.audit.words import Event
from byteport.domain.policy import Standing
from byteport.domain.reasons import Reason
from byteport.errors import MalformedInput
from tests.integration.ledger.world import ADA, World, pod_plan


def asked(world: World, name: str = "web", namespace: str = "shop", action: str = "one") -> tuple[Reason, ...]:
    return world.refusal(world.ask(pod_plan(name, namespace=namespace), action=action))


def test_an_alarm_of_the_cluster_stops_every_namespace_until_it_is_cleared(world: World) -> None:
    world.alarms.raise_("checkout-slo", by="ada", reason="burning")
    assert world.standing() == Standing(alarm=True)
    assert asked(world) == (Reason.ALARM,)
    assert asked(world, namespace="other") == (Reason.ALARM,)
    world.alarms.clear("checkout-slo", by="bob", reason="over")
    world.granted(world.ask(pod_plan()))


def test_an_alarm_of_a_namespace_leaves_the_others_alone(world: World) -> None:
    world.alarms.raise_("checkout-slo", namespace="shop", by="ada")
    assert asked(world) == (Reason.ALARM,)
    world.granted(world.ask(pod_plan(namespace="other"), action="two"))


def test_an_alarm_stands_until_the_last_of_them_is_cleared(world: World) -> None:
    world.alarms.raise_("a", by="ada")
    world.alarms.raise_("b", by="ada")
    world.alarms.clear("a", by="ada")
    assert asked(world) == (Reason.ALARM,)


def test_people_may_say_yes_knowing_of_the_alarm(world: World) -> None:
    world.alarms.raise_("a", by="ada")
    assert world.refusal(world.asked(pod_plan(), ADA)) == (Reason.ALARM,)
    world.granted(world.asked(pod_plan(), ADA, request={"reasons": (Reason.ALARM,)}))


def test_each_raising_and_clearing_is_one_record_with_who_and_why(world: World) -> None:
    assert world.alarms.raise_("slo", namespace="shop", by="ada", reason="burning") is not None
    assert world.alarms.raise_("slo", namespace="shop", by="bob") is None
    assert world.alarms.clear("slo", by="bob", reason="over") is not None
    assert world.alarms.clear("slo", by="bob") is None
    told = [(one.event, one.approver, one.target, one.note, one.command) for one in world.log.iter_records()]
    assert told == [
        (Event.ALARM_RAISED, "ada", "shop", "burning", "byteport alarm raise slo --namespace shop"),
        (Event.ALARM_CLEARED, "bob", "none", "over", "byteport alarm clear slo"),
    ]
    assert [report.intact for report in world.log.verify_all()] == [Verdict.INTACT]


def test_whoever_says_too_much_or_what_is_no_text_is_heard_all_the_same(world: World) -> None:
    world.alarms.raise_("slo", by="ada" * 10_000, reason="because " * 100_000)
    world.halts.halt(by="caf\udce9", reason="\udcff" + "x" * 1_000_000)
    (alarm,) = world.alarms.standing()
    halt = world.halts.in_force()
    assert halt is not None
    assert world.halts.is_halted()
    assert (len(alarm.by), len(alarm.reason), len(halt.reason), halt.by) == (1000, 1000, 1000, "caf?")
    assert all(len(record.note or "") <= 1000 for record in world.log.iter_records())
    assert [report.intact for report in world.log.verify_all()] == [Verdict.INTACT]


def test_what_stands_is_listed_with_its_first_raising(world: World) -> None:
    world.alarms.raise_("b", by="ada", reason="why")
    world.clock.move(minutes=1)
    world.alarms.raise_("b", by="bob")
    world.alarms.raise_("a", namespace="shop", by="bob")
    listed = [(one.name, one.namespace, one.by, one.reason) for one in world.alarms.standing()]
    assert listed == [("b", "", "ada", "why"), ("a", "shop", "bob", "")]


def test_an_alarm_can_be_cleared_in_one_namespace_only(world: World) -> None:
    for namespace in ("shop", "other"):
        world.alarms.raise_("a", namespace=namespace, by="ada")
    world.alarms.clear("a", namespace="shop", by="ada")
    assert [one.namespace for one in world.alarms.standing()] == ["other"]


@pytest.mark.parametrize("name", ["", "a b", "-a", "a\x1b[2J", "a" * 101])
def test_a_name_that_is_none_is_refused(world: World, name: str) -> None:
    with pytest.raises(MalformedInput):
        world.alarms.raise_(name, by="ada")


def test_an_alarm_is_still_there_after_a_restart(world: World) -> None:
    world.alarms.raise_("a", by="ada")
    world.store.close()
    world.open()
    assert world.standing().alarm

"""The ledger's acts as Temporal calls them: by their names, in threads, with errors in our words."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.audit import alarms
from activities.audit.acts import LedgerActs
from activities.performs import act_of, activities_of
from byteport.contracts.ledger import (
    FINISH,
    RAISE_ALARM,
    READ_STANDING,
    RECORD,
    RESERVE,
    SET_STORM,
    Granted,
    RaiseAlarm,
)
from byteport.errors import MalformedInput
from byteport.ledger import store as store_module
from tests.integration.ledger.world import World, draft, pod_plan


@pytest.fixture
def acts(world: World) -> LedgerActs:
    return LedgerActs(world.ledger, world.reservations, world.storms, world.changes, world.alarms)


def test_the_ledgers_acts_are_all_served(acts: LedgerActs) -> None:
    served = {act_of(method).name for method in activities_of(acts)}
    assert served == {RECORD.name, RESERVE.name, FINISH.name, READ_STANDING.name, SET_STORM.name, RAISE_ALARM.name}


async def test_a_reservation_comes_back_as_the_contract_says(world: World, acts: LedgerActs) -> None:
    answer = await ActivityEnvironment().run(acts.reserve, world.ask(pod_plan()))
    assert isinstance(answer.answer, Granted)


async def test_a_ledger_that_is_down_is_asked_again_later(world: World, acts: LedgerActs) -> None:
    world.go_away()
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(acts.record, draft("key"))
    assert (caught.value.type, caught.value.non_retryable) == ("unavailable", False)


async def test_a_foreign_record_is_not_asked_again(acts: LedgerActs) -> None:
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(acts.record, draft("key", tenant="umbrella"))
    assert (caught.value.type, caught.value.non_retryable) == ("not_permitted", True)


async def test_an_alarm_that_a_run_raises_stops_the_cluster_and_is_recorded_once(
    world: World, acts: LedgerActs
) -> None:
    call = RaiseAlarm(cluster_uid="uid-1", name="log-checkpoint", by="byteport signer", reason="the log has shrunk")
    raised = [await ActivityEnvironment().run(acts.raise_alarm, call) for _ in range(2)]
    assert (raised[0].record is not None, raised[1].record) == (True, None)
    assert world.standing().alarm
    said = "byteport signer: the log has shrunk"
    assert [(one.name, one.by, one.reason) for one in world.alarms.standing()] == [
        ("log-checkpoint", "byteport-agent", said)
    ]
    (record,) = world.log.iter_records()
    assert (record.approver, record.note, record.command) == ("byteport-agent", f"log-checkpoint: {said}", None)


async def test_an_alarm_for_another_cluster_is_not_raised(world: World, acts: LedgerActs) -> None:
    call = RaiseAlarm(cluster_uid="uid-2", name="log-checkpoint", by="byteport signer", reason="")
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(acts.raise_alarm, call)
    assert caught.value.type == "not_permitted"
    assert not world.standing().alarm


async def test_a_ledger_that_waits_does_not_hold_up_the_loop(
    world: World, acts: LedgerActs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LOCK_SECONDS", 30.0)
    with world.store.transaction():
        waiting = asyncio.create_task(ActivityEnvironment().run(acts.record, draft("key")))
        beats = 0
        async with asyncio.timeout(20):
            while beats < 50:
                await asyncio.sleep(0)
                beats += 1
        assert not waiting.done()
    assert (await waiting).seq == 1


@pytest.mark.claim("C-166")
async def test_a_run_can_raise_no_alarm_of_another_name_and_speaks_for_nobody(world: World, acts: LedgerActs) -> None:
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(
            acts.raise_alarm, RaiseAlarm(cluster_uid="uid-1", name="checkout-slo", by="ada", reason="")
        )
    assert caught.value.type == "not_permitted"
    assert world.alarms.standing() == ()
    call = RaiseAlarm(cluster_uid="uid-1", name="log-checkpoint", by="ada", reason="\x1b[2Jbecause\n" * 500)
    await ActivityEnvironment().run(acts.raise_alarm, call)
    (alarm,) = world.alarms.standing()
    assert (alarm.by, alarm.reason.startswith("ada: ")) == ("byteport-agent", True)
    assert alarm.reason.isprintable()
    assert [record.approver for record in world.log.iter_records()] == ["byteport-agent"]


async def test_however_many_alarms_people_have_raised_a_run_can_raise_its_own(
    world: World, acts: LedgerActs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alarms, "MOST_ALARMS", 3)
    for number in range(3):
        world.alarms.raise_(f"slo-{number}", by="ada")
    with pytest.raises(MalformedInput):
        world.alarms.raise_("slo-3", by="ada")
    call = RaiseAlarm(cluster_uid="uid-1", name="log-checkpoint", by="byteport signer", reason="the log has shrunk")
    assert (await ActivityEnvironment().run(acts.raise_alarm, call)).record is not None
    world.alarms.clear("slo-0", by="ada")
    assert world.alarms.raise_("slo-3", by="ada") is not None

"""The ledger's acts as Temporal calls them: by their names, in threads, with errors in our words."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

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
    assert [(one.name, one.by, one.reason) for one in world.alarms.standing()] == [
        ("log-checkpoint", "byteport signer", "the log has shrunk")
    ]


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

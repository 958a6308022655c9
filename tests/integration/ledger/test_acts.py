"""The ledger's acts as Temporal calls them: by their names, in threads, with errors in our words."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.audit.acts import LedgerActs
from activities.performs import act_of, activities_of
from byteport.contracts.ledger import FINISH, READ_STANDING, RECORD, RESERVE, SET_STORM, Granted
from byteport.ledger import store as store_module
from tests.integration.ledger.world import World, draft, pod_plan


@pytest.fixture
def acts(world: World) -> LedgerActs:
    return LedgerActs(world.ledger, world.reservations, world.storms, world.changes)


def test_the_ledgers_acts_are_all_served(acts: LedgerActs) -> None:
    served = {act_of(method).name for method in activities_of(acts)}
    assert served == {RECORD.name, RESERVE.name, FINISH.name, READ_STANDING.name, SET_STORM.name}


async def test_a_reservation_comes_back_as_the_contract_says(world: World, acts: LedgerActs) -> None:
    answer = await ActivityEnvironment().run(acts.reserve, world.ask(pod_plan()))
    assert isinstance(answer.answer, Granted)


async def test_a_ledger_that_is_down_is_asked_again_later(world: World, acts: LedgerActs) -> None:
    world.path.rename(world.folder / "gone.db")
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(acts.record, draft("key"))
    assert (caught.value.type, caught.value.non_retryable) == ("unavailable", False)


async def test_a_foreign_record_is_not_asked_again(acts: LedgerActs) -> None:
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(acts.record, draft("key", tenant="umbrella"))
    assert (caught.value.type, caught.value.non_retryable) == ("not_permitted", True)


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

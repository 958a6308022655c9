"""Pruning and erasure from end to end: real acts, a real ledger and a real server, its time let pass by months."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from datetime import timedelta

import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from activities.audit.alarms import Alarms
from activities.audit.erasures import Erasures, Request, waits
from activities.audit.holds import About, Holds
from byteport.audit.words import TELLING, Event
from byteport.contracts.retention import ErasureClosed, ErasureState
from byteport.domain.ids import erasure_id
from byteport.ledger.opening import open_store
from byteport.temporal import standing_runs
from tests.workflows.patience import PATIENCE_SECONDS, until, until_so
from tests.workflows.world import World

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Removals:
    """The log of one world, as `byteport hold` and `byteport erase` reach it."""

    def __init__(self, world: World) -> None:
        self.world = world
        ledger = world.settings.ledger
        self.store = open_store(ledger, world.settings.tenant, clock=world.clock, randomness=secrets.token_bytes)
        self.holds = Holds(self.store, world.installation)
        self.erasures = Erasures(self.store, world.installation, config=world.settings.audit, targets=())

    async def pruned_daily(self) -> WorkflowHandle[object, object]:
        with self.world.time_stands_still():
            workflow_id = await standing_runs.start_retention(self.world.client, self.world.installation)
        return self.world.client.get_workflow_handle(workflow_id)

    async def ask(self) -> Request:
        """For everything that says something and can be asked for."""
        seqs = [record.seq for record in self.world.records if record.event not in TELLING]
        request = self.erasures.request(seqs, by="ada", reason="ticket 7").request
        await self.tell(request)
        return request

    async def tell(self, request: Request) -> None:
        with self.world.time_stands_still():
            await standing_runs.see_to_erasure(self.world.client, self.world.installation, waits(request))

    async def passes(self, handle: WorkflowHandle[object, object], time: timedelta, *, by: timedelta = DAY) -> None:
        """In steps, since a run that is renewed on the way ends a longer one."""
        while time > timedelta():
            await self.world.skipper.fast_forward(handle, min(by, time))
            time -= by
            await asyncio.sleep(0)

    def told(self, event: Event) -> int:
        return sum(record.event is event for record in self.world.records)


@pytest.fixture
def removals(world: World) -> Removals:
    """Three records of today."""
    world.clock.to_present()
    made = Removals(world)
    alarms = Alarms(made.store, world.installation)
    for name in ("a", "b", "c"):
        alarms.raise_(name, namespace="shop", by="ada", reason="burning")
    return made


@pytest.mark.slow
@pytest.mark.claim("C-160")
async def test_bodies_are_gone_after_ninety_days_and_the_log_verifies(removals: Removals) -> None:
    daily = await removals.pruned_daily()
    await removals.passes(daily, 89 * DAY)
    assert removals.told(Event.PRUNED) == 0
    await removals.passes(daily, 3 * DAY)
    await until(lambda: removals.told(Event.PRUNED), "the pruning")
    assert [record.event for record in removals.world.records] == [Event.PRUNED]
    (report,) = removals.world.log.verify_all()
    assert (report.findings, report.records, report.removed) == ((), 4, 3)


@pytest.mark.claim("C-163")
async def test_an_erasure_is_done_a_day_later_and_the_log_verifies(removals: Removals) -> None:
    request = await removals.ask()
    handle = removals.world.client.get_workflow_handle(erasure_id(request.request_id), result_type=ErasureClosed)
    await removals.passes(handle, DAY + HOUR, by=2 * DAY)
    async with asyncio.timeout(PATIENCE_SECONDS):
        closed = await handle.result()
    assert (closed.state, closed.records, closed.late) == (ErasureState.ERASED, 3, False)
    assert removals.told(Event.ERASED) == 1
    (report,) = removals.world.log.verify_all()
    assert (report.findings, report.removed) == ((), 3)


@pytest.mark.claim("C-163")
@pytest.mark.slow
async def test_a_hold_is_paged_before_72_hours_and_at_72_and_then_it_is_done(removals: Removals) -> None:
    removals.holds.set_("case-7", About(), by="ada", reason="litigation")
    request = await removals.ask()
    handle = removals.world.client.get_workflow_handle(erasure_id(request.request_id), result_type=ErasureClosed)
    await removals.passes(handle, 59 * HOUR, by=12 * HOUR)
    assert removals.world.notices == []
    await removals.passes(handle, 2 * HOUR)
    await until(lambda: len(removals.world.notices) == 1, "the page before it is late")
    await removals.passes(handle, 12 * HOUR)
    await until(lambda: len(removals.world.notices) == 2, "the page when it is late")
    assert [notice.rung for notice in removals.world.notices] == [1, 2]
    assert "legal hold case-7 keeps 3 record(s)" in removals.world.notices[0].evidence
    removals.holds.end("case-7", by="ada", reason="settled")
    await removals.tell(request)
    async with asyncio.timeout(PATIENCE_SECONDS):
        closed = await handle.result()
    assert (closed.state, closed.late) == (ErasureState.ERASED, True)


async def test_a_request_that_temporal_did_not_hear_of_is_seen_to_by_the_daily_run(removals: Removals) -> None:
    seqs = [record.seq for record in removals.world.records]
    request = removals.erasures.request(seqs, by="ada", reason="ticket 7").request
    await removals.pruned_daily()
    handle = removals.world.client.get_workflow_handle(erasure_id(request.request_id), result_type=ErasureClosed)

    async def carried_out() -> bool:
        with contextlib.suppress(RPCError):  # not begun yet
            await removals.passes(handle, DAY + HOUR, by=2 * DAY)
        return removals.told(Event.ERASED) == 1

    await until_so(carried_out, "the erasure")

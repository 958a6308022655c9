"""A raised floor is put back when its time is over, if it is still exactly as it was left; a second raise puts that off."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import TIMEBOX, Timebox
from byteport.domain.plans import restore_of
from byteport.domain.reasons import Reason
from byteport.temporal.attributes import CLUSTER, DECISION, NAMESPACE, PHASE, RUNBOOK, TARGET
from tests.workflows.boxes import CHANGED_AT, HOUR, INSTALLATION, Boxing, box
from tests.workflows.histories import details
from tests.workflows.patience import until

MINUTE = timedelta(minutes=1)


@pytest.mark.claim("C-044")
async def test_a_raised_floor_is_put_back_after_its_time_and_not_before(one: Boxing) -> None:
    raised = box("a")
    await one.raises(raised)
    await one.passes(HOUR - MINUTE)
    assert (await one.state()).outcome == "waits"
    assert one.around.floor.floor == 5
    await one.passes(2 * MINUTE)
    assert (await one.closed()).outcome == "restored"
    assert (one.around.floor.floor, one.around.restores) == (2, [(5, 2)])
    (finished,) = one.around.finished
    record = finished.record
    assert (finished.outcome, record.event, record.decision, record.result) == (
        "done",
        Event.REVERTED,
        Decision.ACTED,
        Result.SUCCESS,
    )
    assert (record.incident_id, record.command) == ("inc-a", restore_of(raised.plan).command)
    assert one.around.records == []
    assert one.around.notices == []


async def test_it_acts_as_the_inverse_of_the_raise_under_the_policy_of_the_raise(one: Boxing) -> None:
    raised = box("a")
    await one.raises(raised)
    await one.passes(HOUR + MINUTE)
    await one.closed()
    (call,) = one.around.reserved
    assert (call.inverse_of, call.plan_digest) == (raised.plan, raised.plan_digest)
    assert (call.incident_id, call.lease_key) == ("inc-a", "shop/Deployment/web")
    assert call.action_id != raised.action_id
    assert call.intent.workflow_id == one.handle.id


async def test_a_second_raise_puts_the_end_off_and_the_first_floor_is_what_comes_back(one: Boxing) -> None:
    await one.raises(box("a", to=4))
    await one.passes(HOUR - MINUTE)
    await one.raises(box("b", before=2, was=4, to=6))
    await one.passes(10 * MINUTE)
    state = await one.state()
    assert (state.first_floor, state.raised_to, state.raises, state.outcome) == (2, 6, 2, "waits")
    assert one.around.floor.floor == 6
    await one.passes(HOUR)
    assert (await one.closed()).outcome == "restored"
    assert one.around.restores == [(6, 2)]
    assert one.around.reserved[0].incident_id == "inc-b"


async def test_a_shorter_second_raise_does_not_bring_the_end_nearer(one: Boxing) -> None:
    await one.raises(box("a", to=4, seconds=7200))
    before = (await one.state()).until
    await one.raises(box("b", was=4, to=6, seconds=600))
    assert (await one.state()).until == before


async def test_the_same_raise_told_twice_is_one(one: Boxing) -> None:
    raised = box("a")
    await one.raises(raised)
    await one.passes(10 * MINUTE)
    before = await one.state()
    await one.start(raised)
    assert await one.state() == before


async def test_where_the_second_raise_was_refused_the_first_is_taken_back(one: Boxing) -> None:
    await one.raises(box("a", to=4))
    await one.passes(30 * MINUTE)
    await one.start(box("b", was=4, to=6))
    await one.passes(HOUR + MINUTE)
    assert (await one.closed()).outcome == "restored"
    assert one.around.restores == [(4, 2)]


async def test_a_floor_of_ours_is_never_taken_for_its_owners(one: Boxing) -> None:
    await one.raises(box("a", to=4))
    await one.raises(box("b", before=4, was=4, to=6))
    await one.passes(HOUR + MINUTE)
    assert (await one.closed()).outcome == "changed"
    assert one.around.reserved == []


@pytest.mark.claim("C-045")
async def test_a_floor_that_somebody_has_changed_is_left_and_the_record_says_who(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.by_somebody(floor=7)
    await one.passes(HOUR + MINUTE)
    closed = await one.closed()
    assert (closed.outcome, closed.reasons) == ("changed", (Reason.TARGET_CHANGED,))
    assert one.around.reserved == []
    (record,) = one.around.records
    assert (record.event, record.decision, record.result) == (Event.SKIPPED, Decision.SKIPPED, None)
    assert record.note == "minReplicas is 7, last set by kubectl-edit at 2026-03-10 04:05:06Z"
    (notice,) = one.around.notices
    assert (notice.rung, notice.key) == (0, "raise-a:box:changed")


async def test_a_floor_in_bounds_that_somebody_has_changed_is_left_and_a_person_must_put_it_back(one: Boxing) -> None:
    """Whoever gave it a higher ceiling in the spike has not taken our floor over, and nobody else would."""
    await one.raises(box("a"))
    one.around.change(rest_digest="another", rest_manager="kubectl-edit", rest_managed_at=CHANGED_AT)
    await one.passes(HOUR + MINUTE)
    closed = await one.closed()
    assert (closed.outcome, closed.reasons) == ("left", (Reason.TARGET_CHANGED,))
    assert one.around.reserved == []
    (notice,) = one.around.notices
    assert (notice.rung, notice.command) == (1, restore_of(box("a").plan).command)
    (record,) = one.around.records
    assert record.decision is Decision.ESCALATED
    assert "changed, last by kubectl-edit at 2026-03-10 04:05:06Z; minReplicas is 5, last set by byteport" in str(
        record.note
    )


async def test_who_changed_its_bounds_before_our_raise_is_not_accused(one: Boxing) -> None:
    await one.raises(box("a"))
    earlier = CHANGED_AT - MINUTE
    one.around.change(rest_digest="another", managed_at=CHANGED_AT, rest_manager="helm", rest_managed_at=earlier)
    await one.passes(HOUR + MINUTE)
    assert (await one.closed()).outcome == "left"
    (record,) = one.around.records
    assert "helm" not in str(record.note)


async def test_a_floor_that_was_changed_with_its_bounds_is_its_owners(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.by_somebody(floor=7, rest_digest="another")
    await one.passes(HOUR + MINUTE)
    assert (await one.closed()).outcome == "changed"
    assert [notice.rung for notice in one.around.notices] == [0]


async def test_an_owners_floor_that_is_not_the_one_we_noted_is_not_written(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.change(floor_before=3)
    await one.passes(HOUR + MINUTE)
    assert (await one.closed()).outcome == "changed"
    assert one.around.reserved == []


async def test_an_autoscaler_that_was_deleted_ends_the_box_with_a_record(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.floor = one.around.floor.model_copy(update={"found": False})
    await one.passes(HOUR + MINUTE)
    assert (await one.closed()).outcome == "gone"
    assert [record.reasons for record in one.around.records] == [(Reason.TARGET_GONE,)]


async def test_another_autoscaler_under_the_same_name_is_not_touched(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.change(uid="h-2")
    await one.passes(HOUR + MINUTE)
    assert (await one.closed()).outcome == "gone"
    assert one.around.reserved == []


async def test_a_raise_that_was_refused_leaves_nothing_to_put_back_and_nothing_to_say(one: Boxing) -> None:
    await one.start(box("a"))
    await one.passes(HOUR + MINUTE)
    assert (await one.closed()).outcome == "not_raised"
    assert (one.around.reserved, one.around.records, one.around.notices) == ([], [], [])


async def test_a_raise_that_lands_after_the_end_of_its_short_box_is_taken_back(one: Boxing) -> None:
    """The call may come as late as its grant lasts, which is longer than the shortest box."""
    short = box("a", seconds=60)
    await one.start(short)
    await one.passes(timedelta(seconds=70))
    await until(lambda: one.around.looks, "the look at the end of the box")
    one.around.raised(short)
    await one.passes(3 * MINUTE)
    assert (await one.closed()).outcome == "restored"
    assert one.around.restores == [(5, 2)]


async def test_a_message_cannot_keep_a_floor_up_for_longer_than_a_day(one: Boxing) -> None:
    await one.raises(box("a"))
    await one.start(box("forged", seconds=10**15))
    until_when = (await one.state()).until
    assert until_when is not None
    assert until_when - (await one.handle.describe()).start_time <= timedelta(days=1, minutes=1)


async def test_a_floor_that_its_remediation_has_put_back_already_is_nobodys_business_any_more(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.change(floor=2, floor_before=None, action_id="restore-a")
    await one.passes(HOUR + MINUTE)
    assert (await one.closed()).outcome == "already_restored"
    assert (one.around.reserved, one.around.records, one.around.notices) == ([], [], [])


async def test_a_worker_that_is_restarted_meanwhile_changes_nothing(one: Boxing) -> None:
    await one.raises(box("a"))
    await one.passes(10 * MINUTE)
    await one.rest()
    await one.work()
    await one.passes(HOUR)
    assert (await one.closed()).outcome == "restored"
    assert one.around.restores == [(5, 2)]


async def test_a_raise_that_comes_while_the_floor_is_looked_at_is_waited_for(one: Boxing) -> None:
    await one.raises(box("a", to=4))
    one.around.held = asyncio.Event()
    await one.passes(HOUR)
    await until(lambda: one.around.looks, "the look")
    second = box("b", was=4, to=6)
    await one.raises(second)
    one.around.held.set()
    one.around.held = None
    await one.passes(10 * MINUTE)
    assert (await one.state()).outcome == "waits"
    assert one.around.reserved == []
    await one.passes(HOUR)
    assert (await one.closed()).outcome == "restored"
    assert one.around.restores == [(6, 2)]


async def test_operators_find_it_by_what_it_is_about_and_read_what_it_will_do(one: Boxing) -> None:
    await one.raises(box("a"))
    described = await one.handle.describe()
    found = described.typed_search_attributes
    assert [found.get(key) for key in (CLUSTER, NAMESPACE, TARGET, RUNBOOK)] == [
        INSTALLATION.cluster_name,
        "shop",
        "shop/Deployment/web",
        "CpuSpikeRunbook",
    ]
    assert restore_of(box("a").plan).command in await details(one.handle)
    await one.passes(HOUR + MINUTE)
    await one.closed()
    described = await one.handle.describe()
    assert described.status is WorkflowExecutionStatus.COMPLETED
    assert [described.typed_search_attributes.get(key) for key in (PHASE, DECISION)] == ["closed", "acted"]
    assert "restored" in await details(one.handle)


async def test_started_without_a_raise_it_ends_by_itself(one: Boxing) -> None:
    await one.client.start_workflow(TIMEBOX, Timebox(installation=INSTALLATION), id=one.handle.id, task_queue="control")
    await one.passes(MINUTE)
    assert (await one.closed()).outcome == "not_raised"


@pytest.mark.slow
async def test_a_halt_of_days_outlives_the_history_of_one_run(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.refusals, one.around.stays = [(Reason.HALTED,)], True
    first = (await one.handle.describe()).run_id
    await one.passes_until(lambda: one.around.looks > 30)
    assert (await one.handle.describe()).run_id != first
    assert one.around.notices[0].rung == 1
    assert {notice.rung for notice in one.around.notices[1:]} <= {0}
    one.around.refusals = []
    await one.passes_until(lambda: one.around.finished, by=HOUR)
    assert (await one.closed()).outcome == "restored"

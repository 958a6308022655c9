"""What stands in the way of putting a floor back: waited for, tried again, or a person's. Never silence with a floor up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from byteport.audit.words import Event
from byteport.contracts.kubernetes import Floor
from byteport.contracts.ledger import Decision, Result
from byteport.domain.plans import restore_of
from byteport.domain.reasons import Reason
from byteport.errors import NotPermitted, PreconditionFailed, Unavailable, UnknownOutcome
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from byteport.temporal.attributes import PHASE
from tests.workflows.boxes import HOUR, Boxing, box
from tests.workflows.patience import until
from tests.workflows.world import SKIPPING_SERVER
from workflows.boxed import Boxed, Looked

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
NEVER_SHORT = {name: value for name, value in SKIPPING_SERVER.items() if "suggestContinueAsNew" not in name}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    """One that suggests to continue as new as late as production's: skipped time is not kept exactly across that."""
    folder = tmp_path_factory.mktemp("patient")
    started = await DevServer.start(DevServerOptions(folder=folder, ui=False, dynamic_config=NEVER_SHORT))
    yield started
    await started.stop()


def stays_refused(one: Boxing, *because: Reason) -> None:
    one.around.refusals, one.around.stays = [because], True


@pytest.mark.slow
async def test_while_halted_people_are_told_once_and_then_every_hour_and_it_is_put_back_when_resumed(
    one: Boxing,
) -> None:
    await one.raises(box("a"))
    stays_refused(one, Reason.HALTED)
    await one.passes(HOUR + 10 * MINUTE)
    (page,) = one.around.notices
    assert (page.rung, page.reasons) == (1, (Reason.HALTED,))
    assert page.command == restore_of(box("a").plan).command
    assert (await one.handle.describe()).typed_search_attributes.get(PHASE) == "escalated"
    await one.passes_until(lambda: len(one.around.notices) == 3)
    assert [notice.rung for notice in one.around.notices] == [1, 0, 0]
    times = [notice.at for notice in one.around.notices]
    assert all(HOUR <= later - earlier < HOUR + 2 * MINUTE for earlier, later in pairwise(times))
    assert len({notice.key for notice in one.around.notices}) == 3
    assert one.around.floor.floor == 5
    one.around.refusals = []
    await one.passes_until(lambda: one.around.finished, by=MINUTE)
    assert (await one.closed()).outcome == "restored"
    assert one.around.floor.floor == 2
    assert one.around.records == []


async def test_another_act_on_the_workload_is_waited_for_without_a_word(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.refusals = [(Reason.TARGET_LEASED,)] * 3
    await one.passes(HOUR + 10 * MINUTE)
    assert (await one.closed()).outcome == "restored"
    assert one.around.notices == []


@pytest.mark.slow
async def test_another_act_that_takes_half_an_hour_is_told(one: Boxing) -> None:
    await one.raises(box("a"))
    stays_refused(one, Reason.TARGET_LEASED)
    ends = (await one.state()).until
    assert ends is not None
    await one.passes_until(lambda: one.around.notices)
    (notice,) = one.around.notices
    assert notice.reasons == (Reason.TARGET_LEASED,)
    assert 30 * MINUTE <= notice.at - ends < 33 * MINUTE


async def test_a_raise_that_is_still_being_verified_is_waited_for(one: Boxing) -> None:
    """The ledger takes back only what it knows as done."""
    await one.raises(box("a", seconds=60))
    one.around.refusals = [(Reason.NOT_PERMITTED,)] * 8
    await one.passes(20 * MINUTE)
    assert (await one.closed()).outcome == "restored"
    assert one.around.notices == []


async def test_what_is_refused_for_good_is_a_persons_who_hears_the_command(one: Boxing) -> None:
    await one.raises(box("a"))
    stays_refused(one, Reason.MODE_OBSERVES)
    await one.passes(HOUR + MINUTE)
    closed = await one.closed()
    assert (closed.outcome, closed.reasons) == ("left", (Reason.MODE_OBSERVES,))
    (page,) = one.around.notices
    assert (page.rung, page.command) == (1, restore_of(box("a").plan).command)
    (record,) = one.around.records
    assert (record.event, record.decision, record.result) == (Event.ESCALATED, Decision.ESCALATED, Result.FAILURE)
    assert record.command == page.command


async def test_a_refusal_that_does_not_pass_is_a_persons_after_a_quarter_of_an_hour(one: Boxing) -> None:
    await one.raises(box("a"))
    stays_refused(one, Reason.NOT_PERMITTED)
    ends = (await one.state()).until
    assert ends is not None
    await one.passes_until(lambda: one.around.records)
    assert (await one.closed()).outcome == "left"
    (notice,) = one.around.notices
    assert notice.key == "raise-a:box:left"
    assert 15 * MINUTE <= notice.at - ends < 17 * MINUTE


@pytest.mark.slow
async def test_a_long_halt_does_not_use_up_the_patience_for_what_comes_after_it(one: Boxing) -> None:
    await one.raises(box("a"))
    stays_refused(one, Reason.HALTED)
    await one.passes_until(lambda: len(one.around.notices) == 2)
    one.around.refusals, one.around.stays = [(Reason.NOT_PERMITTED,)] * 2, False
    await one.passes_until(lambda: one.around.finished, by=MINUTE)
    assert (await one.closed()).outcome == "restored"


async def test_a_namespace_that_is_not_enabled_any_more_is_a_persons(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.change(enabled=False, found=False)
    await one.passes(HOUR + MINUTE)
    closed = await one.closed()
    assert (closed.outcome, closed.reasons) == ("left", (Reason.NAMESPACE_NOT_ENABLED,))
    assert one.around.reserved == []


async def test_a_floor_that_changes_under_the_call_is_read_again(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.errors = [PreconditionFailed("changed: the spec is another")]
    await one.passes(HOUR + timedelta(seconds=30))
    await until(lambda: one.around.finished, "the end of the intent")
    one.around.by_somebody(floor=9)
    await one.passes(2 * MINUTE)
    assert (await one.closed()).outcome == "changed"
    (finished,) = one.around.finished
    assert (finished.outcome, finished.record.result) == ("not_done", Result.FAILURE)


async def test_each_try_has_an_action_id_of_its_own(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.errors = [NotPermitted("halted: by ada"), Unavailable("no connection")]
    await one.passes(HOUR + 10 * MINUTE)
    assert (await one.closed()).outcome == "restored"
    ids = [call.action_id for call in one.around.reserved]
    assert len(ids) >= 2
    assert len(set(ids)) == len(ids)
    assert [call.action_id for call in one.around.finished] == ids


async def test_a_lost_answer_to_a_restore_that_was_made_is_found_out(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.errors, one.around.applied = [UnknownOutcome("no answer")], True
    await one.passes(HOUR + MINUTE)
    assert (await one.closed()).outcome == "restored"
    assert [finished.outcome for finished in one.around.finished] == ["done"]


async def test_a_cluster_worker_that_is_away_when_its_answer_is_lost_is_waited_for(one: Boxing) -> None:
    """Called unknown it could never be tried again, and the floor would stay up until a person comes."""
    await one.raises(box("a"))
    longer = Unavailable("no cluster worker", delay=timedelta(hours=1))
    one.around.errors, one.around.applied = [UnknownOutcome("no answer")], False
    one.around.away = [longer, longer, longer]
    await one.passes(HOUR)
    await one.passes_until(lambda: len(one.around.finished) == 2, by=MINUTE)
    assert (await one.closed()).outcome == "restored"
    assert [finished.outcome for finished in one.around.finished] == ["not_done", "done"]
    assert one.around.notices == []


async def test_a_lost_answer_that_nobody_can_tell_is_read_again_and_recorded_when_it_was_ours(one: Boxing) -> None:
    await one.raises(box("a"))
    one.around.errors = [UnknownOutcome("no answer")]
    await one.passes(HOUR + timedelta(seconds=30))
    await until(lambda: one.around.finished, "the end of the intent")
    one.around.change(floor=2, floor_before=None, action_id="some-restore")
    await one.passes(2 * MINUTE)
    assert (await one.closed()).outcome == "already_restored"
    assert [finished.outcome for finished in one.around.finished] == ["unknown"]
    assert [record.event for record in one.around.records] == [Event.REVERTED]


async def test_a_raise_that_comes_while_it_closes_opens_the_next_run(one: Boxing) -> None:
    """The record of the end is being written when the message comes."""
    await one.raises(box("a", to=4))
    one.around.by_somebody(floor=7)
    one.around.recording = asyncio.Event()
    await one.passes(HOUR + timedelta(seconds=1))
    await until(lambda: one.around.waits_to_record, "the record")
    first = (await one.handle.describe()).run_id
    second = box("b", before=7, was=7, to=9)
    await one.raises(second)
    one.around.recording.set()
    await until(lambda: one.around.notices, "the notice")
    await one.passes(10 * MINUTE)
    state = await one.state()
    assert (state.first_floor, state.raised_to, state.raises, state.outcome) == (7, 9, 1, "waits")
    assert (await one.handle.describe()).run_id != first
    await one.passes(HOUR)
    assert (await one.closed()).outcome == "restored"
    assert one.around.restores == [(9, 7)]


async def test_a_raise_that_comes_while_it_is_held_puts_the_end_off_again(one: Boxing) -> None:
    await one.raises(box("a", to=4))
    stays_refused(one, Reason.HALTED)
    await one.passes(HOUR + 5 * MINUTE)
    await one.raises(box("b", was=4, to=6))
    one.around.refusals = []
    await one.passes(30 * MINUTE)
    assert (await one.state()).outcome == "waits"
    await one.passes(HOUR)
    assert (await one.closed()).outcome == "restored"
    assert one.around.restores == [(6, 2)]


async def test_cancelled_it_puts_nothing_back_and_says_so(one: Boxing) -> None:
    await one.raises(box("a"))
    await one.passes(10 * MINUTE)
    await one.handle.cancel()
    with contextlib.suppress(WorkflowFailureError):
        await one.closed()
    assert (await one.handle.describe()).status is WorkflowExecutionStatus.CANCELED
    assert one.around.reserved == []
    (record,) = one.around.records
    assert (record.event, record.decision, record.reasons) == (
        Event.FINISHED,
        Decision.ESCALATED,
        (Reason.CANCELLED,),
    )
    (page,) = one.around.notices
    assert (page.rung, page.command) == (1, restore_of(box("a").plan).command)


async def test_a_ledger_that_knows_nothing_of_the_restore_any_more_is_a_persons(one: Boxing) -> None:
    """As after an old backup of it was restored: the run fails, and does not fail in silence with the floor up."""
    one.around.errors = [NotPermitted("kubernetes.restore_floor: the API server refused it")]
    one.around.refuses_to_finish = PreconditionFailed("there is no intent of this action")
    await one.raises(box("a"))
    await one.passes(HOUR + MINUTE)
    with pytest.raises(WorkflowFailureError):
        await one.closed()
    (page,) = one.around.notices
    assert (page.rung, page.reasons, page.command) == (1, (Reason.FAILED,), restore_of(box("a").plan).command)


async def test_a_mistake_of_ours_is_a_persons_and_does_not_leave_the_run_trying_for_ever(
    one: Boxing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(boxed: Boxed, floor: Floor) -> Looked:
        raise ZeroDivisionError

    monkeypatch.setattr(Boxed, "judge", mistaken)
    await one.raises(box("a"))
    await one.passes(HOUR + MINUTE)
    closed = await one.closed()
    assert (closed.outcome, closed.reasons) == ("left", (Reason.FAILED,))
    assert [notice.command for notice in one.around.notices] == [restore_of(box("a").plan).command]

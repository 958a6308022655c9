"""A request for erasure: the time to take it back, done after that, and people told before and when it is late."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from byteport.contracts.retention import ErasureState
from byteport.errors import NotPermitted, TargetGone
from byteport.sandbox.dev_server import DevServer
from tests.workflows.erasing import DAY, EXPORT, HOLD, HOUR, INSTALLATION, REQUEST, Erasures, erasing
from tests.workflows.histories import details
from tests.workflows.patience import until

MINUTE = timedelta(minutes=1)


@pytest_asyncio.fixture
async def asked(server: DevServer, namespace: str) -> AsyncIterator[Erasures]:
    async with erasing(server, namespace) as made:
        await made.request()
        await until(lambda: made.ledger.asked, "the first look")
        yield made


@pytest.mark.claim("C-163")
async def test_it_is_done_a_day_after_the_request_and_not_before(asked: Erasures) -> None:
    await asked.passes(DAY - MINUTE)
    assert asked.ledger.erased_at is None
    state = await asked.state()
    assert state is not None
    assert state.state is ErasureState.WAITING
    await asked.passes(2 * MINUTE)
    closed = await asked.closed()
    assert (closed.state, closed.records, closed.late) == (ErasureState.ERASED, 3, False)
    assert asked.ledger.notices == []


async def test_it_can_be_taken_back_until_then_and_the_run_hears_of_it_at_once(asked: Erasures) -> None:
    await asked.passes(23 * HOUR)
    asked.ledger.cancelled = True
    await asked.request()
    assert (await asked.closed()).state is ErasureState.CANCELLED
    assert asked.ledger.erased_at is None


@pytest.mark.slow
async def test_one_that_was_taken_back_while_nobody_was_told_is_not_done(asked: Erasures) -> None:
    asked.ledger.cancelled = True
    await asked.passes(DAY + MINUTE)
    assert (await asked.closed()).state is ErasureState.CANCELLED


@pytest.mark.claim("C-163")
@pytest.mark.slow
async def test_what_stands_in_its_way_is_paged_before_the_72_hours_are_over_and_when_they_are(asked: Erasures) -> None:
    asked.ledger.obstacles = (HOLD, EXPORT)
    await asked.passes(60 * HOUR - MINUTE)
    assert asked.ledger.notices == []
    await asked.passes(31 * MINUTE)
    await until(lambda: asked.ledger.notices, "the page before it is late")
    await asked.passes(11 * HOUR)
    (before,) = asked.ledger.notices
    assert (before.rung, before.incident_id, before.cluster) == (1, REQUEST, INSTALLATION.cluster_name)
    assert before.title.startswith("An erasure is held up: it is to be done by ")
    assert before.evidence == ("legal hold case-7 keeps 3 record(s)", "s3 has not taken 2 record(s) yet")
    await asked.passes(HOUR + 31 * MINUTE)
    await until(lambda: len(asked.ledger.notices) == 2, "the page when it is late")
    assert asked.ledger.notices[1].rung == 2
    assert asked.ledger.notices[1].title.startswith("An erasure is late")


@pytest.mark.claim("C-163")
@pytest.mark.slow
async def test_it_is_done_as_soon_as_nothing_stands_in_its_way(asked: Erasures) -> None:
    asked.ledger.obstacles = (HOLD,)
    await asked.passes_until(lambda: len(asked.ledger.notices) == 2)
    assert asked.ledger.erased_at is None
    asked.ledger.obstacles = ()
    await asked.passes(31 * MINUTE)
    closed = await asked.closed()
    assert (closed.state, closed.late) == (ErasureState.ERASED, True)


@pytest.mark.slow
async def test_while_it_is_late_people_are_told_every_day(asked: Erasures) -> None:
    asked.ledger.obstacles = (HOLD,)
    await asked.passes_until(lambda: len(asked.ledger.notices) == 4)
    assert [notice.rung for notice in asked.ledger.notices] == [1, 2, 2, 2]
    assert len({notice.key for notice in asked.ledger.notices}) == 4
    assert asked.ledger.asked[-1] - asked.ledger.requested >= 5 * DAY


@pytest.mark.slow
async def test_a_page_that_nobody_heard_is_tried_again(asked: Erasures) -> None:
    asked.ledger.obstacles = (HOLD,)
    asked.ledger.unheard = 1
    await asked.passes(61 * HOUR)
    await until(lambda: asked.ledger.notices, "the page")


@pytest.mark.slow
async def test_a_ledger_that_does_not_answer_is_asked_again_and_people_hear_of_it(asked: Erasures) -> None:
    await asked.passes(23 * HOUR)
    asked.ledger.down = NotPermitted("the ledger does not answer as it must")
    await asked.passes_until(lambda: asked.ledger.notices, by=13 * HOUR)
    await until(lambda: asked.ledger.notices, "the page")
    (notice,) = asked.ledger.notices
    assert "does not answer as it must" in notice.evidence[0]
    asked.ledger.down = None
    await asked.passes(31 * MINUTE)
    assert (await asked.closed()).state is ErasureState.ERASED


async def test_one_that_is_begun_late_is_done_at_once(server: DevServer, namespace: str) -> None:
    async with erasing(server, namespace) as made:
        made.ledger.requested -= 70 * HOUR
        await made.request()
        closed = await made.closed()
        assert (closed.state, closed.late) == (ErasureState.ERASED, False)


@pytest.mark.slow
async def test_a_large_one_is_done_in_portions(asked: Erasures) -> None:
    asked.ledger.portions = 4
    before = len(asked.ledger.asked)
    await asked.passes(DAY + MINUTE)
    await asked.closed()
    assert len(asked.ledger.asked) - before == 4


async def test_it_waits_until_no_limit_is_counted_by_the_name_any_more(asked: Erasures) -> None:
    asked.ledger.names_until = asked.ledger.requested + 40 * HOUR
    await asked.passes(DAY + MINUTE)
    await until(lambda: asked.ledger.erased_at, "the erasure")
    await asked.passes(15 * HOUR)
    assert (await asked.handle.describe()).close_time is None
    await asked.passes(2 * HOUR)
    closed = await asked.closed()
    assert (closed.state, closed.late) == (ErasureState.ERASED, False)


@pytest.mark.slow
async def test_a_worker_that_is_restarted_meanwhile_changes_nothing(asked: Erasures) -> None:
    await asked.passes(HOUR)
    await asked.rest()
    await asked.work()
    await asked.passes(DAY)
    assert (await asked.closed()).state is ErasureState.ERASED


async def test_a_run_that_is_reset_after_it_was_done_ends_in_the_same(asked: Erasures) -> None:
    await asked.passes(DAY + MINUTE)
    first = await asked.closed()
    erased_at = asked.ledger.erased_at
    request = ResetWorkflowExecutionRequest(
        namespace=asked.client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=asked.handle.id),
        reason="a test",
        workflow_task_finish_event_id=4,
        request_id="reset",
    )
    await asked.client.workflow_service.reset_workflow_execution(request)
    assert await asked.closed() == first
    assert asked.ledger.erased_at == erased_at


@pytest.mark.slow
async def test_operators_read_what_it_waits_for_and_how_to_take_it_back(asked: Erasures) -> None:
    shown = await details(asked.handle)
    assert "3 record(s): waiting" in shown
    assert f"byteport erase cancel {REQUEST}" in shown
    asked.ledger.obstacles = (HOLD,)
    await asked.passes(DAY + MINUTE)
    await until(lambda: len(asked.ledger.asked) > 1, "the next look")
    assert "legal hold case-7 keeps 3 record(s)" in await details(asked.handle)


@pytest.mark.claim("C-163")
async def test_a_request_that_the_ledger_has_lost_is_told_once_and_ends(asked: Erasures) -> None:
    asked.ledger.down = TargetGone(f"there is no request {REQUEST}")
    await asked.passes(DAY + MINUTE)
    closed = await asked.closed()
    assert (closed.state, closed.records, closed.late) == (ErasureState.LOST, 0, False)
    (notice,) = asked.ledger.notices
    assert notice.title == "A request for erasure was lost: the ledger does not know it any more"
    assert "put back from a backup" in notice.evidence[0]


@pytest.mark.slow
async def test_one_that_is_lost_while_nobody_hears_of_it_goes_on_until_somebody_does(asked: Erasures) -> None:
    asked.ledger.down, asked.ledger.unheard = TargetGone(f"there is no request {REQUEST}"), 100
    await asked.passes(DAY + MINUTE)
    await until(lambda: asked.ledger.unheard < 100, "the first try")
    asked.ledger.unheard = 0
    await asked.passes(HOUR)
    assert (await asked.closed()).state is ErasureState.LOST
    assert len(asked.ledger.notices) == 1


async def test_one_that_is_there_again_before_anybody_heard_is_done(asked: Erasures) -> None:
    asked.ledger.down, asked.ledger.unheard = TargetGone(f"there is no request {REQUEST}"), 1000
    await asked.passes(DAY + MINUTE)
    await until(lambda: asked.ledger.unheard < 1000, "the first try")
    asked.ledger.down = None
    await asked.passes(HOUR)
    assert (await asked.closed()).state is ErasureState.ERASED
    assert asked.ledger.notices == []


@pytest.mark.claim("C-163")
async def test_it_is_not_over_while_a_reader_keeps_it_in_the_files_and_that_is_paged(asked: Erasures) -> None:
    asked.ledger.scrubbed = False
    await asked.passes(DAY + HOUR)
    await until(lambda: asked.ledger.erased_at, "the erasure")
    assert asked.ledger.notices == []
    await asked.passes(36 * HOUR)
    await until(lambda: asked.ledger.notices, "the page before it is late")
    assert "keeps it in the write-ahead log" in asked.ledger.notices[0].evidence[0]
    asked.ledger.scrubbed = True
    await asked.passes(HOUR)
    assert (await asked.closed()).state is ErasureState.ERASED

"""The daily pruning as a workflow: every day, in portions, through failures that people hear of, and for ever."""

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from byteport.contracts.retention import OpenErasure
from byteport.domain.retention import RetentionConfig, times
from byteport.errors import NotPermitted, Unavailable
from byteport.sandbox.dev_server import DevServer
from byteport.temporal import standing_runs
from tests.workflows.erasing import DAY, EXPORT, HOUR, INSTALLATION, Erasures, erasing
from tests.workflows.histories import details
from tests.workflows.patience import until, until_so

MINUTE = timedelta(minutes=1)


@pytest_asyncio.fixture
async def retained(server: DevServer, namespace: str) -> AsyncIterator[Erasures]:
    async with erasing(server, namespace) as made:
        await standing_runs.start_retention(made.client, INSTALLATION)
        await until(lambda: made.ledger.pruned_at, "the first pruning")

        async def over() -> bool:
            return (await made.retained()).next_at is not None

        await until_so(over, "the end of the first round")
        yield made


async def test_it_prunes_at_once_and_every_day_after_that(retained: Erasures) -> None:
    for days in (2, 3, 4):
        await retained.a_day_passes()
        assert len(retained.ledger.pruned_at) == days
    first, *later = retained.ledger.pruned_at
    assert [round((at - first) / DAY, 1) for at in later] == [1, 2, 3]


async def test_what_is_old_goes_portion_by_portion_until_nothing_is_left(retained: Erasures) -> None:
    retained.ledger.old = 7
    await retained.days_pass(DAY)
    await until(lambda: retained.ledger.old == 0, "the pruning")
    assert len(retained.ledger.pruned_at) == 1 + 4


async def test_an_outage_of_a_receiver_holds_it_for_as_long_as_it_lasts(retained: Erasures) -> None:
    retained.ledger.old, retained.ledger.obstacles = 3, (EXPORT,)
    await retained.days_pass(DAY)
    await until(lambda: len(retained.ledger.pruned_at) == 2, "the second round")

    async def says() -> bool:
        return "s3 has not taken 2 record(s) yet" in await details(retained.retention)

    await until_so(says, "what is in its way")
    assert retained.ledger.old == 3
    retained.ledger.obstacles = ()
    await retained.days_pass(DAY)
    await until(lambda: retained.ledger.old == 0, "the pruning")
    assert retained.ledger.notices == []


@pytest.mark.slow
async def test_a_failure_is_tried_again_within_the_hour_and_nobody_is_woken_for_it(retained: Erasures) -> None:
    retained.ledger.errors = [NotPermitted("not the owner")]
    await retained.days_pass(DAY + MINUTE)
    await until(lambda: not retained.ledger.errors, "the failure")
    await retained.days_pass(HOUR)
    await until(lambda: len(retained.ledger.pruned_at) == 2, "the second try")
    assert (await retained.retained()).failing == ""
    assert retained.ledger.notices == []


@pytest.mark.slow
async def test_one_that_fails_for_a_day_is_paged_and_again_after_another(retained: Erasures) -> None:
    retained.ledger.down = NotPermitted("not the owner")
    await retained.days_pass(2 * DAY - HOUR)
    assert retained.ledger.notices == []
    await retained.days_pass(3 * HOUR)
    await until(lambda: len(retained.ledger.notices) == 1, "the page")
    assert "not the owner" in retained.ledger.notices[0].evidence[0]
    await retained.days_pass(DAY + HOUR)
    await until(lambda: len(retained.ledger.notices) == 2, "the second page")


async def test_a_request_whose_run_is_missing_gets_one(retained: Erasures) -> None:
    request = OpenErasure(request_id="0198", times=times(retained.ledger.requested, RetentionConfig()))
    retained.ledger.unattended = (request,)
    await retained.days_pass(DAY)
    await until(lambda: retained.ledger.started == ["0198"], "its start")


async def test_every_request_gets_one_however_many_are_open_before_it(retained: Erasures) -> None:
    ids = [f"{number:04d}" for number in range(25)]
    open_ones = [OpenErasure(request_id=one, times=times(retained.ledger.requested, RetentionConfig())) for one in ids]
    retained.ledger.unattended, retained.ledger.listed_at_once = tuple(open_ones), 2
    await retained.days_pass(DAY + MINUTE)
    await until(lambda: len(retained.ledger.started) == len(ids), "the last one's start")
    assert retained.ledger.started == ids


@pytest.mark.slow
async def test_it_gets_one_though_nothing_can_be_pruned(retained: Erasures) -> None:
    request = OpenErasure(request_id="0198", times=times(retained.ledger.requested, RetentionConfig()))
    retained.ledger.unattended = (request,)
    retained.ledger.errors = [NotPermitted("not the owner")]
    await retained.days_pass(DAY)
    await until(lambda: retained.ledger.started == ["0198"], "its start")


@pytest.mark.slow
async def test_it_is_renewed_and_goes_on_where_it_was(retained: Erasures) -> None:
    first = (await retained.retention.describe()).run_id
    for _ in range(31):
        await retained.a_day_passes()
    assert (await retained.retention.describe()).run_id != first
    gaps = [later - earlier for earlier, later in itertools.pairwise(retained.ledger.pruned_at)]
    assert all(abs(gap - DAY) < HOUR for gap in gaps)


@pytest.mark.slow
async def test_starting_it_again_leaves_the_one_that_runs(retained: Erasures) -> None:
    first = (await retained.retention.describe()).run_id
    await standing_runs.start_retention(retained.client, INSTALLATION)
    assert (await retained.retention.describe()).run_id == first


@pytest.mark.slow
async def test_a_ledger_that_is_away_for_a_moment_is_no_failure(retained: Erasures) -> None:
    retained.ledger.errors = [Unavailable("busy"), Unavailable("busy")]
    await retained.days_pass(DAY + MINUTE)
    await until(lambda: len(retained.ledger.pruned_at) == 2, "the second round")
    assert (await retained.retained()).failing == ""

"""When the log is shipped: at once while there is more, by the hour, and after what the receiver asks for; told once."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from byteport.contracts.export import LATE, Obstacle, Trouble
from byteport.contracts.receivers import TargetKind
from byteport.errors import PermanentError
from byteport.sandbox.dev_server import DevServer
from tests.workflows.exporting import PORTION, STEP, Call, Exporting, exporting
from tests.workflows.patience import until
from workflows.export import LONGEST_DELAY, PATIENCE, SLOWLY

HOUR = timedelta(hours=1)
AWAY = Obstacle(trouble=Trouble.UNAVAILABLE)
REFUSED = Obstacle(trouble=Trouble.NOT_PERMITTED)


@pytest_asyncio.fixture
async def export(server: DevServer, namespace: str) -> AsyncIterator[Exporting]:
    async with exporting(server, namespace) as made:
        yield made


def gaps(calls: list[Call]) -> list[timedelta]:
    return [later.at - earlier.at for earlier, later in itertools.pairwise(calls)]


async def begun(export: Exporting) -> None:
    await export.start()
    await until(lambda: export.around.calls, "its first call")


@pytest.mark.claim("C-157")
async def test_a_backlog_is_drained_in_order_without_a_pause(export: Exporting) -> None:
    around = export.around
    around.head = 7 * PORTION
    await export.start()
    await until(lambda: around.seq == around.head, "everything is shipped")
    assert [call.seq for call in around.calls[:7]] == [n * PORTION for n in range(7)]
    assert around.notices == []
    state = await export.state()
    assert (state.seq, state.lag_records, state.obstacle) == (around.head, 0, None)


@pytest.mark.claim("C-157")
@pytest.mark.slow
async def test_fault_22_an_outage_of_six_hours_loses_nothing_and_is_told_once(export: Exporting) -> None:
    around = export.around
    await begun(export)
    began = around.calls[0].at
    around.obstacle = lambda now: AWAY if now < began + 6 * HOUR else None
    around.head = 3 * PORTION
    await export.passes(5 * HOUR, by=HOUR / 2)
    assert around.seq == 0
    (page,) = await until(lambda: around.notices, "the page")
    assert page.rung == 1
    assert page.title == "The audit log does not reach webhook"
    assert f"records that it does not hold: {3 * PORTION}" in page.evidence
    state = await export.state()
    assert state.obstacle == AWAY
    assert state.lag_records == 3 * PORTION
    assert max(gaps(around.calls)) <= LONGEST_DELAY + HOUR / 2 + STEP  # where it has gone on as new
    await export.passes(HOUR + STEP, by=HOUR / 2 + STEP / 2)
    await until(lambda: around.seq == around.head, "the backlog is drained")
    page, over = await until(lambda: around.notices[1:] and around.notices, "the notice that it is over")
    assert (over.rung, over.title) == (0, "The audit log reaches webhook again")
    assert over.incident_id == page.incident_id


async def test_an_outage_shorter_than_people_need_to_hear_of_is_not_told(export: Exporting) -> None:
    around = export.around
    await begun(export)
    began = around.calls[0].at
    around.obstacle = lambda now: AWAY if now < began + PATIENCE / 2 else None
    await export.passes(PATIENCE / 2 + STEP, by=PATIENCE / 4 + STEP / 2)
    assert around.notices == []


async def test_the_receivers_own_delay_is_honoured(export: Exporting) -> None:
    around = export.around
    asked = Obstacle(trouble=Trouble.THROTTLED, delay_seconds=2222)
    around.obstacle = lambda _: asked
    await export.start()
    await export.passes(2 * HOUR, by=HOUR)
    assert all(gap >= timedelta(seconds=2222) for gap in gaps(around.calls))
    assert len(around.calls) in (3, 4)


async def test_a_refusal_is_told_at_once_and_only_once_and_tried_again_slowly(export: Exporting) -> None:
    around = export.around
    around.obstacle = lambda _: Obstacle(trouble=Trouble.OCCUPIED, named="byteport/tenant=acme/x.ndjson")
    await export.start()
    (page,) = await until(lambda: around.notices, "the page")
    assert "look at: byteport/tenant=acme/x.ndjson" in page.evidence
    await export.passes(4 * HOUR, by=HOUR)
    assert len(around.notices) == 1
    assert min(gaps(around.calls)) >= SLOWLY
    assert len(around.calls) >= 4 * HOUR / SLOWLY - 2


async def test_a_page_that_nobody_got_is_sent_with_the_next_failure(export: Exporting) -> None:
    around = export.around
    around.obstacle = lambda _: REFUSED
    around.pager_is_down = 1
    await export.start()
    await export.passes(HOUR / 2, by=HOUR / 4)
    assert len(await until(lambda: around.notices, "the page")) == 1


async def test_a_worker_that_starts_has_it_tried_at_once(export: Exporting) -> None:
    """Somebody has mended the setting."""
    around = export.around
    around.obstacle = lambda _: REFUSED
    await export.start()
    await until(lambda: around.notices, "the page")
    around.obstacle = lambda _: None
    around.head = 5
    await export.start()
    await until(lambda: around.seq == 5, "it is shipped")


async def test_a_mistake_of_the_act_is_an_obstacle_and_not_the_end(export: Exporting) -> None:
    around = export.around
    around.errors = [PermanentError("a mistake")]
    around.head = 5
    await export.start()
    (page,) = await until(lambda: around.notices, "the page")
    assert any(line.startswith("unknown:") for line in page.evidence)
    await export.passes(SLOWLY)
    await until(lambda: around.seq == 5, "it is shipped")


async def test_one_that_takes_hours_is_asked_by_the_hour(export: Exporting) -> None:
    around = export.around

    def still_open(now: datetime) -> datetime | None:
        """Records come all the time; each hour's are open until shortly after its end."""
        start = now.replace(minute=0, second=0, microsecond=0)
        due = start + LATE
        if now >= due:
            around.head = around.seq + 10
        return due if now < due else None

    around.hour_open = still_open
    around.head = 10
    await export.start(TargetKind.S3)
    await export.passes(10 * HOUR, by=HOUR / 2)
    later = around.calls[2:]
    assert len(later) <= 2 * 10
    assert [call for call in later if call.at.minute > LATE / timedelta(minutes=1)] == []


async def test_it_ends_when_the_settings_name_the_receiver_no_more(export: Exporting) -> None:
    around = export.around
    around.head = 5
    await export.start()
    await until(lambda: around.seq == 5, "it is shipped")
    around.wanted = False
    await export.start()
    assert (await export.closed()).seq == 5


async def test_the_act_is_told_whether_the_log_knows_of_it(export: Exporting) -> None:
    around = export.around
    around.errors = [PermanentError("before anything was recorded")]
    around.head = 2 * PORTION
    await export.start()
    await export.passes(SLOWLY)
    await until(lambda: around.seq == around.head, "it is shipped")
    assert [call.begun for call in around.calls[:4]] == [False, False, True, True]


async def test_one_that_was_never_wanted_ends_without_a_word(export: Exporting) -> None:
    export.around.wanted = False
    await export.start()
    assert (await export.closed()).seq == 0


async def test_it_goes_on_as_new_and_knows_what_it_knew(export: Exporting) -> None:
    around = export.around
    around.obstacle = lambda _: REFUSED
    await export.start()
    first = (await export.handle.describe()).run_id
    await until(lambda: around.notices, "the page")
    await export.passes(8 * HOUR, by=HOUR)
    assert (await export.handle.describe()).run_id != first
    assert len(around.notices) == 1
    assert [call.begun for call in around.calls].count(False) == 1
    state = await export.state()
    assert state.failing_since is not None
    assert state.failing_since <= around.calls[1].at

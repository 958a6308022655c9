"""The run that has the log signed: at its pace, through whatever is down, and heard once when something is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio
from pydantic import ValidationError
from temporalio.service import RPCError

from byteport.contracts.checkpoints import ALARM, COSIGN, FOLLOW, Following, Refused
from byteport.domain.ids import checkpoint_id
from byteport.domain.reasons import Reason
from byteport.errors import NotPermitted
from byteport.sandbox.dev_server import DevServer
from tests.workflows.histories import details
from tests.workflows.patience import until, until_so
from tests.workflows.signed import EVERY, MINUTE, Keepers, Signing, signing
from tests.workflows.world import World
from workflows import checkpoint
from workflows.phases import objections

W1, W2 = "w1.example", "w2.example"
WITNESSED = Following(every_seconds=60, witnesses=(W1, W2))


@pytest_asyncio.fixture
async def run(server: DevServer, namespace: str) -> AsyncIterator[Signing]:
    async with signing(server, namespace) as made:
        yield made


@pytest.fixture
def keepers(run: Signing) -> Keepers:
    return run.keepers


async def looked(run: Signing, times: int) -> None:
    """Let minutes pass until the signer was asked so often."""
    while len(run.keepers.looks) < times:
        before = len(run.keepers.looks)
        await run.passes(MINUTE)
        await until(lambda: len(run.keepers.looks) > before, "another look")  # noqa: B023  waited for here


async def test_the_signer_is_asked_at_once_and_then_each_minute(run: Signing, keepers: Keepers) -> None:
    await run.starts()
    await until(lambda: keepers.looks, "the first look")
    await looked(run, 4)
    first, *later = keepers.looks
    assert [round((at - first) / MINUTE) for at in later] == [1, 2, 3]
    assert (keepers.alarms, keepers.notices) == ([], [])


async def test_a_long_log_is_signed_part_by_part_without_waiting(run: Signing, keepers: Keepers) -> None:
    keepers.records, keepers.at_once = 50, 10
    await run.starts()
    await until(lambda: keepers.signed == 50, "all of it")
    assert keepers.looks[-1] - keepers.looks[0] < MINUTE


async def test_a_changed_pace_is_heard_at_the_next_start_of_a_worker(run: Signing, keepers: Keepers) -> None:
    await run.starts(Following(every_seconds=3600))
    await until(lambda: keepers.looks, "the first look")
    await run.starts(EVERY)
    await until(lambda: len(keepers.looks) == 2, "the next look")
    await looked(run, 3)


async def test_each_witness_is_asked_to_go_on_from_where_it_was(run: Signing, keepers: Keepers) -> None:
    await run.starts(WITNESSED)
    await until(lambda: len(keepers.kept) == 2, "both")
    keepers.records = 7
    await looked(run, 2)
    await until(lambda: len(keepers.kept) == 4, "both again")
    await looked(run, 3)
    assert keepers.asked_of(W1) == keepers.asked_of(W2) == [(0, 3), (3, 7)]
    assert [(kept.note, kept.lines) for kept in keepers.kept if W1 in kept.lines] == [
        ("note of 3", f"{W1} of 3"),
        ("note of 7", f"{W1} of 7"),
    ]


@pytest.fixture
def short_patience() -> Iterator[None]:
    """A witness that does not answer is given up within a second: that time is real, since an act is in flight."""
    before = COSIGN.schedule_to_close
    object.__setattr__(COSIGN, "schedule_to_close", timedelta(seconds=1))
    yield
    object.__setattr__(COSIGN, "schedule_to_close", before)


@pytest.mark.usefixtures("short_patience")
async def test_a_dead_witness_holds_up_neither_the_signer_nor_the_other_witness(run: Signing, keepers: Keepers) -> None:
    keepers.dead = {W1}
    await run.starts(WITNESSED)
    await until(lambda: keepers.kept, "the living one")
    keepers.records = 7
    await looked(run, 2)
    assert keepers.signed == 7
    await until(lambda: len(keepers.kept) == 2, "the living one again")
    keepers.dead = set()
    await looked(run, 3)
    await until(lambda: any(W1 in kept.lines for kept in keepers.kept), "the other one")
    assert {since for since, _ in keepers.asked_of(W1)} == {0}
    assert (keepers.alarms, keepers.notices) == ([], [])


async def test_a_witness_that_is_set_no_more_is_asked_no_more(run: Signing, keepers: Keepers) -> None:
    await run.starts(WITNESSED)
    await until(lambda: len(keepers.kept) == 2, "both")
    await run.starts(Following(every_seconds=60, witnesses=(W2,)))
    keepers.records = 7
    await until(lambda: len(keepers.kept) == 3, "one")
    await looked(run, 4)
    assert keepers.asked_of(W1) == [(0, 3)]


@pytest.mark.parametrize("because", list(Refused))
async def test_a_refusal_raises_the_alarm_and_pages_and_is_looked_at_again(
    run: Signing, keepers: Keepers, because: Refused
) -> None:
    keepers.refusal = because
    await run.starts()
    await until(lambda: keepers.notices and keepers.alarms, "alarm and page")
    await looked(run, 4)
    (notice,) = keepers.notices
    assert {(alarm.name, alarm.by, alarm.reason) for alarm in keepers.alarms} == {
        (ALARM, "byteport signer", "look at it")
    }
    assert (notice.rung, notice.reasons) == (1, (Reason.ALARM,))
    assert notice.evidence == ("signed: 9 record(s)", "found: 5 record(s)", "look at it")
    assert "look at it" in await details(run.handle)


async def test_another_refusal_is_another_page_and_its_end_is_told_without_clearing_the_alarm(
    run: Signing, keepers: Keepers
) -> None:
    keepers.refusal = Refused.SHRANK
    await run.starts()
    await until(lambda: keepers.notices, "the first page")
    keepers.refusal = Refused.FORKED
    await looked(run, 2)
    await until(lambda: len(keepers.notices) == 2, "the second page")
    keepers.refusal = None
    await looked(run, 3)
    over = (await until(lambda: keepers.notices[2:], "its end"))[0]
    assert (over.rung, over.title) == (0, "The log is signed again")
    assert over.how_to_answer == f"byteport alarm clear {ALARM}"
    keepers.refusal = Refused.SHRANK
    await looked(run, 4)
    await until(lambda: len(keepers.notices) == 4, "the page of a new refusal")
    assert len({notice.key for notice in keepers.notices}) == 4


@pytest.mark.slow
async def test_a_page_that_nobody_could_be_given_is_given_at_a_later_look(run: Signing, keepers: Keepers) -> None:
    keepers.refusal, keepers.unheard = Refused.SHRANK, 1000
    await run.starts()
    await until(lambda: keepers.unheard < 1000, "a try")
    await run.passes(timedelta(minutes=31))
    keepers.unheard = 0
    await run.passes(MINUTE)
    await until(lambda: keepers.notices, "the page")


async def test_a_witness_that_knows_another_log_raises_the_alarm_too(run: Signing, keepers: Keepers) -> None:
    keepers.objecting = {W1: Refused.SHRANK}
    await run.starts(WITNESSED)
    await until(lambda: keepers.notices and keepers.alarms, "alarm and page")
    await looked(run, 3)
    (notice,) = keepers.notices
    assert {alarm.by for alarm in keepers.alarms} == {f"witness {W1}"}
    assert notice.evidence == ("witnessed: 12 record(s)", "another log")
    assert "another log" in await details(run.handle)
    keepers.objecting = {}
    await run.passes(MINUTE)
    over = (await until(lambda: keepers.notices[1:], "its end"))[0]
    assert over.rung == 0


@pytest.mark.slow
async def test_a_log_that_nobody_signs_for_half_an_hour_is_a_page_each_day_and_no_alarm(
    run: Signing, keepers: Keepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objections, "AGAIN_AFTER", timedelta(minutes=20))
    keepers.down = NotPermitted("the key is not mine")
    await run.starts()
    await until(lambda: keepers.looks, "the first look")
    await run.passes(timedelta(minutes=25))
    assert keepers.notices == []
    await run.passes(timedelta(minutes=10))
    (notice,) = await until(lambda: keepers.notices, "the page")
    assert notice.title == "The log is not being signed"
    await run.passes(timedelta(minutes=5))
    assert (len(keepers.notices), keepers.alarms) == (1, [])
    await run.passes(timedelta(minutes=20))
    await until(lambda: len(keepers.notices) == 2, "the page of the next day")
    keepers.down = None
    await run.passes(MINUTE)
    over = (await until(lambda: keepers.notices[2:], "its end"))[0]
    assert (over.rung, over.title) == (0, "The log is being signed again")
    assert "alarm" not in (over.how_to_answer or ""), "none was raised"


async def test_its_history_is_bounded_and_what_it_knows_is_carried_over(
    run: Signing, keepers: Keepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "MOST_LOOKS", 3)
    keepers.objecting = {W1: Refused.FORKED}
    await run.starts(WITNESSED)
    await until(lambda: keepers.notices and keepers.kept, "alarm, page and the other witness")
    first = (await run.handle.describe()).run_id
    keepers.records = 7

    async def renewed() -> bool:
        await run.passes(MINUTE)
        return (await run.handle.describe()).run_id != first

    await until_so(renewed, "a new run")
    await until(lambda: (3, 7) in keepers.asked_of(W2), "the next checkpoint")
    assert (0, 7) not in keepers.asked_of(W2)
    assert len(keepers.notices) == 1
    raised = len(keepers.alarms)
    await run.passes(MINUTE)
    await until(lambda: len(keepers.alarms) > raised, "the alarm, in the new run too")
    keepers.objecting = {}
    await run.passes(MINUTE)
    over = (await until(lambda: keepers.notices[1:], "its end"))[0]
    assert over.how_to_answer == f"byteport alarm clear {ALARM}"


@pytest.mark.claim("C-240")
async def test_while_it_is_refused_the_alarm_is_raised_at_every_look_however_slow_the_pace(
    run: Signing, keepers: Keepers
) -> None:
    """Another backup that is restored has no alarm in it, and somebody may clear it too early."""
    keepers.refusal = Refused.SHRANK
    await run.starts(Following(every_seconds=3600))
    await until(lambda: keepers.alarms, "the alarm")
    for times in range(2, 6):
        await looked(run, times)
        await until(lambda: len(keepers.alarms) == len(keepers.looks), "the alarm of this look")
    assert keepers.looks[-1] - keepers.looks[0] < timedelta(minutes=6)
    assert len(keepers.notices) == 1


async def test_what_stands_for_days_is_told_each_day(
    run: Signing, keepers: Keepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(days=1) == objections.AGAIN_AFTER
    monkeypatch.setattr(objections, "AGAIN_AFTER", timedelta(minutes=10))
    keepers.refusal = Refused.FORKED
    await run.starts()
    await until(lambda: keepers.notices, "the page")
    await looked(run, 8)
    assert len(keepers.notices) == 1
    await looked(run, 13)
    await until(lambda: len(keepers.notices) == 2, "the page of the next day")


async def test_an_alarm_that_cannot_be_raised_is_no_further_page(run: Signing, keepers: Keepers) -> None:
    keepers.refusal, keepers.alarm_down = Refused.SHRANK, True
    await run.starts()
    await until(lambda: keepers.alarms and keepers.notices, "alarm and page")
    await looked(run, 6)
    assert len(keepers.notices) == 1
    assert len(keepers.alarms) >= 5


async def test_it_is_signed_again_only_when_nobody_objects_any_more(run: Signing, keepers: Keepers) -> None:
    keepers.objecting = {W1: Refused.FORKED, W2: Refused.FORKED}
    await run.starts(WITNESSED)
    await until(lambda: len(keepers.notices) == 2, "two pages")
    keepers.objecting, keepers.records = {W2: Refused.FORKED}, 9
    await looked(run, 3)
    raised = len(keepers.alarms)
    await looked(run, 5)
    await until(lambda: len(keepers.alarms) > raised, "the alarm, by the other one")
    assert keepers.alarms[-1].by == f"witness {W2}"
    assert [notice.rung for notice in keepers.notices] == [1, 1]
    keepers.objecting = {}
    await looked(run, 6)
    over = (await until(lambda: keepers.notices[2:], "its end"))[0]
    assert over.title == "The log is signed again"


@pytest.mark.usefixtures("short_patience")
async def test_an_objection_stands_while_the_one_who_made_it_is_down(run: Signing, keepers: Keepers) -> None:
    keepers.objecting = {W1: Refused.FORKED}
    await run.starts(WITNESSED)
    await until(lambda: keepers.notices and keepers.alarms, "alarm and page")
    keepers.objecting, keepers.dead = {}, {W1}
    await looked(run, 2)
    raised = len(keepers.alarms)
    await looked(run, 4)
    await until(lambda: len(keepers.alarms) > raised, "the alarm")
    assert len(keepers.notices) == 1


async def test_a_witness_that_is_taken_out_objects_no_more_and_is_heard_when_it_is_back(
    run: Signing, keepers: Keepers
) -> None:
    keepers.objecting = {W1: Refused.FORKED}
    await run.starts(WITNESSED)
    await until(lambda: keepers.notices and keepers.alarms, "alarm and page")
    await run.starts(Following(every_seconds=60, witnesses=(W2,)))
    over = (await until(lambda: keepers.notices[1:], "its end"))[0]
    assert over.title == "The log is signed again"
    raised = len(keepers.alarms)
    await run.starts(WITNESSED)
    await until(lambda: len(keepers.notices) == 3 and len(keepers.alarms) > raised, "alarm and page")


@pytest.mark.slow
@pytest.mark.usefixtures("short_patience")
async def test_a_witness_that_does_not_sign_for_hours_is_a_page_each_day_and_no_alarm(
    run: Signing, keepers: Keepers
) -> None:
    keepers.dead = {W1}
    await run.starts(Following(every_seconds=3600, witnesses=(W1, W2)))
    await until(lambda: keepers.asked_of(W1), "a try")
    for hours, pages in ((5, 0), (2, 1), (20, 1), (6, 2)):
        tried = len(keepers.asked_of(W1))
        await run.passes(timedelta(hours=hours))
        await until(lambda: len(keepers.asked_of(W1)) > tried, "another try")  # noqa: B023  waited for here
        await until(lambda: len(keepers.notices) == pages, f"{pages} page(s)")  # noqa: B023  waited for here
    assert {(notice.rung, notice.title) for notice in keepers.notices} == {(1, "A witness does not sign the log")}
    assert keepers.notices[0].evidence[0].startswith(f"witness {W1} has not signed since")
    assert keepers.alarms == []


async def test_nobody_can_have_it_look_less_than_hourly(run: Signing, keepers: Keepers) -> None:
    """Whoever reaches Temporal can send it anything."""
    with pytest.raises(ValidationError):
        Following(every_seconds=3601)
    await run.starts()
    await until(lambda: keepers.looks, "the first look")
    await run.handle.signal(FOLLOW, {"every_seconds": 2_000_000_000, "witnesses": []})
    await looked(run, 3)


async def test_where_nobody_is_set_to_sign_no_such_run_is_begun(world: World) -> None:
    with pytest.raises(RPCError, match="not found"):
        await world.client.get_workflow_handle(checkpoint_id(world.installation.cluster_uid)).describe()

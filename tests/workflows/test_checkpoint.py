"""The run that has the log signed: at its pace, through whatever is down, and heard once when something is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.service import RPCError

from byteport.contracts.checkpoints import ALARM, COSIGN, Following, Refused
from byteport.domain.ids import checkpoint_id
from byteport.domain.reasons import Reason
from byteport.errors import NotPermitted
from byteport.sandbox.dev_server import DevServer
from tests.workflows.histories import details
from tests.workflows.patience import until, until_so
from tests.workflows.signed import EVERY, MINUTE, Keepers, Signing, signing
from tests.workflows.world import World
from workflows import checkpoint

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
async def test_a_refusal_raises_the_alarm_and_pages_once_and_is_looked_at_again(
    run: Signing, keepers: Keepers, because: Refused
) -> None:
    keepers.refusal = because
    await run.starts()
    await until(lambda: keepers.notices and keepers.alarms, "alarm and page")
    await looked(run, 4)
    (alarm,), (notice,) = keepers.alarms, keepers.notices
    assert (alarm.name, alarm.by, alarm.reason) == (ALARM, "byteport signer", "look at it")
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
    assert len(keepers.alarms) == 3


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
    (alarm,), (notice,) = keepers.alarms, keepers.notices
    assert (alarm.by, notice.evidence) == (f"witness {W1}", ("witnessed: 12 record(s)", "another log"))
    keepers.objecting = {}
    await run.passes(MINUTE)
    over = (await until(lambda: keepers.notices[1:], "its end"))[0]
    assert over.rung == 0


async def test_a_log_that_nobody_signs_for_half_an_hour_is_a_page_and_no_alarm(run: Signing, keepers: Keepers) -> None:
    keepers.down = NotPermitted("the key is not mine")
    await run.starts()
    await until(lambda: keepers.looks, "the first look")
    await looked(run, 25)
    assert keepers.notices == []
    await looked(run, 35)
    (notice,) = await until(lambda: keepers.notices, "the page")
    assert notice.title == "The log is not being signed"
    await looked(run, 40)
    assert (len(keepers.notices), keepers.alarms) == (1, [])
    keepers.down = None
    await looked(run, 41)
    await until(lambda: len(keepers.notices) == 2, "its end")


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
    assert (len(keepers.notices), len(keepers.alarms)) == (1, 1)


async def test_where_nobody_is_set_to_sign_no_such_run_is_begun(world: World) -> None:
    with pytest.raises(RPCError, match="not found"):
        await world.client.get_workflow_handle(checkpoint_id(world.installation.cluster_uid)).describe()

"""The pager: every channel by itself, nobody told twice, and a page that reached nobody is tried again."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.notify.channel import Taken
from activities.notify.file import FileChannel
from activities.notify.page import PATIENCE, Outside, Pager
from activities.notify.sent import Sent
from activities.notify.told import Told
from byteport.contracts.channels import ChannelKind, Routes
from byteport.contracts.people import Delivered, Ending, Notice
from byteport.errors import BytePortError, NotPermitted, Throttled, Unavailable
from tests.builders.noticed import notice

SLACK, PAGERDUTY, EMAIL = ChannelKind.SLACK, ChannelKind.PAGERDUTY, ChannelKind.EMAIL


class Stand:
    """A channel that answers what it is told to."""

    def __init__(self, kind: ChannelKind, *fails: BytePortError | Exception, first_rung: int = 0) -> None:
        self.kind, self.first_rung = kind, first_rung
        self.fails = [*fails]
        self.got: list[tuple[str, str]] = []

    async def deliver(self, message: Told, earlier: str) -> Taken:
        if self.fails:
            raise self.fails.pop(0)
        self.got.append((message.key, earlier))
        return Taken(ref=f"{self.kind.value}-{len(self.got)}")


def pager(folder: Path, *channels: Stand, by_rung: tuple[tuple[ChannelKind, ...], ...] = ()) -> Pager:
    routes = Routes(channels=tuple(channel.kind for channel in channels), by_rung=by_rung)
    return Pager([FileChannel(folder / "notices")], Outside(channels, routes, Sent(folder / "sent"), None))


async def told(pager: Pager, call: Notice, attempt: int = 1) -> Delivered:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=attempt)
    delivered = await environment.run(pager.page, call)
    assert isinstance(delivered, Delivered)
    return delivered


@pytest.mark.claim("C-430")
async def test_a_channel_that_is_down_keeps_no_other_from_paging_and_alone_is_tried_again(tmp_path: Path) -> None:
    slack, pagerduty = Stand(SLACK, Unavailable("down"), Unavailable("down")), Stand(PAGERDUTY)
    both = pager(tmp_path, slack, pagerduty)
    for attempt in (1, 2):
        with pytest.raises(ApplicationError) as caught:
            await told(both, notice(), attempt)
        assert not caught.value.non_retryable
        assert len(pagerduty.got) == 1
    assert await told(both, notice(), 3) == Delivered(channels=("file", "slack", "pagerduty"))
    assert (len(slack.got), len(pagerduty.got)) == (1, 1)


async def test_the_ladder_does_not_wait_for_a_channel_that_stays_down_once_another_has_told_people(
    tmp_path: Path,
) -> None:
    slack, pagerduty = Stand(SLACK, *[Unavailable("down")] * PATIENCE), Stand(PAGERDUTY)
    both = pager(tmp_path, slack, pagerduty)
    for attempt in range(1, PATIENCE):
        with pytest.raises(ApplicationError):
            await told(both, notice(), attempt)
    delivered = await told(both, notice(), PATIENCE)
    assert [(one.channel, one.code) for one in delivered.failed] == [("slack", "unavailable")]
    assert delivered.channels == ("file", "pagerduty")


async def test_a_page_that_reached_nobody_outside_is_tried_again_though_the_file_has_it(tmp_path: Path) -> None:
    wrong = Stand(SLACK, *[NotPermitted("the token was revoked")] * (PATIENCE + 2))
    for attempt in (1, PATIENCE + 1):
        with pytest.raises(ApplicationError) as caught:
            await told(pager(tmp_path, wrong), notice(), attempt)
        assert not caught.value.non_retryable


async def test_what_only_a_person_can_mend_is_not_tried_again_where_another_channel_has_told_people(
    tmp_path: Path,
) -> None:
    slack, email = Stand(SLACK, NotPermitted("the token was revoked")), Stand(EMAIL)
    delivered = await told(pager(tmp_path, slack, email), notice())
    assert [(one.channel, one.code) for one in delivered.failed] == [("slack", "not_permitted")]


async def test_a_mistake_of_ours_in_one_channel_keeps_no_other_from_paging(tmp_path: Path) -> None:
    slack, email = Stand(SLACK, ZeroDivisionError("with a secret in it")), Stand(EMAIL)
    delivered = await told(pager(tmp_path, slack, email), notice())
    assert delivered.channels == ("file", "email")
    assert [one.channel for one in delivered.failed] == ["slack"]


async def test_it_is_tried_again_when_the_channel_says_so(tmp_path: Path) -> None:
    throttled = Stand(SLACK, Throttled("too often", timedelta(seconds=7)))
    with pytest.raises(ApplicationError) as caught:
        await told(pager(tmp_path, throttled), notice())
    assert caught.value.next_retry_delay == timedelta(seconds=7)


async def test_each_rung_has_its_channels_and_the_last_entry_holds_for_all_that_follow(tmp_path: Path) -> None:
    slack, pagerduty = Stand(SLACK), Stand(PAGERDUTY, first_rung=1)
    both = pager(tmp_path, slack, pagerduty, by_rung=((SLACK, PAGERDUTY), (SLACK,), (PAGERDUTY,)))
    for rung in (0, 1, 2, 5):
        await told(both, notice(rung=rung, key=f"k{rung}"))
    assert [key for key, _ in slack.got] == ["k0", "k1"]
    assert [key for key, _ in pagerduty.got] == ["k2", "k5"]


async def test_of_an_end_every_channel_hears(tmp_path: Path) -> None:
    slack, pagerduty = Stand(SLACK), Stand(PAGERDUTY, first_rung=1)
    both = pager(tmp_path, slack, pagerduty, by_rung=((), (PAGERDUTY,)))
    await told(both, notice(rung=0, ending=Ending.OVER))
    assert (len(slack.got), len(pagerduty.got)) == (1, 1)


async def test_a_plain_notice_that_is_for_no_channel_is_told_by_the_file_alone(tmp_path: Path) -> None:
    pagerduty = Stand(PAGERDUTY, first_rung=1)
    assert await told(pager(tmp_path, pagerduty), notice(rung=0)) == Delivered(channels=("file",))


async def test_nothing_is_repeated_after_a_restart_and_what_follows_joins_the_incidents_first_message(
    tmp_path: Path,
) -> None:
    before, after = Stand(SLACK), Stand(SLACK)
    await told(pager(tmp_path, before), notice(key="a"))
    again = pager(tmp_path, after)
    await told(again, notice(key="a"))
    await told(again, notice(key="b"))
    await told(again, notice(key="c", incident_id="inc-2"))
    assert before.got == [("a", "")]
    assert after.got == [("b", "slack-1"), ("c", "")]


async def test_two_attempts_at_once_deliver_once(tmp_path: Path) -> None:
    slack = Stand(SLACK)
    one = pager(tmp_path, slack)
    await asyncio.gather(*(told(one, notice()) for _ in range(5)))
    assert len(slack.got) == 1


async def test_a_channel_that_is_slow_about_one_incident_keeps_no_other_waiting(tmp_path: Path) -> None:
    class Slow(Stand):
        async def deliver(self, message: Told, earlier: str) -> Taken:
            if message.incident_id == "inc-slow":
                await others_told.wait()
            return await super().deliver(message, earlier)

    slow, others_told = Slow(PAGERDUTY), asyncio.Event()
    one = pager(tmp_path, slow)
    async with asyncio.timeout(5):
        first = asyncio.create_task(told(one, notice(key="a", incident_id="inc-slow")))
        await asyncio.sleep(0)
        await told(one, notice(key="b", incident_id="inc-2"))
        others_told.set()
        await first
    assert [key for key, _ in slow.got] == ["b", "a"]


def test_a_line_torn_by_a_crash_tells_of_no_delivery_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "sent"
    Sent(path).write("slack", "a", "inc-1", "1.2")
    with path.open("ab") as file:
        file.write(b'["slack", "b", "inc')
    Sent(path).write("slack", "c", "inc-1", "3.4")
    read = Sent(path)
    assert [read.has("slack", key) for key in "abc"] == [True, False, True]
    assert read.first("slack", "inc-1") == "1.2"


@pytest.mark.claim("C-430")
@pytest.mark.parametrize("broken", ["full", "unreadable"])
async def test_a_disk_that_takes_nothing_makes_no_channel_silent_and_none_repeat_itself(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = Stand(SLACK)
    one = Pager([], Outside([slack], Routes(channels=(SLACK,)), Sent(tmp_path / "sent"), None))
    await told(one, notice(key="a"))
    with monkeypatch.context() as patch:
        if broken == "full":
            patch.setattr("os.fsync", _full)
        else:
            patch.setattr(Path, "open", _full)
        for attempt in (1, 2, 3):
            await told(one, notice(key="b"), attempt)
    await told(one, notice(key="c"))
    assert slack.got == [("a", ""), ("b", "slack-1"), ("c", "slack-1")]
    assert [Sent(tmp_path / "sent").has("slack", key) for key in "abc"] == [True, True, True]


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_channels_that_ask_at_once_learn_of_every_delivery(tmp_path: Path) -> None:
    path = tmp_path / "sent"
    writer, reader = Sent(path), Sent(path)
    keys = [f"k{number}" for number in range(2000)]
    path.write_text("".join(f'["slack", "{key}", "inc-1", "1.2"]\n' for key in keys))
    with ThreadPoolExecutor(8) as threads:
        for last in range(2000, 2100):
            assert all(threads.map(lambda _: reader.has("slack", keys[-1]), range(8)))
            keys.append(f"k{last}")
            writer.write("slack", keys[-1], "inc-1", "3.4")


@pytest.mark.parametrize("delay", [timedelta(minutes=25), timedelta(hours=1)])
async def test_the_ladder_does_not_wait_for_a_channel_that_puts_us_off_once_another_has_told_people(
    tmp_path: Path, delay: timedelta
) -> None:
    slack, pagerduty = Stand(SLACK, Throttled("too often", delay)), Stand(PAGERDUTY)
    delivered = await told(pager(tmp_path, slack, pagerduty), notice())
    assert delivered.channels == ("file", "pagerduty")
    assert [(one.channel, one.code) for one in delivered.failed] == [("slack", "throttled")]


async def test_a_page_that_reached_nobody_is_not_given_up_however_long_its_channel_puts_us_off(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError) as caught:
        await told(pager(tmp_path, Stand(SLACK, Throttled("too often", timedelta(hours=1)))), notice())
    assert caught.value.next_retry_delay == timedelta(minutes=1)

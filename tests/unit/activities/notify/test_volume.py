"""A volume that hangs: people are told all the same, nobody is told twice by it, and nothing waits for it at the end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from activities.notify.channel import Taken
from activities.notify.page import Outside, Pager
from activities.notify.sent import Sent
from activities.notify.volume import Volume
from byteport.contracts.channels import ChannelKind, Routes
from byteport.errors import Unavailable
from tests.builders.noticed import notice
from tests.unit.activities.notify.test_page import Stand, pager, told

SLACK, PAGERDUTY = ChannelKind.SLACK, ChannelKind.PAGERDUTY
STORM = 400
"""So many looks of 0.05 s one after the other are longer than a channel is waited for."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.notify.volume.SECONDS", 0.1)


@pytest.fixture
def well_again(impatient: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every sync hangs until it is set, as it does on a volume whose server is gone."""
    event, sync = threading.Event(), os.fsync

    def hangs(file: int) -> None:
        event.wait(30)
        sync(file)

    monkeypatch.setattr("os.fsync", hangs)
    yield event
    event.set()


@pytest.mark.claim("C-498")
async def test_a_volume_that_hangs_keeps_nobody_from_being_told_and_nobody_is_told_twice(
    tmp_path: Path, well_again: threading.Event
) -> None:
    slack, pagerduty = Stand(SLACK), Stand(PAGERDUTY)
    both = pager(tmp_path, slack, pagerduty)
    async with asyncio.timeout(30):
        delivered = await told(both, notice(key="a"), attempt=4)
        assert delivered.channels == ("slack", "pagerduty")
        assert [one.channel for one in delivered.failed] == ["file"]
        await told(both, notice(key="a"), attempt=4)
        await told(both, notice(key="b"), attempt=4)
    assert [key for key, _ in slack.got] == ["a", "b"]
    assert [earlier for _, earlier in slack.got] == ["", "slack-1"]
    assert pagerduty.got[0][0] == "a"


@pytest.mark.claim("C-498")
async def test_what_was_told_meanwhile_is_on_the_disk_once_it_answers_again(
    tmp_path: Path, well_again: threading.Event
) -> None:
    slack = Stand(SLACK)
    one = Pager([], Outside([slack], Routes(channels=(SLACK,)), Sent(tmp_path / "sent"), None))
    await told(one, notice(key="a"))
    await told(one, notice(key="b"))
    well_again.set()
    later = 0
    async with asyncio.timeout(30):
        while not Sent(tmp_path / "sent").has("slack", "b"):
            later += 1
            await told(one, notice(key=f"later-{later}"))
            await asyncio.sleep(0.01)
    assert Sent(tmp_path / "sent").has("slack", "a")
    assert [key for key, _ in slack.got] == ["a", "b", *(f"later-{number}" for number in range(1, later + 1))]


@pytest.mark.usefixtures("impatient")
async def test_a_file_whose_opening_hangs_is_no_answer_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "sent")  # nobody ever writes into it
    slack = Stand(SLACK)
    one = Pager([], Outside([slack], Routes(channels=(SLACK,)), Sent(tmp_path / "sent"), None))
    async with asyncio.timeout(30):
        assert (await told(one, notice(key="a"))).channels == ("slack",)
    os.close(os.open(tmp_path / "sent", os.O_RDWR | os.O_NONBLOCK))


@pytest.mark.claim("C-498")
@pytest.mark.usefixtures("impatient")
async def test_one_call_hangs_at_a_time_and_the_next_is_refused_at_once() -> None:
    asked: list[int] = []
    volume, event = Volume(), threading.Event()
    with pytest.raises(Unavailable, match="has not answered"):
        await volume.ask(event.wait)
    for number in range(50):
        with pytest.raises(Unavailable, match="still"):
            await volume.ask(partial(asked.append, number))
    assert asked == []
    event.set()
    async with asyncio.timeout(30):
        while not asked:
            try:
                await volume.ask(partial(asked.append, 1))
            except Unavailable:
                await asyncio.sleep(0.01)


@pytest.mark.claim("C-498")
@pytest.mark.usefixtures("impatient")
async def test_a_volume_that_is_slow_in_a_storm_keeps_nobody_from_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its answers comes in time, and all of them together do not."""
    monkeypatch.setattr(Sent, "_look", lambda _: time.sleep(0.05))
    slack = Stand(SLACK)
    one = Outside([slack], Routes(channels=(SLACK,)), Sent(tmp_path / "sent"), None)
    storm = [notice(key=f"{number}", incident_id=f"inc-{number}") for number in range(STORM)]
    answers = await asyncio.gather(*(one.tell(each) for each in storm))
    assert [type(answer["slack"]) for answer in answers] == [Taken] * STORM
    assert sorted(key for key, _ in slack.got) == sorted(each.key for each in storm), "and nobody twice"


async def test_what_a_call_raises_is_raised_and_what_it_returns_is_returned() -> None:
    assert await Volume().ask(lambda: 5) == 5
    with pytest.raises(OSError, match="full"):
        await Volume().ask(_full)


def _full() -> None:
    raise OSError("full")


ENDS = """
import asyncio, threading
from activities.notify import volume
from byteport.errors import Unavailable
volume.SECONDS = 0.05
async def ask():
    try:
        await volume.Volume().ask(threading.Event().wait)
    except Unavailable:
        print("told")
asyncio.run(ask())
"""


@pytest.mark.claim("C-498")
def test_a_process_ends_though_its_volume_hangs() -> None:
    ended = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (0, "told\n"), ended.stderr

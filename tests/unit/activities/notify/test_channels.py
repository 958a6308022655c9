"""Telling people: once per key, on one line, with nothing in it that could speak to a terminal."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.notify.file import FileChannel, LogChannel, log_line
from activities.notify.page import Pager
from byteport.contracts.people import Delivered, Notice
from byteport.domain.reasons import Reason
from byteport.errors import Unavailable


def notice(key: str = "inc-1:1", **changes: object) -> Notice:
    plain: dict[str, object] = {
        "key": key,
        "incident_id": "inc-1",
        "workflow_id": "remediate:uid:shop:Deployment:web:bad_rollout",
        "cluster": "production",
        "rung": 1,
        "title": "Deployment web waits for an approval",
        "runbook": "FailedDeployAutoRollbackRunbook",
        "target": "shop/Deployment/web",
        "cause": "bad_image",
        "reasons": (Reason.MODE_DRY_RUN,),
        "evidence": ("restarts 4",),
        "command": "kubectl rollout undo deployment/web -n shop --to-revision=2",
        "inverse_command": None,
        "how_to_answer": "byteport approve 5f2c --key ~/.ssh/id_ed25519",
        "at": datetime(2026, 3, 10, 9, tzinfo=UTC),
    }
    return Notice.model_validate(plain | changes)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_notice_is_one_json_line_with_the_command_that_answers_it(tmp_path: Path) -> None:
    channel = FileChannel(tmp_path / "notices" / "pages.ndjson")
    await channel.deliver(notice())
    (line,) = lines(tmp_path / "notices" / "pages.ndjson")
    assert line["how_to_answer"] == "byteport approve 5f2c --key ~/.ssh/id_ed25519"
    assert line["reasons"] == ["mode_dry_run"]


async def test_the_same_key_is_delivered_once_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "pages.ndjson"
    first = FileChannel(path)
    await first.deliver(notice())
    await first.deliver(notice())
    await FileChannel(path).deliver(notice())
    assert len(lines(path)) == 1


async def test_two_processes_on_one_file_deliver_a_key_once(tmp_path: Path) -> None:
    path = tmp_path / "pages.ndjson"
    one, other = FileChannel(path), FileChannel(path)
    await one.deliver(notice("a"))
    await other.deliver(notice("b"))
    await one.deliver(notice("b"))
    await other.deliver(notice("a"))
    assert [line["key"] for line in lines(path)] == ["a", "b"]


async def test_a_line_torn_by_a_crash_is_left_behind_and_the_notice_is_delivered(tmp_path: Path) -> None:
    path = tmp_path / "pages.ndjson"
    channel = FileChannel(path)
    await channel.deliver(notice("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    await FileChannel(path).deliver(notice("b"))
    good = [line for line in path.read_text().splitlines() if line.endswith("}")]
    assert [json.loads(line)["key"] for line in good] == ["a", "b"]
    await FileChannel(path).deliver(notice("b"))
    assert path.read_text().count('"key": "b"') == 1


async def test_a_file_that_was_rotated_away_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "pages.ndjson"
    channel = FileChannel(path)
    await channel.deliver(notice("a"))
    path.write_bytes(b"")
    await channel.deliver(notice("b"))
    assert [line["key"] for line in lines(path)] == ["b"]


@pytest.mark.claim("C-111")
async def test_names_with_control_characters_stay_inert_in_both_channels(tmp_path: Path) -> None:
    hostile = "web\r\n[page 2] all is well\x1b[2J\x00\u202e]"
    await FileChannel(tmp_path / "pages.ndjson").deliver(notice(target=hostile))
    raw = (tmp_path / "pages.ndjson").read_bytes()
    assert raw.count(b"\n") == 1
    assert raw.strip().isascii()
    assert log_line(notice(target=hostile)).isprintable()


async def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        await FileChannel(tmp_path / "file" / "pages.ndjson").deliver(notice())


async def test_a_page_is_a_warning_in_the_log_and_a_notice_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "byteport.notify")
    await LogChannel().deliver(notice(rung=0))
    await LogChannel().deliver(notice(rung=2))
    assert [record.levelno for record in caplog.records] == [logging.INFO, logging.WARNING]
    assert "[page 2]" in caplog.messages[1]
    assert "answer with: byteport approve 5f2c --key ~/.ssh/id_ed25519" in caplog.messages[1]


def test_a_long_field_is_cut_but_the_command_that_answers_is_whole() -> None:
    command = "byteport approve " + "a" * 900
    line = log_line(notice(title="t" * 5000, how_to_answer=command))
    assert line.endswith(command)
    assert "t" * 301 not in line


async def test_every_channel_is_told_and_named(tmp_path: Path) -> None:
    pager = Pager([FileChannel(tmp_path / "pages.ndjson"), LogChannel()])
    assert await ActivityEnvironment().run(pager.page, notice()) == Delivered(channels=("file", "log"))


async def test_a_channel_that_is_down_fails_the_page_and_the_retry_repeats_nothing(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")
    down = FileChannel(tmp_path / "blocked" / "pages.ndjson")
    pager = Pager([FileChannel(tmp_path / "pages.ndjson"), down])
    for _ in range(2):
        with pytest.raises(ApplicationError) as caught:
            await ActivityEnvironment().run(pager.page, notice())
        assert not caught.value.non_retryable
    assert len(lines(tmp_path / "pages.ndjson")) == 1

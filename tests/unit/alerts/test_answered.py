"""The routes of pager and chat: who is believed, what a run is told, and what strangers use up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from byteport.alerts.answered import PAGERDUTY_PATH, SLACK_PATH
from byteport.alerts.app import application
from byteport.alerts.back import Back, SecretsFile
from byteport.alerts.callers import Callers
from byteport.alerts.counts import Counts
from byteport.alerts.faces import Allowances, Face
from byteport.contracts.alerts_face import AlertsConfig, AlertsLimits
from byteport.contracts.workflows import Acknowledge
from byteport.errors import BytePortError, ConfigError, TargetGone, Unavailable
from byteport.serving.keysets import KeySets
from byteport.serving.looks import Looks
from byteport.serving.tokens import Tokens
from tests.builders.noticed import RUN
from tests.unit.alerts.test_pagerduty import INCIDENT, OLD, event, sent
from tests.unit.alerts.test_slack import SECRET, body, signed

LIMITS = AlertsLimits(strangers_per_minute=3)


class Runs:
    """Hears what runs are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Acknowledge]] = []
        self.fails: BytePortError | None = None

    async def tell(self, workflow_id: str, said: Acknowledge) -> None:
        if self.fails is not None:
            raise self.fails
        self.told.append((workflow_id, said))


@pytest.fixture
def runs() -> Runs:
    return Runs()


def face(back: Back | None) -> Face:
    def now() -> datetime:
        return datetime.now(UTC)

    async def nobody(_: object) -> None:
        raise AssertionError("no alert was sent")

    tokens = Tokens(KeySets(Path(), time.monotonic), "byteport-alerts", now)
    return Face(
        callers=Callers(AlertsConfig(), tokens, now),
        allowances=Allowances(LIMITS, time.monotonic),
        limits=LIMITS,
        counts=Counts(),
        looks=Looks(list),
        hand_over=nobody,
        now=now,
        clusters=frozenset({"production"}),
        tell_untreated=False,
        sns=None,
        back=back,
    )


@dataclass(frozen=True)
class Answer:
    status: int
    json: dict[str, Any]


class Door:
    """Asks the application itself, without a network."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def post(
        self,
        path: str,
        content: bytes,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        after: asyncio.Event | None = None,
    ) -> Answer:
        """Its body comes `after` something."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        said: list[Message] = []
        asked = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> Message:
            if after is not None:
                await after.wait()
            return asked.pop() if asked else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            said.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in pairs],
            "client": ("203.0.113.9", 4711),
            "server": ("alerts.example", 443),
        }
        await self._app(scope, receive, send)
        text = b"".join(message.get("body", b"") for message in said)
        return Answer(said[0]["status"], json.loads(text))


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets"
    path.write_text(f"# of both\n{OLD}\n{SECRET}\n")
    path.chmod(0o440)
    return path


@pytest.fixture
def door(runs: Runs, secrets: Path) -> Door:
    signing = SecretsFile(secrets, "alerts.pagerduty_secrets_file")
    return Door(application(face(Back(runs.tell, signing, signing))))


def renew(secrets: Path, text: str) -> None:
    secrets.chmod(0o640)
    secrets.write_text(text)


async def acknowledge(door: Door, *secrets: str) -> Answer:
    headers, content = sent({"event": event()}, *(secrets or (OLD,)))
    return await door.post(PAGERDUTY_PATH, content, headers)


@pytest.mark.claim("C-434")
async def test_the_run_that_a_pager_names_is_told_who_is_at_it(door: Door, runs: Runs) -> None:
    answer = await acknowledge(door)
    assert (answer.status, answer.json) == (200, {"outcome": "told"})
    ((workflow_id, said),) = runs.told
    assert (workflow_id, said.of_incident) == (RUN, INCIDENT)


@pytest.mark.claim("C-434")
async def test_whoever_has_not_the_secret_tells_no_run_anything(door: Door, runs: Runs) -> None:
    answer = await acknowledge(door, "another secret of somebody")
    assert (answer.status, answer.json["code"]) == (403, "signature_refused")
    assert runs.told == []


async def test_strangers_are_limited_and_use_up_nothing_of_what_is_signed(door: Door, runs: Runs) -> None:
    statuses = [(await acknowledge(door, "another secret of somebody")).status for _ in range(5)]
    assert statuses == [403, 403, 403, 429, 429]
    assert (await acknowledge(door)).status == 200


async def test_strangers_who_send_slowly_keep_nobody_from_being_heard(door: Door) -> None:
    come = asyncio.Event()
    slow = [asyncio.create_task(door.post(PAGERDUTY_PATH, b"{}", {}, come)) for _ in range(2 * LIMITS.concurrent)]
    await asyncio.sleep(0)  # each has begun, and waits for its body
    answer = await acknowledge(door)
    come.set()
    refused = await asyncio.gather(*slow)
    assert answer.status == 200
    assert {one.status for one in refused} == {403, 429}


@pytest.mark.parametrize(
    ("fails", "status", "said"),
    [(TargetGone("no such run"), 200, "over"), (Unavailable("Temporal is away"), 503, None)],
)
async def test_a_run_that_is_over_is_no_error_and_one_that_cannot_be_told_is_sent_again(
    door: Door, runs: Runs, fails: BytePortError, status: int, said: str | None
) -> None:
    runs.fails = fails
    answer = await acknowledge(door)
    assert (answer.status, answer.json.get("outcome")) == (status, said)


async def test_another_event_of_theirs_is_answered_so_that_it_is_not_sent_again(door: Door, runs: Runs) -> None:
    headers, content = sent({"event": event(event_type="pagey.ping")}, OLD)
    answer = await door.post(PAGERDUTY_PATH, content, headers)
    assert (answer.status, answer.json, runs.told) == (200, {"outcome": "another_event"}, [])


async def test_a_signature_that_is_there_twice_is_nobodys(door: Door) -> None:
    headers, content = sent({"event": event()}, OLD)
    twice = [*headers.items(), *headers.items()]
    assert (await door.post(PAGERDUTY_PATH, content, twice)).status == 403


@pytest.mark.claim("C-435")
async def test_a_press_in_slack_is_answered_200_and_tells_no_run_anything(door: Door, runs: Runs) -> None:
    now = datetime.now(UTC)
    good = await door.post(SLACK_PATH, body(), signed(body(), now))
    bad = await door.post(SLACK_PATH, body(), signed(body(), now, "another secret of theirs"))
    assert (good.status, bad.status, runs.told) == (200, 403, [])


async def test_a_secret_that_was_changed_counts_at_once_and_none_stands_in_for_one_that_cannot_be_read(
    door: Door, secrets: Path
) -> None:
    assert (await acknowledge(door)).status == 200
    renew(secrets, "another secret of PagerDuty\n")
    assert (await acknowledge(door)).status == 403
    assert (await acknowledge(door, "another secret of PagerDuty")).status == 200
    renew(secrets, "")
    assert (await acknowledge(door, "another secret of PagerDuty")).status == 503


@pytest.mark.parametrize(("text", "mode"), [("", 0o440), ("short\n", 0o440), ("x" * 20_000, 0o440), (OLD, 0o444)])
def test_a_file_of_secrets_that_cannot_be_used_keeps_the_door_from_starting(
    tmp_path: Path, text: str, mode: int
) -> None:
    path = tmp_path / "secrets"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=r"alerts\.slack_secrets_file"):
        SecretsFile(path, "alerts.slack_secrets_file")


async def test_where_no_secret_is_named_nobody_is_heard() -> None:
    door = Door(application(face(None)))
    for path in (PAGERDUTY_PATH, SLACK_PATH):
        answer = await door.post(path, b"{}", {})
        assert (answer.status, answer.json["code"]) == (403, "signature_refused")

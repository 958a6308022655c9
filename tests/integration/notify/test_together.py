"""All five channels at once, from settings and the pod's projected secrets to strict servers over TLS, with one of them down."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.notify.page import Pager
from byteport.contracts.people import Delivered, Ending, Notice
from byteport.settings import load
from tests.builders.noticed import notice
from tests.builders.receiving import mail, teams
from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, listening
from tests.integration.export.standard_webhooks import verify
from tests.integration.notify.held import NOW
from tests.integration.notify.test_email import Mailbox, serving
from tests.integration.notify.test_posted import KEY, WORKFLOW, Service
from tests.integration.notify.test_slack import CHANNEL, TOKEN, Workspace
from workers.telling import pager

pytestmark = pytest.mark.peers

SIGNS = "whsec_" + base64.b64encode(bytes(32)).decode()
ALL = ("file", "log", "slack", "teams", "pagerduty", "email", "webhook")


@dataclass
class Outside:
    """Who listens, and whether PagerDuty is up."""

    slack: Workspace = field(default_factory=Workspace)
    pagerduty: Service = field(default_factory=Service)
    mailbox: Mailbox = field(default_factory=Mailbox)
    cards: int = 0
    posts: list[str] = field(default_factory=list)
    down: bool = False
    drops: bool = False
    """Whether it takes what it is sent, and says nothing."""

    def __call__(self, got: Got) -> web.StreamResponse:
        answer = self._taken(got)
        return got.drop() if self.drops else answer

    def _taken(self, got: Got) -> web.Response:
        match got.path:
            case "/api/chat.postMessage":
                return self.slack(got)
            case "/v2/enqueue":
                return web.Response(status=503) if self.down else self.pagerduty(got)
            case "/in":
                self.posts.append(verify(got.headers, got.body, SIGNS, NOW.timestamp()))
                return web.Response(status=204)
            case _:
                assert teams.shown(got.body).links
                self.cards += 1
                return web.Response(status=202)

    def counts(self) -> tuple[int, int, int, int, int]:
        pages = sum(map(len, self.pagerduty.alerts.values()))
        return len(self.slack.bodies), self.cards, pages, len(self.mailbox.letters), len(self.posts)


@asynccontextmanager
async def everything(authority: Authority, folder: Path) -> AsyncIterator[tuple[Outside, Path]]:
    """All of it, and a file of settings that names it."""
    outside = Outside()
    async with (
        listening(outside, authority.server()) as receiver,
        serving(outside.mailbox, authority.server(), login=False) as port,
    ):
        for name, value in {"slack": TOKEN, "pd": KEY, "teams": receiver.url(WORKFLOW), "hook": SIGNS}.items():
            file = folder / "secrets" / name / "key"
            file.parent.mkdir(parents=True)
            file.write_text(value)
            file.chmod(0o400)
        escalation: dict[str, Any] = {
            "channels": ["slack", "teams", "pagerduty", "email", "webhook"],
            "slack": {"token": "slack#key", "channel": CHANNEL, "api": receiver.url("/api")},
            "teams": {"webhook": "teams#key"},
            "pagerduty": {"routing_key": "pd#key", "api": receiver.url("")},
            "email": {"server": f"localhost:{port}", "sender": "byteport@example.com", "to": ["oncall@example.com"]},
            "webhook": {"url": receiver.url("/in"), "secret": "hook#key"},
            "ca_file": str(authority.ca_file),
        }
        plain = {
            "cluster": {"name": "production"},
            "secret": {"backend": "k8s", "k8s": {"folder": str(folder / "secrets")}},
            "people": {"page_url": "https://byteport.example"},
            "escalation": escalation,
        }
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump(plain))
        yield outside, path


async def told(pager: Pager, call: Notice, attempt: int = 1) -> Delivered:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=attempt)
    delivered = await environment.run(pager.page, call)
    assert isinstance(delivered, Delivered)
    return delivered


def wired(path: Path) -> Pager:
    """As a process that has just started has it."""
    return pager(load(path, {}), lambda: NOW)


@pytest.mark.claim("C-430")
async def test_with_pagerduty_down_everybody_else_is_told_once_and_it_alone_is_told_later(
    authority: Authority, tmp_path: Path
) -> None:
    async with everything(authority, tmp_path) as (outside, path):
        outside.down = True
        with pytest.raises(ApplicationError, match="pagerduty"):
            await told(wired(path), notice())
        assert outside.counts() == (1, 1, 0, 1, 1)
        outside.down = False
        assert (await told(wired(path), notice(), 2)).channels == ALL
        assert outside.counts() == (1, 1, 1, 1, 1)
        assert (await told(wired(path), notice(), 3)).channels == ALL
        assert outside.counts() == (1, 1, 1, 1, 1)


async def test_an_incident_is_told_from_its_first_page_to_its_end_in_one_thread_and_one_alert(
    authority: Authority, tmp_path: Path
) -> None:
    async with everything(authority, tmp_path) as (outside, path):
        await told(wired(path), notice())
        await told(wired(path), notice(key="b", rung=2))
        await told(wired(path), notice(key="c", rung=0, ending=Ending.OVER))
        assert outside.counts() == (3, 3, 3, 3, 3)
        assert outside.slack.threads == [None, "1.000001", "1.000001"]
        ((_, actions),) = outside.pagerduty.alerts.items()
        assert actions == ["trigger", "trigger", "resolve"]
        letters = [mail.parsed(one.content) for one in outside.mailbox.letters if isinstance(one.content, bytes)]
        assert len({letter["references"] for letter in letters}) == 1


async def test_a_secret_that_is_changed_counts_at_the_next_notice(authority: Authority, tmp_path: Path) -> None:
    async with everything(authority, tmp_path) as (outside, path):
        file = tmp_path / "secrets" / "slack" / "key"
        running = wired(path)
        rewritten(file, "xoxb-0000000000-revoked-token")
        first = await told(running, notice())
        assert [(one.channel, one.code) for one in first.failed] == [("slack", "not_permitted")]
        rewritten(file, TOKEN)
        assert (await told(running, notice(key="b", rung=2))).failed == ()
        assert outside.counts()[0] == 1


def rewritten(file: Path, text: str) -> None:
    file.chmod(0o600)
    file.write_text(text)
    file.chmod(0o400)


@pytest.mark.claim("C-430")
async def test_fault_23_a_channel_that_takes_a_notice_and_drops_the_connection_gets_it_again_under_the_same_names(
    authority: Authority, tmp_path: Path
) -> None:
    async with everything(authority, tmp_path) as (outside, path):
        outside.drops = True
        with pytest.raises(ApplicationError, match="pagerduty, slack, teams, webhook"):
            await told(wired(path), notice())
        outside.drops = False
        assert (await told(wired(path), notice(), 2)).channels == ALL
        assert outside.counts() == (2, 2, 2, 1, 2)
        assert outside.slack.bodies[0] == outside.slack.bodies[1]
        assert len(outside.pagerduty.alerts) == 1
        assert outside.posts[0] == outside.posts[1]

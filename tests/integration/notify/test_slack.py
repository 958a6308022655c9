"""Slack over TLS to a strict local server that holds to Slack's reference: threads, limits, refusals, and no secret in an error."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from activities.notify.slack import Slack
from byteport.contracts.channels import SlackConfig
from byteport.contracts.people import Ending
from byteport.errors import BytePortError, ConfigError, NotPermitted, PermanentError, Throttled, Unavailable
from tests.builders.noticed import notice
from tests.builders.receiving import Refused, slack
from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, Receiver, Respond, listening
from tests.integration.notify.held import Held, posting, ready

pytestmark = pytest.mark.peers

TOKEN = "xoxb-1234567890-abcdefghij"
CHANNEL = "C0123456789"
HOOK = "/services/T000/B000/XXXXsecretXXXX"


class Workspace:
    """Answers as chat.postMessage does."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.threads: list[str | None] = []
        self.bodies: list[dict[str, object]] = []

    def __call__(self, got: Got) -> web.Response:
        if got.method != "POST" or got.path != "/api/chat.postMessage":
            return web.Response(status=404)
        if got.headers.get("authorization") != f"Bearer {TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if got.headers["content-type"] != "application/json; charset=utf-8":
            return web.json_response({"ok": False, "error": "invalid_form_data"})
        body = json.loads(got.body)
        try:
            slack.shown(body, by_token=True)
        except Refused:
            return web.json_response({"ok": False, "error": "invalid_blocks"})
        if body["channel"] != CHANNEL:
            return web.json_response({"ok": False, "error": "channel_not_found"})
        if body.get("thread_ts") not in (None, "1.000001"):
            return web.json_response({"ok": False, "error": "thread_not_found"})
        self.threads.append(body.get("thread_ts"))
        self.bodies.append(body)
        ts = f"1.{next(self._numbers):06d}"
        return web.json_response({"ok": True, "channel": CHANNEL, "ts": ts, "message": {"text": body["text"]}})


@asynccontextmanager
async def posting_to(
    authority: Authority, respond: Respond, token: str = TOKEN
) -> AsyncIterator[tuple[Slack, Receiver]]:
    async with listening(respond, authority.server()) as receiver:
        config = SlackConfig(token="slack#token", channel=CHANNEL, api=receiver.url("/api"))
        yield Slack(config, Held(**{"slack#token": token}), posting(authority)), receiver


async def test_an_incident_whose_first_message_was_deleted_is_told_in_the_channel_itself(authority: Authority) -> None:
    workspace = Workspace()
    async with posting_to(authority, workspace) as (channel, _):
        assert (await channel.deliver(ready(notice()), "1.999999")).ref == "1.000001"
    assert workspace.threads == [None]
    assert "reply_broadcast" not in workspace.bodies[0]


async def test_an_incident_is_one_thread_and_a_page_in_it_is_shown_in_the_channel_too(authority: Authority) -> None:
    workspace = Workspace()
    async with posting_to(authority, workspace) as (channel, _):
        first = await channel.deliver(ready(notice()), "")
        await channel.deliver(ready(notice(rung=2, key="b")), first.ref)
        await channel.deliver(ready(notice(rung=0, key="c")), first.ref)
        await channel.deliver(ready(notice(rung=0, key="d", ending=Ending.OVER)), first.ref)
    assert first.ref == "1.000001"
    assert workspace.threads == [None, first.ref, first.ref, first.ref]
    assert [body.get("reply_broadcast") for body in workspace.bodies] == [None, True, False, True]
    assert workspace.bodies[0]["metadata"] == {
        "event_type": "byteport_notice",
        "event_payload": {"key": notice().key},
    }


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("invalid_auth", NotPermitted),
        ("token_revoked", NotPermitted),
        ("missing_scope", NotPermitted),
        ("channel_not_found", ConfigError),
        ("not_in_channel", ConfigError),
        ("ratelimited", Throttled),
        ("internal_error", Unavailable),
        ("invalid_blocks", PermanentError),
        ("xoxb-a-word-of-the-server <!channel>", PermanentError),
    ],
)
async def test_slacks_own_word_for_a_refusal_says_what_to_do(
    authority: Authority, word: str, error: type[BytePortError]
) -> None:
    def refuse(_: Got) -> web.Response:
        return web.json_response({"ok": False, "error": word})

    async with posting_to(authority, refuse) as (channel, _):
        with pytest.raises(error) as caught:
            await channel.deliver(ready(notice()), "")
    assert type(caught.value) is error
    assert "a-word-of-the-server" not in caught.value.message


async def test_it_waits_as_long_as_slack_asks_it_to(authority: Authority) -> None:
    def busy(_: Got) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "30"})

    async with posting_to(authority, busy) as (channel, _):
        with pytest.raises(Throttled) as caught:
            await channel.deliver(ready(notice()), "")
    assert caught.value.delay == timedelta(seconds=30)


@pytest.mark.parametrize(
    "answer", [b"", b"not json", b"[]", b'{"ok": true}', b'{"ok": false, "error": []}', b"[" * 5000]
)
async def test_an_answer_that_is_none_is_no_delivery(authority: Authority, answer: bytes) -> None:
    async with posting_to(authority, lambda _: web.Response(body=answer)) as (channel, _):
        with pytest.raises(BytePortError):
            await channel.deliver(ready(notice()), "")


@pytest.mark.claim("C-433")
async def test_no_secret_goes_to_a_host_that_slack_sends_us_to_or_that_shows_another_certificate(
    authority: Authority,
) -> None:
    async with listening(lambda _: web.Response(), authority.server()) as elsewhere:

        def send_on(_: Got) -> web.Response:
            return web.Response(status=307, headers={"Location": elsewhere.url("/api/chat.postMessage")})

        async with posting_to(authority, send_on) as (channel, _):
            with pytest.raises(NotPermitted, match="not followed"):
                await channel.deliver(ready(notice()), "")
        assert elsewhere.got == []
    async with listening(lambda _: web.Response(), authority.server(by_stranger=True)) as receiver:
        config = SlackConfig(token="slack#token", channel=CHANNEL, api=receiver.url("/api"))
        channel = Slack(config, Held(**{"slack#token": TOKEN}), posting(authority))
        with pytest.raises(NotPermitted, match=r"escalation\.ca_file"):
            await channel.deliver(ready(notice()), "")
        assert receiver.got == []


@pytest.mark.claim("C-433")
@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/latest", "http://hooks.slack.com/x", "file:///etc/passwd", "x"]
)
async def test_a_webhook_url_that_is_no_place_for_a_notice_is_not_repeated(authority: Authority, url: str) -> None:
    channel = Slack(SlackConfig(webhook="slack#hook"), Held(**{"slack#hook": url}), posting(authority))
    with pytest.raises(BytePortError) as caught:
        await channel.deliver(ready(notice()), "")
    assert url not in caught.value.message
    assert "escalation.slack.webhook" in caught.value.message


async def test_a_secret_that_is_missing_or_no_token_is_named_by_its_setting(authority: Authority) -> None:
    config = SlackConfig(token="slack#token", channel=CHANNEL, api="https://localhost:1/api")
    for secrets in ({}, {"slack#token": "hunter2"}, {"slack#token": " \n"}):
        with pytest.raises(BytePortError, match=r"escalation\.slack\.token") as caught:
            await Slack(config, Held(**secrets), posting(authority)).deliver(ready(notice()), "")
        assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (200, "ok", None),
        (400, "invalid_payload", BytePortError),
        (403, "action_prohibited", NotPermitted),
        (404, "channel_not_found", ConfigError),
        (410, "channel_is_archived", ConfigError),
        (429, "rate_limited", Throttled),
        (500, "rollup_error", Unavailable),
        (302, "", NotPermitted),
    ],
)
async def test_an_incoming_webhook_says_by_status_and_word_whether_it_took_it(
    authority: Authority, status: int, text: str, error: type[BytePortError] | None
) -> None:
    def hook(got: Got) -> web.Response:
        assert got.path == HOOK
        slack.shown(json.loads(got.body), by_token=False)
        return web.Response(status=status, text=text)

    async with listening(hook, authority.server()) as receiver:
        channel = Slack(SlackConfig(webhook="hook"), Held(hook=receiver.url(HOOK)), posting(authority))
        if error is None:
            assert (await channel.deliver(ready(notice()), "")).ref == ""
            return
        with pytest.raises(error) as caught:
            await channel.deliver(ready(notice()), "")
    assert "secret" not in caught.value.message

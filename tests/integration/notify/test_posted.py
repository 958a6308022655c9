"""Teams, PagerDuty and the webhook over TLS to strict local servers, each of which holds to its own reference."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from aiohttp import web

from activities.notify.pagerduty import PagerDuty
from activities.notify.teams import Teams
from activities.notify.webhook import NoticeWebhook
from byteport.contracts.channels import NoticeWebhookConfig, PagerDutyConfig, TeamsConfig
from byteport.contracts.notice_body import NoticeBody, NoticeType
from byteport.contracts.paging import Paged, paged
from byteport.contracts.people import Ending
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable
from tests.builders.noticed import RUN, notice
from tests.builders.receiving import Refused, pagerduty, teams
from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, listening
from tests.integration.export.standard_webhooks import NotVerified, verify
from tests.integration.notify.held import NOW, Held, posting, ready

pytestmark = pytest.mark.peers

KEY = "0123456789abcdef0123456789ABCDEF"
WORKFLOW = "/powerautomate/automations/direct/workflows/x/triggers/manual/paths/invoke?api-version=1&sig=abcSECRETdef"
OLD, NEW = ("whsec_" + base64.b64encode(bytes([fill]) * 32).decode() for fill in (1, 2))


class Service:
    """PagerDuty's enqueue: alerts by their dedup key, as its reference tells of them."""

    def __init__(self) -> None:
        self.alerts: dict[str, list[str]] = {}
        self.severities: list[str] = []

    def __call__(self, got: Got) -> web.Response:
        if (got.method, got.path) != ("POST", "/v2/enqueue") or got.headers["content-type"] != "application/json":
            return web.Response(status=404)
        try:
            pagerduty.shown(got.body, KEY)
        except Refused as refused:
            return web.json_response({"status": "invalid event", "errors": [str(refused)]}, status=400)
        event = json.loads(got.body)
        self.alerts.setdefault(event["dedup_key"], []).append(event["event_action"])
        if "payload" in event:
            self.severities.append(event["payload"]["severity"])
        said = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        return web.json_response(said, status=202)


async def test_an_incident_is_one_alert_of_pagerduty_from_its_first_page_to_its_end(authority: Authority) -> None:
    service = Service()
    async with listening(service, authority.server()) as receiver:
        config = PagerDutyConfig(routing_key="pd", api=receiver.url(""))
        channel = PagerDuty(config, Held(pd=KEY + "\n"), posting(authority))
        for call in (
            notice(),
            notice(rung=2, key="b"),
            notice(rung=0, key="c", ending=Ending.TAKEN_OVER),
            notice(rung=0, key="d", ending=Ending.OVER),
        ):
            await channel.deliver(ready(call), "")
    ((key, actions),) = service.alerts.items()
    assert actions == ["trigger", "trigger", "acknowledge", "resolve"]
    assert service.severities == ["error", "critical"]
    assert paged(key) == Paged(RUN, notice().incident_id)


@pytest.mark.parametrize(
    ("status", "error"), [(400, ConfigError), (403, NotPermitted), (429, Throttled), (500, Unavailable)]
)
async def test_pagerdutys_answer_says_what_to_do(authority: Authority, status: int, error: type[BytePortError]) -> None:
    def refuse(_: Got) -> web.Response:
        return web.json_response({"status": "x", "errors": [KEY]}, status=status, headers={"Retry-After": "9"})

    async with listening(refuse, authority.server()) as receiver:
        config = PagerDutyConfig(routing_key="pd", api=receiver.url(""))
        with pytest.raises(error) as caught:
            await PagerDuty(config, Held(pd=KEY), posting(authority)).deliver(ready(notice()), "")
    assert KEY not in caught.value.message
    if isinstance(caught.value, Throttled):
        assert caught.value.delay == timedelta(seconds=9)


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (202, "", None),
        (200, "1", None),
        (
            200,
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429",
            Throttled,
        ),
        (
            200,
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 500",
            Unavailable,
        ),
        (400, "Bad payload", ConfigError),
        (401, "sig abcSECRETdef", NotPermitted),
        (413, "", ConfigError),
        (429, "", Throttled),
        (502, "", Unavailable),
    ],
)
async def test_teams_takes_a_card_or_says_why_not(
    authority: Authority, status: int, text: str, error: type[BytePortError] | None
) -> None:
    def workflow(got: Got) -> web.Response:
        assert got.path == WORKFLOW
        assert got.headers["content-type"] == "application/json"
        assert teams.shown(got.body).links
        return web.Response(status=status, text=text)

    async with listening(workflow, authority.server()) as receiver:
        channel = Teams(TeamsConfig(webhook="teams"), Held(teams=receiver.url(WORKFLOW)), posting(authority))
        if error is None:
            await channel.deliver(ready(notice()), "")
            return
        with pytest.raises(error) as caught:
            await channel.deliver(ready(notice()), "")
    assert "SECRET" not in caught.value.message


async def test_the_webhook_is_signed_by_every_secret_and_names_the_notice_the_same_each_time(
    authority: Authority,
) -> None:
    ids: list[str] = []

    def strict(got: Got) -> web.Response:
        try:
            ids.append(verify(got.headers, got.body, NEW, NOW.timestamp()))
            verify(got.headers, got.body, OLD, NOW.timestamp())
        except NotVerified:
            return web.Response(status=401)
        return web.Response(status=204)

    async with listening(strict, authority.server()) as receiver:
        config = NoticeWebhookConfig(url=receiver.url("/in"), secret="hook")
        channel = NoticeWebhook(config, Held(hook=f"# both\n{OLD}\n{NEW}\n"), posting(authority))
        await channel.deliver(ready(notice()), "")
        await channel.deliver(ready(notice()), "")
        await channel.deliver(ready(notice(key="b")), "")
        body = NoticeBody.model_validate_json(receiver.got[0].body)
    assert ids[0] == ids[1] != ids[2]
    assert (body.type, body.rung, body.key) == (NoticeType.PAGE, 1, notice().key)


async def test_a_secret_of_the_webhook_that_is_none_is_not_repeated(authority: Authority) -> None:
    config = NoticeWebhookConfig(url="https://localhost:1/in", secret="hook")
    with pytest.raises(ConfigError, match=r"escalation\.webhook\.secret") as caught:
        await NoticeWebhook(config, Held(hook="hunter2"), posting(authority)).deliver(ready(notice()), "")
    assert "hunter2" not in caught.value.message

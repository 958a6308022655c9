"""`byteport notify test` from settings and projected secrets to strict servers over TLS: what each channel answered, by code and JSON."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, Receiver, Respond, listening
from tests.integration.notify.test_posted import KEY, WORKFLOW, Service

pytestmark = pytest.mark.peers


@contextmanager
def beside(respond: Respond, authority: Authority) -> Iterator[Receiver]:
    """A receiver on a loop of its own: the command line has its own too."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: list[Receiver] = []

    async def serve() -> None:
        async with listening(respond, authority.server()) as receiver:
            found.append(receiver)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


def config(folder: Path, authority: Authority, secrets: dict[str, str], **escalation: Any) -> list[str]:
    """The arguments that name a file of settings, beside which the pod's projected secrets lie."""
    for name, value in secrets.items():
        secret, _, key = name.partition("#")
        (folder / "secrets" / secret).mkdir(parents=True, exist_ok=True)
        file = folder / "secrets" / secret / key
        file.write_text(value)
        file.chmod(0o400)
    plain = {
        "cluster": {"name": "test"},
        "secret": {"backend": "k8s", "k8s": {"folder": str(folder / "secrets")}},
        "escalation": {"ca_file": str(authority.ca_file), **escalation},
        "people": {"page_url": "https://byteport.example"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(plain))
    return ["--config", str(path)]


def answers(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return {one["channel"]: one for one in json.loads(capsys.readouterr().out)}


def test_each_channel_says_what_it_answered_and_a_page_is_over_at_once(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service()

    def respond(got: Got) -> web.Response:
        return service(got) if got.path == "/v2/enqueue" else web.Response(status=403, text="sig of theirs")

    with beside(respond, authority) as receiver:
        secrets = {"pagerduty#key": KEY, "teams#url": receiver.url(WORKFLOW)}
        given = config(
            tmp_path,
            authority,
            secrets,
            channels="pagerduty, teams",
            pagerduty={"routing_key": "pagerduty#key", "api": receiver.url("")},
            teams={"webhook": "teams#url"},
        )
        assert invoke([*given, "notify", "test", "--json"]) == Exit.REFUSED
        found = answers(capsys)
        assert (found["pagerduty"]["code"], found["teams"]["code"]) == (None, "not_permitted")
        assert "escalation.teams.webhook" in found["teams"]["says"]
        assert "SECRET" not in found["teams"]["says"]
        ((_, actions),) = service.alerts.items()
        assert actions == ["trigger", "resolve"]
        assert invoke([*given, "notify", "test", "pagerduty"]) == Exit.OK
        assert "taken" in capsys.readouterr().out
    assert invoke([*given, "notify", "test", "pagerduty", "--json"]) == Exit.UNREACHABLE


@pytest.mark.parametrize(
    ("escalation", "says"),
    [
        ({}, "names no channel"),
        ({"channels": ["pagerduty"], "pagerduty": {"routing_key": "a#b"}}, "does not name slack"),
        ({"channels": ["slack"]}, "escalation.slack.token must be set"),
        ({"channels": ["slack"], "slack": {"webhook": "a#b"}, "by_rung": [["slack"], ["teams"]]}, "names teams"),
        ({"channels": ["slack"], "slack": {"webhook": "a#b"}, "by_rung": [["slack"], []]}, "names nobody"),
        ({"channels": ["email"], "email": {"sender": "a@b.example\r\nBcc: x@y.example"}}, "escalation.email.sender"),
    ],
)
def test_settings_that_cannot_work_are_named(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str], escalation: dict[str, Any], says: str
) -> None:
    given = config(tmp_path, authority, {}, **escalation)
    assert invoke([*given, "notify", "test", "slack"]) == Exit.USAGE
    assert says in capsys.readouterr().err


def test_a_secret_that_is_not_there_is_named_by_its_setting(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    given = config(tmp_path, authority, {}, channels=["teams"], teams={"webhook": "teams#url"})
    assert invoke([*given, "notify", "test", "--json"]) == Exit.USAGE
    assert "escalation.teams.webhook" in answers(capsys)["teams"]["says"]

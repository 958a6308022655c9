"""The real Temporal UI in a real browser: whoever signed in there and may read sees what a workflow was given, and nobody else does.

UI and codec server are two hosts to the browser, as in production; the provider, the Temporal server, TLS and all that a browser does
between pages of different origins are real.
"""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, Page, expect
from temporalio.client import Client

from byteport.sandbox.dev_server import DevServer, DevServerOptions
from byteport.temporal.config import TemporalConfig
from byteport.temporal.connect import connect
from byteport.temporal.keys import KeyRing, PayloadKey
from tests.builders.browser import browser, chromium
from tests.integration.codec.page import CANARY, NAMESPACE, PLAIN, RING, UI, Served, sealed, serving
from tests.integration.codec.temporal_ui import HOST, program, temporal_ui
from tests.integration.codec.ui_provider import UiProvider
from tests.integration.console import provider as providers
from tests.integration.console.provider import PASSWORD, Provider
from tests.integration.console.room import certificates
from tests.workflows.patience import until

pytestmark = [
    pytest.mark.peers,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(900),  # where the browser is missing, apt brings it first, and Go builds the UI
]

CODEC, ELSEWHERE = "codec.example.com", "temporal.example.org"
DECODE = f"https://{CODEC}/decode"
SECOND = "canary-of-a-message"
NOT_YOURS = "Not decrypted: the network tab says why"
LOST = KeyRing((PayloadKey(b"l" * 32),))
PATIENCE = 60_000
"""Milliseconds that a page may take to show what must come."""
PICTURES = os.environ.get("BYTEPORT_PICTURES")
"""A folder for pictures of the pages, for whoever wants to look at them."""


@dataclass
class Stage:
    """All that runs, and one window."""

    window: BrowserContext
    provider: Provider
    codec: Served
    client: Client
    workflow_id: str
    """Of a run that was given `CANARY`, and sent `SECOND` and a message under a key that is lost."""
    said: list[tuple[int, str | None]]
    """What the codec server answered: each status, and by which word it refused."""

    @property
    def run(self) -> str:
        return f"{UI}/namespaces/{NAMESPACE}/workflows/{self.workflow_id}"

    async def page(self) -> Page:
        """A page of somebody who has signed in nowhere."""
        await self.window.clear_cookies()
        for old in self.window.pages[1:]:
            await old.close()
        page = await self.window.new_page()
        await page.goto(f"{UI}/robots.txt")
        await page.evaluate("localStorage.clear()")
        return page

    async def signed_in(self, user: str) -> Page:
        """The run's page, opened by somebody who has signed in."""
        page = await self.page()
        await page.goto(f"{UI}/login")
        await page.get_by_role("button", name="Continue to SSO").click()
        await page.get_by_label("User").fill(user)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await seen(page.get_by_role("link", name="Schedules"))
        await page.goto(self.run)
        return page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    program(), chromium()  # what skips does so before anything runs
    folder = tmp_path_factory.mktemp("stage")
    tls = certificates(folder, HOST, CODEC, ELSEWHERE)
    said: list[tuple[int, str | None]] = []
    server = await DevServer.start(DevServerOptions(folder=folder / "temporal", ui=False))
    try:
        client = await connect(TemporalConfig(address=server.address), RING, identity="test")
        workflow_id = await _run(client, await connect(TemporalConfig(address=server.address), LOST, identity="before"))
        async with (
            providers.serving(tls.certificate, tls.key, UiProvider) as provider,
            serving(provider, tls, told=lambda status, code: said.append((status, code))) as codec,
            temporal_ui(folder, tls, server.address, provider.issuer, _settings()) as ui,
        ):
            provider.redirect_uri = f"{UI}/auth/sso/callback"
            hosts = {HOST: ui.port, ELSEWHERE: ui.port, CODEC: int(codec.url.rpartition(":")[2])}
            size = {"width": 1300, "height": 1400}
            async with browser(folder / "profile", tls.certificate, hosts, viewport=size) as window:
                window.set_default_timeout(PATIENCE)
                yield Stage(window, provider, codec, client, workflow_id, said)
    finally:
        await server.stop()


def _settings() -> dict[str, object]:
    """What `docs/how-to/codec-server.md` tells people to write into Temporal UI's."""
    return {
        "endpoint": f"https://{CODEC}",
        "passAccessToken": True,
        "includeCredentials": False,
        "defaultErrorMessage": NOT_YOURS,
        "defaultErrorLink": "https://wiki.example.com/temporal",
    }


async def _run(client: Client, before: Client) -> str:
    workflow_id = f"remediate:{uuid.uuid4()}"
    handle = await client.start_workflow("nobody-runs-it", CANARY, id=workflow_id, task_queue="nobody")
    await handle.signal("said", SECOND)
    await before.get_workflow_handle(workflow_id).signal("said-before", "lost")
    return workflow_id


async def seen(what: Locator) -> None:
    """Once it is there."""
    await expect(what.filter(visible=True).first).to_be_visible(timeout=PATIENCE)


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png")


@pytest.mark.claim("C-465")
async def test_temporal_ui_shows_nothing_before_a_sign_in_and_cipher_to_whoever_may_not_read(stage: Stage) -> None:
    page = await stage.page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(stage.run)
    await seen(page.get_by_role("button", name="Continue to SSO"))
    assert not any(CODEC in url for url in asked)
    page = await stage.signed_in("mallory")
    await seen(page.get_by_text(NOT_YOURS))
    history = await stage.client.get_workflow_handle(stage.workflow_id).fetch_history()
    (given,) = history.events[0].workflow_execution_started_event_attributes.input.payloads
    await seen(page.get_by_text(base64.b64encode(given.data).decode()))
    await picture(page, "whoever-may-not")
    await until(lambda: (403, "not_a_reader") in stage.said, "the refusal")
    assert CANARY not in await page.content()


@pytest.mark.claim("C-465")
@pytest.mark.claim("C-467")
async def test_a_reader_sees_in_temporal_ui_what_the_run_was_given_and_can_have_nothing_encrypted(stage: Stage) -> None:
    page = await stage.signed_in("ada")
    await seen(page.get_by_text(f'"{CANARY}"'))
    await picture(page, "a-reader")
    await page.get_by_role("button", name="More Actions").click()
    await page.get_by_role("menuitem", name="Signal").first.click()
    await page.locator("#signal-name:visible").fill("typed")
    await page.locator(".cm-content[contenteditable=true]:visible").last.fill('"typed-by-hand"')
    await page.get_by_role("button", name="Submit").click()
    await seen(page.get_by_text("Data encoding failed"))
    await picture(page, "encode")
    await until(lambda: (403, "never_encrypts") in stage.said, "the refusal")
    history = await stage.client.get_workflow_handle(stage.workflow_id).fetch_history()
    signals = [event.workflow_execution_signaled_event_attributes.signal_name for event in history.events]
    assert [signal for signal in signals if signal] == ["said", "said-before"]

    events = page.url.partition("?")[0].replace("/timeline", "/history/events")
    await page.goto(f"{events}/3")
    await seen(page.get_by_text(SECOND))
    await picture(page, "a-message")
    await page.goto(f"{events}/4")
    await seen(page.get_by_text(NOT_YOURS))
    await picture(page, "a-lost-key")
    await until(lambda: (422, "key_missing") in stage.said, "the refusal")


FETCH = """async ([url, headers, body, how]) => {
    try { const answer = await fetch(url, {method: 'POST', headers, body, ...how}); return answer.type + ' ' + await answer.text() }
    catch (error) { return error.name }
}"""
KEPT = "TypeError"
"""What a page hears where the browser did not send, or does not give it the answer."""
SANDBOXED = "<iframe sandbox='allow-scripts' srcdoc='of no origin'></iframe>"


@pytest.mark.claim("C-466")
async def test_another_page_is_given_nothing_with_a_readers_own_token_or_cookie_and_that_one_by_a_token_alone(
    stage: Stage,
) -> None:
    page, body, token = await stage.page(), json.dumps(await sealed()), stage.codec.token()
    stolen = {"name": "user0", "value": token, "domain": CODEC, "path": "/", "secure": True, "sameSite": "None"}
    await stage.window.add_cookies([stolen])  # type: ignore[list-item]  # Playwright's own typed dict, spelled out
    as_ui = {"X-Namespace": NAMESPACE, "Content-Type": "application/json"}
    by_token, by_cookie = as_ui | {"Authorization": f"Bearer {token}"}, {"credentials": "include"}
    simple = {"Content-Type": "text/plain"}

    await page.goto(f"https://{ELSEWHERE}/robots.txt")
    given: list[int] = []
    page.on("response", lambda answer: given.append(answer.status) if CODEC in answer.url else None)
    for headers, how in ((by_token, {}), (by_token, by_cookie), (as_ui, by_cookie), (simple, by_cookie)):
        assert await page.evaluate(FETCH, [DECODE, headers, body, how]) == KEPT
    unread = await page.evaluate(FETCH, [DECODE, simple, body, by_cookie | {"mode": "no-cors"}])
    assert unread.strip() == "opaque"
    await page.set_content(SANDBOXED)
    nobody = page.frames[1]
    assert await nobody.evaluate("self.origin") == "null"
    assert await nobody.evaluate(FETCH, [DECODE, by_token, body, {}]) == KEPT
    assert set(given) <= {403}, "nor did it come to decrypting"
    await until(lambda: (403, "origin_refused") in stage.said, "the refusal")

    await page.goto(f"{UI}/robots.txt")
    shown = await page.evaluate(FETCH, [DECODE, by_token, body, {}])
    assert base64.b64encode(PLAIN.data).decode() in shown
    for headers in (by_token, as_ui):
        assert await page.evaluate(FETCH, [DECODE, headers, body, by_cookie]) == KEPT

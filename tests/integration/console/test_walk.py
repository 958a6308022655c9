"""The whole way of a person with a telephone, and of one with a keyboard, through a real browser to a real act.

Chromium, a strict provider, a real Temporal server, the embedded worker with a simulated cluster, the ledger: what is approved
on the page is done, and what should not be is refused where it counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import ssl
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml
from playwright.async_api import BrowserContext, Page, expect

from byteport.audit.words import Event
from byteport.contracts.workflows import Phase
from byteport.sandbox.children import free_port
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from tests.builders.browser import browser
from tests.integration.console.provider import CLIENT, PASSWORD, Provider
from tests.integration.console.room import Certificates, Room, issuers, room
from tests.workflows.patience import until, until_so
from tests.workflows.remediation import Remediation, Waiting, bad_release, crash_loop
from tests.workflows.world import SKIPPING_SERVER, World, installed

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600)]  # where the browser is missing, apt brings it first

RUNBOOK = "FailedDeployAutoRollbackRunbook"
BYTEPORT = str(Path(sys.executable).with_name("byteport"))
SENT_ON = re.compile(r'^byteport_door_answers_total\{[^}]*answer="sent_on"[^}]*door="console"[^}]*\} 1$', re.MULTILINE)
PHONE = {"width": 360, "height": 740}
PICTURES = os.environ.get("BYTEPORT_PICTURES")
"""A folder for pictures of the pages, for whoever wants to look at them."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    folder = tmp_path_factory.mktemp("temporal")
    started = await DevServer.start(DevServerOptions(folder=folder, ui=False, dynamic_config=dict(SKIPPING_SERVER)))
    yield started
    await started.stop()


@pytest_asyncio.fixture
async def world(server: DevServer, provider: Provider, tmp_path: Path) -> AsyncIterator[World]:
    """An installation whose checkers list the provider, and whose rollbacks may be attested."""
    home = tmp_path / "home"
    (home / "keys").mkdir(parents=True)
    listed = issuers(home / "keys", provider, {"sub-ada": "ada", "sub-grace": "grace"})
    approvals = {"revoked_keys": "keys/revoked_keys", "issuers": str(listed)}
    async with installed(server, f"test-{uuid.uuid4().hex[:12]}", home, approvals=approvals) as made:
        made.policy(approvals={RUNBOOK: {"least": "attested"}}, settle_seconds=0)
        yield made


@pytest_asyncio.fixture
async def served(world: World, provider: Provider, tls: Certificates, tmp_path: Path) -> AsyncIterator[Room]:
    async with room(tmp_path, provider, tls, world.client, world.installation, world.log) as made:
        yield made


async def waiting_plan(world: World) -> tuple[Remediation, Waiting]:
    with world.time_stands_still():  # a person's answer and the provider's token are of the machine's own time
        remediation = await bad_release(world)
        return remediation, await remediation.until(Phase.AWAITING_APPROVAL)


@pytest_asyncio.fixture
async def phone(tmp_path: Path, tls: Certificates) -> AsyncIterator[BrowserContext]:
    options = {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
    async with browser(tmp_path / "profile", tls.certificate, **options) as window:
        window.set_default_timeout(20_000)
        yield window


async def at_provider(page: Page, user: str) -> None:
    await page.get_by_label("User").fill(user)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


async def at_provider_by_keys(page: Page, user: str) -> None:
    await expect(page.get_by_label("User")).to_be_focused()
    await page.keyboard.type(user)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


async def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen."""
    found = await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    return bool(found)


@pytest.mark.claim("C-451")
async def test_a_plan_is_read_and_approved_on_a_telephone_and_is_done(
    world: World, served: Room, phone: BrowserContext, provider: Provider
) -> None:
    remediation, waiting = await waiting_plan(world)
    page = phone.pages[0]
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if served.url in message.location["url"] else None)
    await page.goto(served.url)
    await at_provider(page, "ada")
    await expect(page.get_by_role("heading", name="What waits")).to_be_visible()
    await picture(page, "1-home")
    assert await fits(page)
    await page.get_by_role("link", name="shop/Deployment/web").first.click()
    await expect(page.get_by_role("heading", name="What would change")).to_be_visible()
    await picture(page, "2-plan")
    assert await fits(page)
    await expect(page.get_by_text("kubectl rollout undo deployment/web -n shop --to-revision=1")).to_be_visible()
    await page.get_by_role("textbox", name="Why").fill("seen on the graph, and it was me who broke it")
    await page.get_by_role("button", name="Approve").tap()
    await expect(page.get_by_role("heading", name="Identity provider")).to_be_visible()
    await picture(page, "3-provider")
    await at_provider(page, "ada")
    await expect(page.get_by_role("status").first).to_contain_text("you approved it as ada")
    await picture(page, "4-answered")
    await until(lambda: world.writes, "the rollback")
    assert len(world.writes) == 1
    asked = provider.asked[-1]
    assert (asked["max_age"], asked["prompt"], asked["scope"]) == ("0", "login", "openid")
    started = await until(
        lambda: next((record for record in world.records if record.event is Event.STARTED), None), "the record"
    )
    (answer,) = started.answers
    assert (started.approver, answer.token) == ("ada", provider.tokens[-1])
    assert answer.text.plan_digest == waiting.plan_digest
    assert answer.text.digest == asked["nonce"]
    await page.get_by_role("link", name="Its run").click()
    await expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    await picture(page, "5-run")
    assert await fits(page)
    await page.get_by_role("link", name="Log").click()
    await expect(page.get_by_text("Intact")).to_be_visible()
    await picture(page, "6-log")
    assert await fits(page)
    assert said == []
    assert provider.refusals == []
    assert remediation.id


@pytest.mark.claim("C-451")
async def test_a_plan_is_rejected_with_the_keyboard_alone(
    world: World, served: Room, tmp_path: Path, tls: Certificates
) -> None:
    _, waiting = await waiting_plan(world)
    options = {"viewport": {"width": 1100, "height": 800}, "color_scheme": "dark"}
    async with browser(tmp_path / "keyboard", tls.certificate, **options) as window:
        window.set_default_timeout(20_000)
        page = window.pages[0]
        await page.goto(served.url)
        await at_provider_by_keys(page, "grace")
        await expect(page.get_by_role("heading", name="What waits")).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="shop/Deployment/web").first).to_be_focused()
        await picture(page, "7-keyboard-home")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="What would change")).to_be_visible()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("textbox", name="Why")).to_be_focused()
        await page.keyboard.type("we roll forward instead")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Reject")).to_be_focused()
        await picture(page, "8-keyboard-plan")
        await page.keyboard.press("Enter")
        await at_provider_by_keys(page, "grace")
        await expect(page.get_by_role("status").first).to_contain_text("you rejected it as grace")
    assert world.writes == []
    (rejected,) = [record for record in world.records if record.event is Event.REJECTED]
    assert (rejected.approver, rejected.plan_digest) == ("grace", waiting.plan_digest)
    assert "we roll forward instead" in (rejected.note or "")


@pytest.mark.claim("C-452")
async def test_what_is_not_taken_is_told_in_words_and_nothing_is_done(
    world: World, served: Room, phone: BrowserContext, provider: Provider
) -> None:
    """One after the other: a provider that asks nobody to sign in anew, another person at it, somebody taken out since."""
    await waiting_plan(world)
    page = phone.pages[0]
    await page.goto(served.url)
    await at_provider(page, "ada")
    await page.get_by_role("link", name="shop/Deployment/web").first.click()

    async def approve() -> None:
        await page.get_by_role("textbox", name="Why").fill("looks right")
        await page.get_by_role("button", name="Approve").click()

    provider.claims = {"auth_time": 1_700_000_000}
    await approve()
    await at_provider(page, "ada")
    await expect(page.get_by_role("status").first).to_contain_text("did not ask you to sign in anew")
    await picture(page, "9-refused")
    provider.claims = {}
    await approve()
    await at_provider(page, "grace")
    await expect(page.get_by_text("Somebody else signed in")).to_be_visible()
    await page.go_back()
    issuers(world.home.folder / "keys", provider, {"sub-grace": "grace"})
    await page.goto(served.url)
    await page.get_by_role("link", name="shop/Deployment/web").first.click()
    await approve()
    await at_provider(page, "ada")
    await expect(page.get_by_role("status").first).to_contain_text("you are not among those who may answer this")
    assert world.writes == []


@pytest.mark.claim("C-453")
async def test_an_escalation_is_taken_over_by_whoever_is_in_the_list(
    world: World, served: Room, phone: BrowserContext
) -> None:
    world.policy(mode="observe")
    remediation = await crash_loop(world)
    await remediation.until(Phase.ESCALATED)
    page = phone.pages[0]
    await page.goto(served.url)
    await at_provider(page, "victor")
    await page.get_by_role("link", name="shop/Deployment/web").first.click()
    await expect(page.get_by_text("can take it over here")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_role("link", name="Sign in again").click()
    await page.goto(served.url)
    await picture(page, "10-signed-out")
    page = await phone.new_page()
    await phone.clear_cookies()
    await page.goto(served.url)
    await at_provider(page, "ada")
    await page.get_by_role("link", name="shop/Deployment/web").first.click()
    await picture(page, "11-escalated")
    assert await fits(page)
    await page.get_by_label("What you do about it").fill("on it")
    await page.get_by_role("button", name="I have it").click()
    await expect(page.get_by_role("status").first).to_contain_text("You have taken it over")

    async def acknowledged() -> bool:
        return any(record.event is Event.ACKNOWLEDGED for record in world.records)

    await until_so(acknowledged, "the acknowledgement")


@pytest.mark.claim("C-454")
async def test_it_is_a_process_of_its_own_that_says_when_it_can_answer(
    world: World, provider: Provider, tls: Certificates, tmp_path: Path
) -> None:
    port, health, metrics = free_port(), free_port(), free_port()
    plain = yaml.safe_load(world.home.config_file.read_text())
    plain["telemetry"] = {**plain.get("telemetry", {}), "metrics_address": f"127.0.0.1:{metrics}"}
    plain["console"] = {
        "address": f"127.0.0.1:{port}",
        "health_address": f"127.0.0.1:{health}",
        "certificate": str(tls.certificate),
        "key": str(tls.key),
        "url": f"https://localhost:{port}",
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "ca_file": str(tls.ca),
        "viewers": ["sre"],
    }
    await waiting_plan(world)  # a ledger to read
    config = world.home.config_file.with_name("console.yaml")
    config.write_text(yaml.safe_dump(plain))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BYTEPORT_")}
    process = await asyncio.create_subprocess_exec(
        BYTEPORT, "--config", str(config), "console", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with aiohttp.ClientSession() as http:

            async def ready() -> bool:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"http://127.0.0.1:{health}/readyz") as answer:
                        return answer.status == 200
                return False

            await until_so(ready, "readiness")
            trusted = ssl.create_default_context(cafile=tls.ca)
            async with http.get(f"https://localhost:{port}/", ssl=trusted, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, "/signin?to=/")

            async def counted() -> bool:
                """An answer is counted once it has been given."""
                async with http.get(f"http://127.0.0.1:{metrics}/metrics") as answer:
                    told = await answer.text()
                return SENT_ON.search(told) is not None and "temporal_request{" in told

            await until_so(counted, "the answer to be counted")
    finally:
        process.terminate()
        _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, said.decode()

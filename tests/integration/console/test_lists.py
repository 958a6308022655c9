"""Lists that are longer than a page, as a browser shows them: what has waited longest first, and none hidden."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.async_api import expect

from byteport.contracts.workflows import ApprovalState, Phase
from byteport.temporal import views
from byteport.temporal.views import Run, Waits
from tests.builders.browser import browser
from tests.integration.console.provider import PASSWORD
from tests.integration.console.room import Certificates, Room, Visitor
from tests.unit.console.test_answering import asked

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600)]

PICTURES = os.environ.get("BYTEPORT_PICTURES")
BEGAN = datetime.now(UTC) - timedelta(hours=3)
HOSTILE = '<script>alert(1)</script>"'


def digest(number: int) -> str:
    return f"{number:064x}"


def run(number: int, **said: Any) -> Run:
    plain = {
        "workflow_id": f"remediate:u:shop:Deployment:web-{number}:crashloop",
        "run_id": "r",
        "status": "running",
        "cluster": "production",
        "target": f"shop/Deployment/web-{number}",
        "runbook": "PodCrashloopRunbook",
        "phase": "",
        "decision": "",
        "mttr_seconds": None,
        "started_at": BEGAN + timedelta(minutes=number),
        "closed_at": None,
    }
    return Run(**(plain | said))


@pytest.fixture(autouse=True)
def crowded(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """60 plans and 30 escalations that wait, and 70 runs; Temporal lists each newest first."""
    held = SimpleNamespace(plans=60, escalated=30, runs=70)

    async def waiting(_: object, *, limit: int) -> list[Waits]:
        found = [Waits(digest(number), BEGAN + timedelta(minutes=number)) for number in range(held.plans)]
        return found[::-1][:limit]

    async def list_runs(_: object, *, open_only: bool, limit: int, phase: Phase | None = None) -> list[Run]:
        assert open_only is (phase is not None)
        if phase is not None:
            found = [run(number, phase="escalated", cluster=HOSTILE) for number in range(held.escalated)]
        else:
            found = [run(number, decision="acted") for number in range(held.runs)]
        return found[::-1][:limit]

    async def approval_state(_: object, plan: str) -> ApprovalState:
        request = asked(reasons=asked().reasons, expires_at=datetime.now(UTC) + timedelta(hours=2))
        return ApprovalState(request=request if int(plan, 16) % 5 else None, taken=(), refused=(), outcome=None)

    for name, stand in (("waiting", waiting), ("list_runs", list_runs), ("approval_state", approval_state)):
        monkeypatch.setattr(views, name, stand)
    return held


def plans(page: str) -> list[int]:
    return [int(found, 16) for found in re.findall(r'href="/plans/([0-9a-f]{64})"', page)]


def targets(page: str) -> list[int]:
    return [int(found) for found in re.findall(r"<bdi>shop/Deployment/web-(\d+)</bdi>", page)]


@pytest.mark.claim("C-499")
async def test_of_more_than_a_page_what_has_waited_longest_is_at_the_top_and_all_can_be_reached(
    visitor: Visitor,
) -> None:
    await visitor.sign_in("ada")
    _, home, _ = await visitor.get("/")
    assert plans(home) == list(range(10))
    assert targets(home.split('id="newest"')[0].split('id="escalated"')[1]) == list(range(10))
    assert targets(home.split('id="newest"')[1]) == list(range(69, 59, -1))
    for link in ("/waiting", "/escalated", "/runs"):
        assert f'href="{link}"' in home
    shown = [plans((await visitor.get(f"/waiting?page={number}"))[1]) for number in (1, 2, 3)]
    assert [one for part in shown for one in part] == list(range(60))
    shown = [targets((await visitor.get(f"/runs?page={number}"))[1]) for number in (1, 2, 3)]
    assert [one for part in shown for one in part] == list(range(69, -1, -1))


@pytest.mark.claim("C-499")
async def test_more_than_are_counted_is_said_and_a_short_list_needs_no_pages(
    visitor: Visitor, crowded: SimpleNamespace
) -> None:
    await visitor.sign_in("ada")
    crowded.plans = 3000
    _, page, _ = await visitor.get("/waiting?page=40")
    assert "1000 are shown, and there are more" in page
    assert len(plans(page)) == 25
    crowded.plans = crowded.escalated = 0
    crowded.runs = 3
    _, home, _ = await visitor.get("/")
    assert home.count('class="none"') == 2
    assert 'class="more"' not in home
    assert (await visitor.get("/waiting?page=9"))[0] == 200
    assert (await visitor.get("/waiting?page=x"))[0] == 400


async def test_review_13_a_clusters_name_does_nothing_in_a_list(visitor: Visitor) -> None:
    await visitor.sign_in("ada")
    for path in ("/", "/escalated"):
        _, page, _ = await visitor.get(path)
        assert "<script" not in page
        assert "&lt;script&gt;" in page


@pytest.mark.claim("C-499")
async def test_lists_fit_on_a_telephone_and_are_gone_through_with_the_keyboard(
    served: Room, tmp_path: Path, tls: Certificates
) -> None:
    options = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True}
    async with browser(tmp_path / "profile", tls.certificate, **options) as window:
        window.set_default_timeout(20_000)
        page = window.pages[0]
        await page.goto(served.url)
        await page.get_by_label("User").fill("ada")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="What waits")).to_be_visible()
        await fits(page, "lists-1-home")
        await page.get_by_role("link", name="All 60 plans that wait").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("page 1 of 3")).to_be_visible()
        await page.get_by_role("link", name="Next").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("page 2 of 3")).to_be_visible()
        await fits(page, "lists-2-waiting")
        await page.get_by_role("link", name="Next").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("page 3 of 3")).to_be_visible()
        await expect(page.get_by_role("link", name="Next")).to_have_count(0)
        await page.goto(f"{served.url}/runs?page=2")
        await fits(page, "lists-3-runs")


async def fits(page: Any, name: str) -> None:
    """Nothing is wider than the screen; with a picture for whoever wants to look."""
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

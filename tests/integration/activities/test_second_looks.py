"""What is looked at again without an event: by name, by pages where there are many, and no harder than the pace allows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.kubernetes import paced, second_looks, sightings, watch
from byteport.kubernetes.enrolment import ENABLED_LABEL
from tests.builders.objects import JSON, pod, stamp, status
from tests.listwatch import faulty
from tests.listwatch.holdings import Objects
from tests.listwatch.protocol import Request, Server, serving
from tests.listwatch.watched import Inbox, watch_of

pytestmark = pytest.mark.peers

SOON = 0.2
"""Seconds between two looks here."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(paced, "PAUSE_SECONDS", 0.02)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    held = Objects()
    held.put("namespaces", {"metadata": {"name": "shop", "labels": {ENABLED_LABEL: "true"}}})
    async with serving(tmp_path, held) as found:
        yield found


def held(server: Server) -> Objects:
    assert isinstance(server.holdings, Objects)
    return server.holdings


class Ahead:
    """The present, and how far a test has gone ahead of it: time for what ripens passes when the test says so."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


@pytest.fixture
def clock() -> Ahead:
    return Ahead()


def wedges_in(seconds: float, name: str) -> JSON:
    """A pod that fell out so long ago that it is wedged after `seconds`, without any further event."""
    changed = datetime.now(UTC) - timedelta(minutes=5) + timedelta(seconds=seconds)
    item = pod(name, ready=False, statuses=[status(ready=False, started=True)])
    for condition in item["status"]["conditions"]:
        condition["lastTransitionTime"] = stamp(changed)
    item["metadata"]["creationTimestamp"] = stamp(changed - timedelta(hours=5))
    return item


def asked(server: Server, verb: str) -> list[Request]:
    return [one for one in server.heard if (one.verb, one.resource) == (verb, "pods")]


async def test_what_ripens_is_asked_for_by_its_name_and_reported_when_it_is_ripe(server: Server, clock: Ahead) -> None:
    held(server).put("pods", pod("well"))
    held(server).put("pods", wedges_in(3600, "wedged"))
    inbox = Inbox()
    async with watch_of(server.kubeconfig, inbox, look_again_seconds=SOON, clock=clock) as watched:
        await watched.until(lambda: watched.has_listed("pods"))
        assert inbox.signals == []
        clock.by = timedelta(hours=1)
        await watched.until(lambda: inbox.targets == {"wedged"})
    assert {one.name for one in asked(server, "get")} == {"wedged"}
    assert len(asked(server, "list")) == 1


async def test_where_much_ripens_its_namespace_is_read_by_pages(
    server: Server, clock: Ahead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_looks, "FEW", 2)
    for number in range(3):
        held(server).put("pods", wedges_in(3600, f"wedged-{number}"))
    inbox = Inbox()
    async with watch_of(server.kubeconfig, inbox, look_again_seconds=SOON, clock=clock) as watched:
        await watched.until(lambda: watched.has_listed("pods"))
        clock.by = timedelta(hours=1)
        await watched.until(lambda: len(inbox.targets) == 3)
    assert asked(server, "get") == []
    assert {one.namespace for one in asked(server, "list")[1:]} == {"shop"}


async def test_what_is_not_remembered_for_want_of_room_is_found_all_the_same(
    server: Server, clock: Ahead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "REMEMBERED", 1)
    for number in range(3):
        held(server).put("pods", wedges_in(3600, f"wedged-{number}"))
    inbox = Inbox()
    async with watch_of(server.kubeconfig, inbox, look_again_seconds=SOON, clock=clock) as watched:
        await watched.until(lambda: watched.has_listed("pods"))
        clock.by = timedelta(hours=1)
        await watched.until(lambda: len(inbox.targets) == 3)


async def test_one_that_was_deleted_in_the_meantime_is_forgotten(server: Server) -> None:
    item = wedges_in(3600, "going")
    held(server).put("pods", item)
    async with watch_of(server.kubeconfig, Inbox(), look_again_seconds=SOON) as watched:
        await watched.until(lambda: len(asked(server, "get")) > 1)
        held(server).remove("pods", item)
        before = len(asked(server, "get"))
        await asyncio.sleep(2 * SOON)
        assert len(asked(server, "get")) <= before + 1


async def test_what_a_bookmark_went_past_is_read_once_though_its_list_expires_under_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.kubernetes.pages.PAGE_LIMIT", 2)
    for number in range(6):
        held(server).put("pods", wedges_in(-1, f"wedged-{number}"))
    inbox = Inbox()

    async def expires(server: Server, *_: object) -> bool:
        held(server).put("pods", pod("late"))
        server.kept = held(server).version - 1
        return False

    async with watch_of(server.kubeconfig, inbox, look_again_seconds=SOON) as watched:
        await watched.until(lambda: len(inbox.targets) == 6)
    beat = {kind: str(held(server).version) for kind in ("pods", "deployments", "horizontalpodautoscalers")}
    server.heard.clear()
    again = Inbox()
    server.faults[:] = [("list", "pods", faulty.none), ("list", "pods", expires)]
    async with watch_of(server.kubeconfig, again, look_again_seconds=SOON, bookmarks=beat) as watched:
        await watched.until(lambda: len(again.targets) == 6)
        await asyncio.sleep(2 * SOON)
    assert [bool(one.query.get("continue")) for one in asked(server, "list")].count(False) == 1


async def test_what_ripens_is_still_known_to_the_next_activity_of_the_process(server: Server, clock: Ahead) -> None:
    """Before it has read everything again, which in a large cluster takes a while: here it never ends."""
    held(server).put("pods", wedges_in(3600, "wedged"))
    inbox = Inbox()
    async with watch_of(server.kubeconfig, inbox, look_again_seconds=SOON, clock=clock) as watched:
        await watched.until(lambda: watched.has_listed("pods") and bool(asked(server, "watch")))
        server.faults += [("list", "pods", faulty.hangs), ("watch", "pods", faulty.cuts_in_an_event)]
        server.hang_up()
        await watched.until(lambda: not any(verb == "list" for verb, _, _ in server.faults))
        assert watched.attempts > 1
        clock.by = timedelta(hours=1)
        await watched.until(lambda: inbox.targets == {"wedged"})

"""The watch over a server that misbehaves on purpose: silent, cut, gone, putting us off, hanging. Nothing of it is lost.

The real port and the real activity, over TLS, in both sights; the server is `tests/listwatch`, which is strict and speaks
only the protocol. What one stream makes of it by itself is in `integration/cluster_port/test_wire_watch.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from activities.kubernetes import listing, paced, streams, watch, watching
from byteport.domain.ceilings import Sight
from byteport.kubernetes.enrolment import ENABLED_LABEL
from tests.builders.objects import pod, status, waiting
from tests.listwatch import faulty
from tests.listwatch.holdings import Objects
from tests.listwatch.protocol import Server, serving
from tests.listwatch.watched import Inbox, watch_of

pytestmark = pytest.mark.peers

JSON = dict[str, Any]
KINDS = ("pods", "deployments", "horizontalpodautoscalers", "nodes", "events")
BOTH = pytest.mark.parametrize("sight", list(Sight))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same watch with shorter pauses and smaller pages."""
    monkeypatch.setattr(watch, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(watch, "REFRESH_SECONDS", 0.2)
    monkeypatch.setattr(streams, "PAGE_LIMIT", 4)
    monkeypatch.setattr(paced, "PAUSE_SECONDS", 0.05)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """Ten healthy pods in `shop`, which was given."""
    held = Objects()
    held.put("namespaces", {"metadata": {"name": "shop", "labels": {ENABLED_LABEL: "true"}}})
    held.put(
        "configmaps", {"metadata": {"name": "byteport-enabled", "namespace": "byteport-agent"}, "data": {"shop": "{}"}}
    )
    for number in range(10):
        held.put("pods", pod(f"web-{number}"))
    async with serving(tmp_path, held) as found:
        yield found


def crashes(server: Server, number: int, *, told: bool = True) -> str:
    """A pod that fails from now on; without being told, as where the watch is cut off."""
    failing = status(state=waiting("CrashLoopBackOff"), restarts=4, ready=False)
    item = pod(f"web-{number}", statuses=[failing], ready=False)
    held = server.holdings
    assert isinstance(held, Objects)
    text = held.put("pods", item)
    if told:
        server.tell("MODIFIED", "pods", "shop", text)
    return f"web-{number}"


def keys(sight: Sight) -> tuple[str, ...]:
    suffix = "/shop" if sight is Sight.NAMESPACED else ""
    return tuple(kind if kind in ("nodes", "events") else kind + suffix for kind in KINDS)


def lists(server: Server) -> list[str]:
    """The continue tokens of the lists of pods, in order."""
    return [one.query.get("continue", "") for one in server.heard if (one.verb, one.resource) == ("list", "pods")]


def watches(server: Server) -> list[str]:
    """Where the watches of pods began."""
    heard = [one for one in server.heard if (one.verb, one.resource) == ("watch", "pods")]
    return [one.query["resourceVersion"] for one in heard]


@BOTH
@pytest.mark.parametrize("fault", [faulty.cuts_in_an_event, faulty.hangs_up])
@pytest.mark.claim("C-383")
async def test_fault_31_a_watch_that_is_cut_goes_on_from_its_bookmark_and_nothing_is_listed_again(
    server: Server, sight: Sight, fault: Any
) -> None:
    inbox = Inbox()
    async with watch_of(server.kubeconfig, inbox, sight=sight) as watched:
        await watched.until(lambda: watched.has_listed(*keys(sight)) and bool(watches(server)))
        listed = lists(server)
        server.faults.append(("watch", "pods", fault))
        server.faults.append(("watch", "pods", fault))
        server.hang_up()
        told = {crashes(server, number) for number in range(3)}
        await watched.until(lambda: inbox.targets == told)
        assert lists(server) == listed
        assert len(watched.failures) >= 2


@BOTH
@pytest.mark.claim("C-383")
async def test_fault_31_a_watch_that_is_silent_is_left_and_what_it_kept_to_itself_is_heard(
    server: Server, sight: Sight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LONGEST_SILENCE_SECONDS", 0.4)
    inbox = Inbox()
    server.faults.append(("watch", "pods", faulty.is_silent))
    async with watch_of(server.kubeconfig, inbox, sight=sight) as watched:
        await watched.until(lambda: watched.has_listed(*keys(sight)) and bool(watches(server)))
        told = {crashes(server, 1)}
        listed = lists(server)
        await watched.until(lambda: inbox.targets == told)
        assert lists(server) == listed
        assert watched.attempts == 1


@BOTH
@pytest.mark.claim("C-383")
async def test_fault_31_a_place_that_is_gone_is_listed_again_page_by_page_and_what_was_not_told_is_seen(
    server: Server, sight: Sight
) -> None:
    inbox = Inbox()
    async with watch_of(server.kubeconfig, inbox, sight=sight) as watched:
        await watched.until(lambda: watched.has_listed(*keys(sight)) and bool(watches(server)))
        unheard = {crashes(server, number, told=False) for number in (0, 5, 9)}
        server.forget()
        await watched.until(lambda: inbox.targets == unheard)
        await watched.until(lambda: len(watches(server)) == 2)
        heard = crashes(server, 2)
        await watched.until(lambda: inbox.targets == unheard | {heard})
        assert watched.attempts == 1


@BOTH
@pytest.mark.claim("C-383")
async def test_fault_31_a_list_that_expires_between_its_pages_is_begun_again_and_the_watch_misses_nothing(
    server: Server, sight: Sight
) -> None:
    """A pod of the first page fails before the second is asked for: only the whole list again, or its event, tells."""
    inbox = Inbox()

    async def expires(server: Server, *_: Any) -> bool:
        crashes(server, 0)
        server.forget()
        return False

    server.faults += [("list", "pods", faulty.none), ("list", "pods", expires)]
    async with watch_of(server.kubeconfig, inbox, sight=sight) as watched:
        await watched.until(lambda: inbox.targets == {"web-0"})
        await watched.until(lambda: watched.has_listed(*keys(sight)))
        assert lists(server)[0] == lists(server)[2] == ""
        assert watched.attempts == 1


@BOTH
@pytest.mark.claim("C-383")
async def test_fault_05_a_server_that_puts_us_off_gets_its_delay_in_the_midst_of_a_list_and_of_a_watch(
    server: Server, sight: Sight
) -> None:
    inbox, asked = Inbox(), list[float]()

    async def notes(*_: Any) -> bool:
        asked.append(asyncio.get_running_loop().time())
        return False

    server.faults += [
        ("list", "pods", faulty.none),
        ("list", "pods", faulty.puts_off(1, asked)),
        ("list", "pods", notes),
        ("watch", "pods", faulty.puts_off(1, asked)),
        ("watch", "pods", notes),
    ]
    async with watch_of(server.kubeconfig, inbox, sight=sight) as watched:
        await watched.until(lambda: len(asked) == 4)
        told = {crashes(server, 3)}
        await watched.until(lambda: inbox.targets == told)
        assert asked[1] - asked[0] >= 1
        assert asked[3] - asked[2] >= 1
        assert [bool(token) for token in lists(server)] == [False, True, True, True]
        assert watched.attempts == 1


@BOTH
async def test_fault_05_being_put_off_when_asking_what_was_given_ends_no_stream(server: Server, sight: Sight) -> None:
    inbox, asked = Inbox(), list[float]()
    verb, resource = ("list", "namespaces") if sight is Sight.CLUSTER else ("get", "configmaps")
    server.faults += [(verb, resource, faulty.none), (verb, resource, faulty.puts_off(0, asked))]
    async with watch_of(server.kubeconfig, inbox, sight=sight) as watched:
        await watched.until(lambda: bool(asked) and watched.has_listed(*keys(sight)))
        told = {crashes(server, 3)}
        await watched.until(lambda: inbox.targets == told)
        assert watched.attempts == 1


@BOTH
@pytest.mark.claim("C-383")
async def test_fault_06_a_server_that_hangs_is_given_up_by_the_deadline_and_asked_again(
    server: Server, sight: Sight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE_SECONDS", 0.5)
    inbox = Inbox()
    server.faults += [("list", "pods", faulty.none), ("list", "pods", faulty.hangs)]
    told = {crashes(server, 8, told=False)}
    async with watch_of(server.kubeconfig, inbox, sight=sight) as watched:
        await watched.until(lambda: inbox.targets == told)
        await watched.until(lambda: watched.has_listed(*keys(sight)))
        assert watched.attempts == 1


async def test_a_page_of_very_large_objects_is_asked_for_in_smaller_ones(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LARGEST_PAGE", 3000)
    inbox = Inbox()
    told = {crashes(server, 8, told=False)}
    async with watch_of(server.kubeconfig, inbox) as watched:
        await watched.until(lambda: inbox.targets == told)
        await watched.until(lambda: watched.has_listed(*KINDS))
        assert {one.query["limit"] for one in server.heard if (one.verb, one.resource) == ("list", "pods")} == {
            "4",
            "1",
        }


@BOTH
@pytest.mark.claim("C-383")
async def test_fault_31_of_events_among_every_fault_in_turn_none_is_lost(
    server: Server, sight: Sight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LONGEST_SILENCE_SECONDS", 0.4)
    inbox, told = Inbox(), set[str]()
    every = [faulty.cuts_in_an_event, faulty.is_silent, faulty.puts_off(0, []), faulty.hangs_up, faulty.is_gone]
    async with watch_of(server.kubeconfig, inbox, sight=sight) as watched:
        await watched.until(lambda: watched.has_listed(*keys(sight)) and bool(watches(server)))
        for number, fault in enumerate(every):
            server.faults.append(("watch", "pods", fault))
            told.add(crashes(server, 2 * number))
            server.hang_up()
            told.add(crashes(server, 2 * number + 1))
            await watched.until(lambda: not server.faults)
        await watched.until(lambda: inbox.targets == told)
    assert len(told) == 10

"""Looks of the same moment share one list, and nobody is given what was read before they asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from activities.kubernetes import shared_lists
from activities.kubernetes.shared_lists import SharedLists
from byteport.errors import NotPermitted
from byteport.kubernetes import port
from byteport.kubernetes.port import Listed, Resource
from byteport.sandbox.simulated.cluster import SimulatedCluster


class _Slow(SimulatedCluster):
    """Each list takes until it is let go; the version that it gives says how many were begun before it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[Resource, str, str]] = []
        self.ended = 0
        self.cancelled = 0
        self.go = asyncio.Event()
        self.begun_twice = asyncio.Event()
        self.error: Exception | None = None

    async def list(
        self,
        resource: Resource,
        namespace: str,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Listed:
        self.begun.append((resource, namespace, fields))
        number = len(self.begun)
        if number > 1:
            self.begun_twice.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1
        if self.error is not None:
            raise self.error
        return Listed([], str(number))


@asynccontextmanager
async def _asking(lists: SharedLists, count: int) -> AsyncIterator[list[asyncio.Task[Listed]]]:
    tasks = [asyncio.create_task(lists.list(port.PODS, "shop")) for _ in range(count)]
    try:
        for _ in range(4):
            await asyncio.sleep(0)
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_asks_in_the_same_moment_shares_one_list() -> None:
    cluster = _Slow()
    async with _asking(SharedLists(cluster), 50) as tasks:
        cluster.go.set()
        assert {listed.resource_version for listed in await asyncio.gather(*tasks)} == {"1"}
    assert cluster.begun == [(port.PODS, "shop", "")]


async def test_who_asks_while_a_list_is_under_way_is_given_a_later_one_and_shares_that() -> None:
    cluster = _Slow()
    lists = SharedLists(cluster)
    async with _asking(lists, 1) as first, _asking(lists, 30) as later:
        assert len(cluster.begun) == 1
        cluster.go.set()
        assert (await first[0]).resource_version == "1"
        assert {listed.resource_version for listed in await asyncio.gather(*later)} == {"2"}
    assert len(cluster.begun) == 2


async def test_a_list_that_hangs_does_not_hold_up_who_asks_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_lists, "PATIENCE", 0.01)
    cluster = _Slow()
    lists = SharedLists(cluster)
    async with _asking(lists, 1) as hung, _asking(lists, 2) as later:
        await asyncio.wait_for(cluster.begun_twice.wait(), 5)
        assert not hung[0].done()
        cluster.go.set()
        assert {listed.resource_version for listed in await asyncio.gather(*later)} == {"2"}


async def test_what_is_asked_otherwise_is_another_list() -> None:
    cluster = _Slow()
    lists = SharedLists(cluster)
    cluster.go.set()
    await asyncio.gather(
        lists.list(port.PODS, "shop"),
        lists.list(port.PODS, "shop", fields="spec.nodeName=a"),
        lists.list(port.PODS, "bank"),
        lists.list(port.EVENTS, "shop"),
    )
    assert len(cluster.begun) == 4


async def test_a_refusal_is_everybodys_and_the_next_asks_again() -> None:
    cluster = _Slow()
    cluster.error = NotPermitted("pods may not be listed")
    lists = SharedLists(cluster)
    async with _asking(lists, 3) as tasks:
        cluster.go.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotPermitted] * 3
    cluster.error = None
    assert (await lists.list(port.PODS, "shop")).resource_version == "2"


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    cluster = _Slow()
    async with _asking(SharedLists(cluster), 3) as tasks:
        tasks[0].cancel()
        await asyncio.sleep(0)
        cluster.go.set()
        assert {listed.resource_version for listed in await asyncio.gather(*tasks[1:])} == {"1"}
    assert cluster.cancelled == 0


@pytest.mark.parametrize("begun", [True, False], ids=["under way", "not begun"])
async def test_where_nobody_waits_any_more_the_list_is_given_up(*, begun: bool) -> None:
    cluster = _Slow()
    lists = SharedLists(cluster)
    if begun:
        async with _asking(lists, 2):
            pass
        assert (len(cluster.begun), cluster.cancelled) == (1, 1)
    else:
        async with _asking(lists, 1) as first:
            async with _asking(lists, 2):
                pass
            cluster.go.set()
            await first[0]
        assert (len(cluster.begun), cluster.cancelled) == (1, 0)
    cluster.go.set()
    assert (await lists.list(port.PODS, "shop")).items == []

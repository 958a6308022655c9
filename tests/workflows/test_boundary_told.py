"""People are told when what holds the agent is not whole, and when it is again: once each, whoever starts or fails meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.notify.file import FileChannel
from byteport.contracts.people import Notice
from byteport.domain.reasons import Reason
from byteport.errors import Unavailable
from byteport.kubernetes import port
from byteport.sandbox.dev_server import DevServer
from byteport.sandbox.simulated import Right
from tests.integration.activities.bench import Held
from tests.workflows.patience import until
from tests.workflows.world import World, installed
from workflows.watch import TOLD_EVERY

pytestmark = pytest.mark.slow

EXCESS = "granted and needed by nothing: get secrets in shop; kubectl get -n shop rolebindings"
GONE = "ValidatingAdmissionPolicy byteport-everything is not there; helm upgrade byteport"
A_LITTLE = 2.5
"""Seconds in which a watch asks at least twice."""


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """What the boundary's look has found, where the sandbox would have none."""
    bounds = Held(findings=())
    monkeypatch.setattr("workers.start.UNBOUNDED", bounds)
    return bounds


@pytest_asyncio.fixture
async def world(server: DevServer, namespace: str, tmp_path: Path, held: Held) -> AsyncIterator[World]:
    async with installed(server, namespace, tmp_path, watch={"enabled": True}) as made:
        made.clock.to_present()
        yield made


async def are_told(world: World, times: int) -> list[Notice]:
    await until(lambda: len(world.notices) >= times, f"{times} notices")
    return world.notices


def later(world: World) -> None:
    """It may be told again."""
    world.clock.advance(TOLD_EVERY.total_seconds() + 1)


async def test_once_when_it_is_not_whole_and_once_when_it_is_again(world: World, held: Held) -> None:
    await world.start_worker()
    held.findings = (EXCESS,)
    (page,) = await are_told(world, 1)
    assert (page.rung, page.title) == (1, "The boundary is not whole: nothing is done alone")
    assert (page.evidence, page.reasons, page.cluster) == ((EXCESS,), (Reason.BOUNDARY_NOT_WHOLE,), "production")
    later(world)
    await asyncio.sleep(A_LITTLE)
    assert len(world.notices) == 1
    held.findings = ()
    _, again = await are_told(world, 2)
    assert (again.rung, again.title, again.evidence) == (0, "The boundary is whole again", ())
    later(world)
    held.findings = (EXCESS,)
    assert len({notice.key for notice in await are_told(world, 3)}) == 3


async def test_a_process_that_starts_again_tells_nothing_twice(world: World, held: Held) -> None:
    held.findings = (EXCESS,)
    await world.start_worker()
    await are_told(world, 1)
    for _ in range(2):
        await world.stop_worker()
        await world.start_worker()
        later(world)
        await asyncio.sleep(A_LITTLE)
    assert len(world.notices) == 1


async def test_another_set_of_findings_is_told_but_not_before_ten_minutes_have_passed(world: World, held: Held) -> None:
    await world.start_worker()
    held.findings = (EXCESS,)
    await are_told(world, 1)
    held.findings = (EXCESS, GONE)
    await asyncio.sleep(A_LITTLE)
    assert len(world.notices) == 1
    later(world)
    assert (await are_told(world, 2))[1].evidence == (EXCESS, GONE)


async def test_it_is_told_also_where_what_is_missing_keeps_the_agent_from_watching(world: World, held: Held) -> None:
    for resource in (port.PODS, port.NAMESPACES):
        for verb in ("watch", "list"):
            world.cluster.access.revoke(Right(verb, resource))
    held.findings = ("not granted: list pods",)
    await world.start_worker()
    (page,) = await are_told(world, 1)
    assert page.evidence == ("not granted: list pods",)


async def test_a_channel_that_is_down_does_not_hold_up_the_watch_and_is_told_when_it_is_back(
    world: World, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    async def down(_: FileChannel, __: Notice) -> None:
        nonlocal tried
        tried += 1
        raise Unavailable("the channel is down")

    held.findings = (EXCESS,)
    with monkeypatch.context() as patch:
        patch.setattr(FileChannel, "deliver", down)
        await world.start_worker()
        await until(lambda: tried >= 2, "the channel to be tried again")
        assert world.notices == []
    assert [notice.evidence for notice in await are_told(world, 1)] == [(EXCESS,)]

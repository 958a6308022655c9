"""What was read is reduced beside the loop, one look after the other, whoever has given up meanwhile."""

from __future__ import annotations

import asyncio
import threading

import pytest

from activities.kubernetes import reducing
from activities.kubernetes.reducing import Reducer
from byteport.domain.failures import Failure
from byteport.domain.targets import Target
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.world import World
from tests.builders.rollouts import NOW

TARGET = Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web")


class _Slow:
    """Each reading takes until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.at_once = self.most = self.all = 0

    def read(self, world: World, target: Target, failure: Failure) -> Situation:
        self.at_once, self.all = self.at_once + 1, self.all + 1
        self.most = max(self.most, self.at_once)
        self.begun.release()
        assert self.go.wait(10)
        self.at_once -= 1
        return Situation(target=target, now=world.now)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> _Slow:
    made = _Slow()
    monkeypatch.setattr(reducing, "read_situation", made.read)
    return made


async def test_a_look_that_is_given_up_keeps_its_thread_from_nobody_and_lets_no_second_begin_beside_it(
    slow: _Slow,
) -> None:
    reducer = Reducer()
    looks = [
        asyncio.create_task(reducer.situation(World(now=NOW, objects=()), TARGET, Failure.CRASHLOOP)) for _ in range(4)
    ]
    assert await asyncio.to_thread(slow.begun.acquire, timeout=10)
    for look in looks[:2]:  # one is under way, one waits
        look.cancel()
    await asyncio.gather(*looks[:2], return_exceptions=True)
    assert not await asyncio.to_thread(slow.begun.acquire, timeout=0.1)
    slow.go.set()
    for situation in await asyncio.gather(*looks[2:]):
        assert situation.target == TARGET
    assert (slow.most, slow.all) == (1, 3)

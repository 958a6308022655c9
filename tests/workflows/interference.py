"""What can happen between the agent and the cluster or the ledger at one exact moment: held, lost, taken away."""

from __future__ import annotations

import asyncio
import fcntl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from byteport.errors import UnknownOutcome
from byteport.kubernetes.port import Resource
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows.world import World

Step = Callable[[], Awaitable[None]]


class Hold:
    """A call that hangs until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

    def let_go(self) -> None:
        self.released.set()


@contextmanager
def held(cluster: SimulatedCluster, verb: str, resource: Resource) -> Iterator[Hold]:
    """The next call of `verb` on `resource` hangs; those after it do not."""
    hold = Hold()
    inner = getattr(cluster, verb)

    async def wait(asked: Resource, *args: Any, **kwargs: Any) -> Any:
        if asked == resource and not hold.reached.is_set():
            hold.reached.set()
            await hold.released.wait()
        return await inner(asked, *args, **kwargs)

    setattr(cluster, verb, wait)
    try:
        yield hold
    finally:
        hold.let_go()
        setattr(cluster, verb, inner)


class Counted:
    """How often a verb was called, and on what."""

    def __init__(self, cluster: SimulatedCluster, verb: str) -> None:
        self.made = 0
        self._about: Counter[tuple[Resource, str]] = Counter()
        inner = getattr(cluster, verb)

        def call(resource: Resource, namespace: str, *args: Any, **kwargs: Any) -> Any:
            self.made += 1
            self._about[resource, namespace] += 1
            return inner(resource, namespace, *args, **kwargs)

        setattr(cluster, verb, call)

    def of(self, resource: Resource, namespace: str) -> int:
        return self._about[resource, namespace]


def lose_the_answer(cluster: SimulatedCluster, verb: str, *, applied: bool, then: Step) -> None:
    """The next call of `verb` takes effect or not, `then` something happens, and its answer never comes."""
    inner = getattr(cluster, verb)

    async def lost(*args: Any, **kwargs: Any) -> Any:
        setattr(cluster, verb, inner)
        if applied:
            await inner(*args, **kwargs)
        await then()
        raise UnknownOutcome(f"{verb}: no answer")

    setattr(cluster, verb, lost)


def before_the_call(cluster: SimulatedCluster, verb: str, then: Step) -> None:
    """When the next call of `verb` is about to be made, `then` something happens."""
    inner = getattr(cluster, verb)

    async def call(*args: Any, **kwargs: Any) -> Any:
        setattr(cluster, verb, inner)
        await then()
        return await inner(*args, **kwargs)

    setattr(cluster, verb, call)


def after_the_call(cluster: SimulatedCluster, verb: str, then: Step) -> None:
    """Once the next call of `verb` has been answered, `then` something happens."""
    inner = getattr(cluster, verb)

    async def call(*args: Any, **kwargs: Any) -> Any:
        setattr(cluster, verb, inner)
        answer = await inner(*args, **kwargs)
        await then()
        return answer

    setattr(cluster, verb, call)


@contextmanager
def held_notices(world: World) -> Iterator[None]:
    """Nobody is told anything in the meantime: the channel's file is locked, as by another process."""
    path = world.settings.escalation.file
    assert path is not None
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Outage:
    """The ledger's file, out of reach and back again."""

    def __init__(self, world: World) -> None:
        self._file = world.ledger_file
        self._away = Path(f"{world.ledger_file}.away")

    async def at_once(self) -> None:
        """`begin`, as what happens beside a call."""
        self.begin()

    def begin(self) -> None:
        self._file.rename(self._away)

    def end(self) -> None:
        self._away.rename(self._file)

"""A call to the cluster, held until a test lets it go: the moments between two steps, without luck.

Comes before `between.py` (the simulated cluster's calls) and `gateway.py` (HTTP to a real API server).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

WITHIN_SECONDS = 60.0


class Fate(StrEnum):
    """What becomes of a call that was held."""

    PASS = "pass"
    LOSE = "lose"
    """Before the call: it never arrives. After it: it took effect, and the answer never arrives."""


class Moment(StrEnum):
    BEFORE = "before"
    AFTER = "after"
    """It has taken effect, and the answer is on its way."""


@dataclass
class Stop:
    """Catches one call of a verb on a resource, at one moment. Later ones pass."""

    verb: str
    plural: str
    moment: Moment
    when: Callable[[], bool]
    """Asked for each call that fits; the first for which it holds is caught."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    fate: asyncio.Future[Fate] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    caught: bool = False

    def catches(self, verb: str, plural: str, moment: Moment) -> bool:
        fits = (verb, plural, moment) == (self.verb, self.plural, self.moment)
        return not self.caught and fits and self.when()

    async def until_reached(self) -> None:
        """Returns once the call is held; fails when none comes."""
        async with asyncio.timeout(WITHIN_SECONDS):
            await self.reached.wait()

    def let(self, fate: Fate = Fate.PASS) -> None:
        """Let the call go on, or lose it."""
        if not self.fate.done():
            self.fate.set_result(fate)


class Stops:
    """All stops of one way to a cluster."""

    def __init__(self) -> None:
        self.slowness = 0.0
        """Seconds that each answer takes longer."""
        self._stops: list[Stop] = []

    def hold(
        self, verb: str, plural: str, *, moment: Moment = Moment.BEFORE, when: Callable[[], bool] = lambda: True
    ) -> Stop:
        """Catch the next such call."""
        stop = Stop(verb, plural, moment, when)
        self._stops.append(stop)
        return stop

    def lose_answers(self, verb: str, plural: str, times: int = 1) -> None:
        """The next such calls take effect, and their answers never arrive."""
        for _ in range(times):
            self.hold(verb, plural, moment=Moment.AFTER).let(Fate.LOSE)

    async def pass_by(self, verb: str, plural: str, moment: Moment) -> Fate:
        """Called with every call: waits if it is caught, and tells what becomes of it."""
        if moment is Moment.AFTER and self.slowness:
            await asyncio.sleep(self.slowness)
        for stop in self._stops:
            if stop.catches(verb, plural, moment):
                stop.caught = True
                stop.reached.set()
                return await stop.fate
        return Fate.PASS

    def let_all(self) -> None:
        """Nothing is held any more."""
        for stop in self._stops:
            stop.caught = True
            stop.let()

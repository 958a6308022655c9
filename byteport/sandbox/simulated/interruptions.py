"""Faults of the wire, on purpose: the next call of a verb fails, before or after it has taken effect.

Comes before `port.py`. Whoever injects says which error the caller gets: "applied, answer lost" is
`Interruption(UnknownOutcome(…), applied=True)`, a throttle `Interruption(Throttled(…, delay))`, a server that hangs
until the client's deadline `Interruption(UnknownOutcome(…), after_seconds=…)`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from byteport.errors import BytePortError

Verb = Literal["get", "list", "watch", "patch", "create", "delete", "evict", "exec", "logs", "review"]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Interruption:
    """`error` is raised after `after_seconds` of real time; `applied` says whether the call took effect before."""

    error: BytePortError
    applied: bool = False
    after_seconds: float = 0.0


class Interruptions:
    """Interruptions waiting for their calls, in order, per verb."""

    def __init__(self) -> None:
        self._waiting: dict[Verb, deque[Interruption]] = defaultdict(deque)

    def add(self, verb: Verb, interruption: Interruption, times: int = 1) -> None:
        self._waiting[verb].extend([interruption] * times)

    async def call(self, verb: Verb, effect: Callable[[], Answer]) -> Answer:
        """`effect`, all at once as an API server's write is, or the next interruption of `verb`."""
        waiting = self._waiting[verb]
        if not waiting:
            await asyncio.sleep(0)
            return effect()
        interruption = waiting.popleft()
        if interruption.applied:
            effect()
        await asyncio.sleep(interruption.after_seconds)
        raise interruption.error

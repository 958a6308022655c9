"""How people answer by a pager or a chat: what signs their requests, and how a run is told.

Comes before `faces.py`, which holds it, and `answered.py`, which uses it; `byteport/cli/alerts.py` makes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from byteport.contracts.workflows import Acknowledge
from byteport.serving.buckets import Seconds

KEPT_SECONDS = 60.0
"""Secrets are read again after it, so that strangers cause no reads without end, and a new secret counts within a minute."""
ReadSecrets = Callable[[], Awaitable[Sequence[str]]]
TellRun = Callable[[str, Acknowledge], Awaitable[None]]


class Secrets:
    """What signs the requests of one sender, kept for a minute."""

    def __init__(self, read: ReadSecrets, clock: Seconds) -> None:
        self._read = read
        self._clock = clock
        self._kept: tuple[str, ...] = ()
        self._until: float | None = None

    async def now(self) -> tuple[str, ...]:
        """Raises as the secret backend does; what was kept before does not stand in."""
        if self._until is None or self._clock() >= self._until:
            self._kept, self._until = (), None
            self._kept = tuple(await self._read())
            self._until = self._clock() + KEPT_SECONDS
        return self._kept


@dataclass(frozen=True)
class Back:
    """How people answer by a pager or a chat; None where the settings name no secret for it."""

    tell_run: TellRun
    pagerduty: Secrets | None
    slack: Secrets | None

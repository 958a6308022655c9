"""The log's three verdicts, as `byteport verify-log` gives them: found out at most once in some minutes, by one at a time.

Verifying reads every record. However many people look, it is done by one thread, and the others are shown the last answer
with its time. Comes before the page of the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from byteport.audit.completeness import Trust, Young
from byteport.audit.findings import Report
from byteport.ledger.log import AuditLog
from byteport.serving.buckets import Seconds

FRESH_SECONDS = 300.0


@dataclass(frozen=True)
class Verified:
    """What was found, and when."""

    reports: tuple[Report, ...]
    at: datetime


class Verdicts:
    """Of the log of this installation's tenant; `trust`: whose signatures tell that it is complete."""

    def __init__(
        self,
        log: AuditLog,
        tenant: str,
        trust: Trust,
        young: Callable[[], Young],
        now: Callable[[], datetime],
        clock: Seconds,
    ) -> None:
        self._log = log
        self._tenant = tenant
        self._trust = trust
        self._young = young
        self._now = now
        self._clock = clock
        self._last: tuple[float, Verified] | None = None
        self._turn = asyncio.Lock()

    async def current(self) -> Verified:
        """The verdicts, at most some minutes old. Raises what reading the log does."""
        async with self._turn:
            if self._last is None or self._clock() - self._last[0] > FRESH_SECONDS:
                self._last = (self._clock(), await asyncio.to_thread(self._verify))
            return self._last[1]

    def _verify(self) -> Verified:
        reports = self._log.verify_all(self._trust, young=self._young())
        ours = tuple(report for report in reports if report.chain.tenant in ("", self._tenant))
        return Verified(ours, self._now())

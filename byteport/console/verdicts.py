"""The log's three verdicts, as `byteport verify-log` gives them: found out at most once in some minutes, by one at a time.

Verifying reads every record, which of a long log takes minutes. However many people look, it is done by one thread, nobody
waits for it longer than some seconds, and until then they are shown the last answer with its time. Comes before the page of the log.
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
PATIENCE_SECONDS = 5.0


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
        self._running: asyncio.Task[None] | None = None

    async def current(self) -> Verified | None:
        """The newest verdicts that there are; None while the first are being found out. Raises what reading the log does."""
        if self._last is None or self._clock() - self._last[0] > FRESH_SECONDS:
            if self._running is None or self._running.done():
                self._running = asyncio.create_task(self._look())
                self._running.add_done_callback(_heard)
            done, _ = await asyncio.wait({self._running}, timeout=PATIENCE_SECONDS)
            for task in done:
                task.result()
        return self._last[1] if self._last is not None else None

    async def _look(self) -> None:
        try:
            found = await asyncio.to_thread(self._verify)
        except BaseException:
            self._last = None  # what was so once is not told of a log that cannot be read now
            raise
        self._last = (self._clock(), found)

    def _verify(self) -> Verified:
        reports = self._log.verify_all(self._trust, young=self._young())
        ours = tuple(report for report in reports if report.chain.tenant in ("", self._tenant))
        return Verified(ours, self._now())


def _heard(task: asyncio.Task[None]) -> None:
    """Nobody may be waiting any more for why it failed; whoever comes next finds out anew."""
    if not task.cancelled():
        task.exception()

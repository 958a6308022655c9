"""REPORT_SIGNAL, and the way by which the watch reports: both go through the one door, `byteport/temporal/intake.py`."""

from __future__ import annotations

from typing import Protocol

from temporalio.client import Client

from activities.performs import performs
from byteport.contracts.kubernetes import REPORT_SIGNAL, Report, Reported
from byteport.contracts.workflows import Installation, Ladder
from byteport.domain.signals import Signal
from byteport.temporal import intake


class SymptomSink(Protocol):
    """Where a symptom goes. Reporting the same one twice is harmless: it is folded by its evidence digest."""

    async def report(self, signal: Signal) -> Reported:
        """Raises `MalformedInput` or `NotPermitted` for a signal that cannot be taken, `Unavailable` for later."""


class IntakeSink:
    """Hands symptoms of one installation to intake."""

    def __init__(
        self,
        client: Client,
        installation: Installation,
        *,
        ladder: Ladder,
        reobserve_after_seconds: tuple[int, ...],
    ) -> None:
        self._client = client
        self._installation = installation
        self._ladder = ladder
        self._reobserve_after_seconds = reobserve_after_seconds

    async def report(self, signal: Signal) -> Reported:
        return await intake.report_signal(
            self._client,
            self._installation,
            signal,
            ladder=self._ladder,
            reobserve_after_seconds=self._reobserve_after_seconds,
        )


class Orchestration:
    """What workflows ask of Temporal itself: a symptom handed to another runbook, or seen again."""

    def __init__(self, sink: SymptomSink) -> None:
        self._sink = sink

    @performs(REPORT_SIGNAL)
    async def report_signal(self, call: Report) -> Reported:
        return await self._sink.report(call.signal)

"""The acts by which workflows reach others, and the way by which the watch reports: all through `byteport/temporal/intake.py`."""

from __future__ import annotations

from typing import Protocol

from temporalio.client import Client

from activities.performs import performs
from byteport.contracts.kubernetes import REPORT_SIGNAL, Report, Reported
from byteport.contracts.orchestration import (
    REPORT_TROUBLE,
    START_TIMEBOX,
    ReportTrouble,
    Started,
    StartTimebox,
    TroubleHeard,
)
from byteport.contracts.retention import START_ERASURE, OpenErasure, StartErasure
from byteport.contracts.workflows import Box, Installation, Ladder, ToldOver, Trouble
from byteport.domain.failures import Failure
from byteport.domain.limits import StormRule
from byteport.domain.signals import Signal
from byteport.domain.targets import Target
from byteport.temporal import alerts_intake, intake, standing_runs


class SymptomSink(Protocol):
    """Where a symptom goes. Reporting the same one twice is harmless: it is folded by its evidence digest."""

    async def report(self, signal: Signal) -> Reported:
        """Raises `MalformedInput` or `NotPermitted` for a signal that cannot be taken, `Unavailable` for later."""


class Door(SymptomSink, Protocol):
    """Where workflows knock."""

    async def start_timebox(self, box: Box) -> Started:
        """Raises `MalformedInput` or `NotPermitted` for a box that cannot be taken, `Unavailable` for later."""

    async def report_trouble(self, trouble: Trouble) -> TroubleHeard:
        """Raises `MalformedInput` or `NotPermitted` for one that cannot be taken, `Unavailable` for later."""

    async def see_to_erasure(self, request: OpenErasure) -> Started:
        """Raises `MalformedInput` for an id that is none, `Unavailable` for later."""


class IntakeSink:
    """Hands symptoms, boxes and troubles of one installation to intake."""

    def __init__(
        self,
        client: Client,
        installation: Installation,
        *,
        ladder: Ladder,
        storm: StormRule,
        reobserve_after_seconds: tuple[int, ...],
        postmortem: bool,
        events: bool,
    ) -> None:
        self._client = client
        self._installation = installation
        self._ladder = ladder
        self._storm = storm
        self._reobserve_after_seconds = reobserve_after_seconds
        self._postmortem = postmortem
        self._events = events

    async def report(self, signal: Signal) -> Reported:
        return await intake.report_signal(
            self._client,
            self._installation,
            signal,
            ladder=self._ladder,
            reobserve_after_seconds=self._reobserve_after_seconds,
            postmortem=self._postmortem,
            events=self._events,
        )

    async def told_over(self, target: Target, failure: Failure, told: ToldOver) -> None:
        await alerts_intake.tell_over(self._client, self._installation, target, failure, told)

    async def start_timebox(self, box: Box) -> Started:
        return await intake.start_timebox(self._client, self._installation, box, ladder=self._ladder)

    async def report_trouble(self, trouble: Trouble) -> TroubleHeard:
        return await intake.report_trouble(
            self._client, self._installation, trouble, rule=self._storm, ladder=self._ladder
        )

    async def see_to_erasure(self, request: OpenErasure) -> Started:
        return await standing_runs.see_to_erasure(self._client, self._installation, request)


class Orchestration:
    """What workflows ask of Temporal itself: a symptom handed on or seen again, a clock that takes a floor back, a request
    for erasure that nobody carries out."""

    def __init__(self, door: Door) -> None:
        self._door = door

    @performs(REPORT_SIGNAL)
    async def report_signal(self, call: Report) -> Reported:
        return await self._door.report(call.signal)

    @performs(START_TIMEBOX)
    async def start_timebox(self, call: StartTimebox) -> Started:
        return await self._door.start_timebox(call.box)

    @performs(REPORT_TROUBLE)
    async def report_trouble(self, call: ReportTrouble) -> TroubleHeard:
        return await self._door.report_trouble(call.trouble)

    @performs(START_ERASURE)
    async def start_erasure(self, call: StartErasure) -> Started:
        return await self._door.see_to_erasure(call.request)

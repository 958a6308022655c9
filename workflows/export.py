"""The endless export of the log to one receiver; `export:{cluster uid}:{target}`, each with its own cursor.

Started by every worker's start for the receivers that the settings name. What to ship and how far a receiver is, the
ledger and the act know (`activities/export/ship.py`); this run says when: at once while there is more, every few seconds
to a receiver that takes each record, by the hour to one that takes whole hours, and after what the receiver asks for, or
ever later, when something stands in the way. It ends when the act says that the settings name the receiver no more: from
then on its cursor holds up no pruning.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from byteport.contracts.export import (
    EXPORT,
    LATE,
    SHIP,
    WAKE,
    Export,
    ExportClosed,
    ExportState,
    Obstacle,
    Ship,
    Shipment,
    Trouble,
)
from byteport.contracts.people import NOTIFY, Notice
from byteport.contracts.workflows import STATE
from byteport.errors import BytePortError, TemporaryError
from temporalio import workflow

from workflows.perform import perform
from workflows.phases import export_words as words
from workflows.phases.beside import Beside

SOON = timedelta(seconds=2)
"""After something was shipped: more comes of the same incident."""
IDLE = timedelta(seconds=30)
"""The most between two looks at a log to which nothing is added."""
FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=5)
SLOWLY = timedelta(minutes=15)
"""Between tries while something stands in the way that does not end by itself."""
PATIENCE = timedelta(hours=1)
"""So long even what may end by itself is nobody's business."""
HOUR = timedelta(hours=1)


@workflow.defn(name=EXPORT)
class ExportWorkflow:
    """Ends only when its receiver is wanted no more; continues as new when its history has grown."""

    @workflow.init
    def __init__(self, start: Export) -> None:
        self._start = start
        self._last = start.last or Shipment()
        self._begun, self._failures, self._failing_since, self._told = (
            start.begun,
            start.failures,
            start.failing_since,
            start.told,
        )
        self._turn = start.turn
        self._idle = SOON
        self._again_at: datetime | None = None
        self._woken = False
        self._beside = Beside(lambda: None)

    @workflow.run
    async def run(self, _start: Export) -> ExportClosed:
        while True:
            if workflow.info().is_continue_as_new_suggested() and self._beside.idle:
                workflow.continue_as_new(self._carried())
            shipment = await self._ship()
            if (shipment.begun, shipment.cursor) != (self._begun, self._last.cursor):
                self._turn += 1
            self._begun = shipment.begun
            if not shipment.wanted:
                if self._woken:  # a worker has started meanwhile, whose settings may name it again
                    continue
                return ExportClosed(seq=self._last.seq)
            self._last = shipment
            self._judge(shipment.obstacle)
            await self._pause()

    # -- shipping ---------------------------------------------------------------------------------------------------

    async def _ship(self) -> Shipment:
        """One call; one that had no answer at all counts as an obstacle like any other."""
        self._woken = False
        call = Ship(
            cluster_uid=self._uid,
            target=self._start.target,
            run=workflow.info().first_execution_run_id,
            begun=self._begun,
            cursor=self._last.cursor,
            turn=self._turn,
        )
        try:
            return await perform(SHIP, call, cluster_uid=self._uid, summary=f"Ship to {self._start.target.value}")
        except BytePortError as error:
            trouble = Trouble.UNAVAILABLE if isinstance(error, TemporaryError) else Trouble.UNKNOWN
            return self._last.model_copy(
                update={
                    "begun": self._begun,
                    "shipped": 0,
                    "more": False,
                    "obstacle": Obstacle(trouble=trouble),
                }
            )

    def _judge(self, obstacle: Obstacle | None) -> None:
        """Count what stands in the way, page once for it, and tell once when it has gone."""
        if obstacle is None:
            if self._told:
                self._beside.do(self._tell(words.notice(self._start, self.state(), rung=0)))
            self._failures, self._failing_since, self._told = 0, None, False
            return
        self._failures += 1
        self._failing_since = self._failing_since or workflow.now()
        lasts = workflow.now() - self._failing_since >= PATIENCE
        if not self._told and (lasts or not obstacle.trouble.passes):
            self._told = True
            self._beside.do(self._tell(words.notice(self._start, self.state(), rung=1)))

    async def _tell(self, notice: Notice) -> None:
        """A page that could not be delivered is as if never sent, so that the next failure sends it."""
        try:
            await perform(NOTIFY, notice, cluster_uid=self._uid, summary="Tell people: the log does not leave")
        except BytePortError:
            self._told = self._told and not notice.rung
            raise

    # -- waiting ----------------------------------------------------------------------------------------------------

    async def _pause(self) -> None:
        """Until the next call, or until a worker starts."""
        pause = self._next()
        self._again_at = workflow.now() + pause if pause > SOON else None
        workflow.set_current_details(words.details(self.state()))
        if pause <= timedelta(0):
            return
        try:
            await workflow.wait_condition(lambda: self._woken, timeout=pause, timeout_summary=words.why(self._last))
        except TimeoutError:
            return

    def _next(self) -> timedelta:
        if self._last.obstacle is not None:
            return self._delay(self._last.obstacle)
        if self._last.more:
            return timedelta(0)
        if self._start.target.hourly:
            return self._until_due()
        self._idle = SOON if self._last.shipped else min(self._idle * 2, IDLE)
        return self._idle

    def _delay(self, obstacle: Obstacle) -> timedelta:
        """What the receiver asks for; else ever longer. What does not end by itself is tried again slowly."""
        if obstacle.delay_seconds is not None:
            return max(FIRST_DELAY, timedelta(seconds=obstacle.delay_seconds))
        growing = min(FIRST_DELAY * (1 << min(self._failures - 1, 10)), LONGEST_DELAY)
        return growing if obstacle.trouble.passes else max(growing, SLOWLY)

    def _until_due(self) -> timedelta:
        """Until the hour of what waits is closed; where nothing waits, until the present one is."""
        now = workflow.now()
        due = self._last.due or now.replace(minute=0, second=0, microsecond=0) + HOUR + LATE
        return min(max(SOON, due + SOON - now), HOUR + LATE + SOON)

    def _carried(self) -> Export:
        return self._start.model_copy(
            update={
                "begun": self._begun,
                "failures": self._failures,
                "failing_since": self._failing_since,
                "told": self._told,
                "last": self._last,
                "turn": self._turn,
            }
        )

    @property
    def _uid(self) -> str:
        return self._start.installation.cluster_uid

    # -- messages ---------------------------------------------------------------------------------------------------

    @workflow.signal(name=WAKE)
    def wake(self) -> None:
        """A worker has started: what kept us may be mended."""
        self._woken = True

    @workflow.query(name=STATE)
    def state(self) -> ExportState:
        last = self._last
        return ExportState(
            target=self._start.target,
            seq=last.seq,
            head=last.head,
            lag_records=max(0, last.head - last.seq),
            lag_seconds=max(0.0, (workflow.now() - last.oldest).total_seconds()) if last.oldest is not None else 0.0,
            obstacle=last.obstacle,
            failing_since=self._failing_since,
            again_at=self._again_at,
        )

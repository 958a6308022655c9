"""One request for erasure: the time in which it can be taken back, the erasing, and people told before it is late.

Started through `byteport/temporal/intake.py` by `byteport erase`, and by `retention.py` for a request whose run is missing.
What is erased stands in the ledger's row of the request, and the ledger decides by its own clock whether it may be; this
run waits and asks again. Run twice, reset or begun anew, it ends in the same record. A request that the ledger does not know
any more was lost with its database: people hear that once, and the run ends.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from byteport.contracts.people import NOTIFY, Notice
from byteport.contracts.retention import (
    ERASE,
    ERASURE,
    LOOK,
    Erase,
    EraseOnRequest,
    Erasing,
    ErasureClosed,
    ErasureState,
)
from byteport.contracts.workflows import STATE
from byteport.errors import BytePortError, TargetGone
from temporalio import workflow

from workflows.perform import perform
from workflows.phases.beside import Beside

SOON = timedelta(minutes=1)
"""Until it is asked again what the ledger says by its own clock is not due."""
FAILING = timedelta(minutes=10)
"""Between two tries of what it refuses, or has not answered for as long."""
HELD = timedelta(minutes=30)
"""Between two looks at whether what stands in the way is gone."""
AGAIN = timedelta(days=1)
"""Between two pages about one that is late."""
LOST = (
    "its database was put back from a backup of before the request: what was erased since then is there again, too",
    "nothing more is done about it: ask again for whatever is still to be erased",
)


@workflow.defn(name=ERASURE)
class ErasureWorkflow:
    """Ends when the request is carried out, was taken back or is lost, and not before."""

    @workflow.init
    def __init__(self, start: EraseOnRequest) -> None:
        self._start = start
        self._times = start.request.times
        self._told_at = start.told_at
        self._erasing: Erasing | None = None
        self._failing, self._lost = "", False
        self._news = False
        self._beside = Beside(lambda: None)

    @workflow.run
    async def run(self, _start: EraseOnRequest) -> ErasureClosed:
        while True:
            self._news = False
            await self._ask()
            closed = await self._given_up() if self._lost else self._closed()
            if closed is not None:
                await workflow.wait_condition(lambda: self._beside.idle)
                return closed
            self._tell()
            self._show()
            if workflow.info().is_continue_as_new_suggested() and self._beside.idle:
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._start.model_copy(update={"told_at": self._told_at}))
            await self._wait()

    async def _ask(self) -> None:
        """Have the ledger erase what it may, portion by portion."""
        request_id = self._start.request.request_id
        try:
            while True:
                call = Erase(cluster_uid=self._uid, request_id=request_id, now=workflow.now())
                self._erasing = await perform(ERASE, call, cluster_uid=self._uid)
                self._times, self._failing, self._lost = self._erasing.times, "", False
                if not self._erasing.more or workflow.info().is_continue_as_new_suggested():
                    return
        except BytePortError as error:
            self._failing, self._lost = error.message, isinstance(error, TargetGone)

    async def _given_up(self) -> ErasureClosed | None:
        """The end of a request that is not there any more, once people know; None while nobody could be told."""
        title = "A request for erasure was lost: the ledger does not know it any more"
        notice = self._notice(2, "lost", title).model_copy(update={"evidence": LOST, "cause": "erasure_lost"})
        workflow.set_current_details(title)
        try:
            await perform(NOTIFY, notice, cluster_uid=self._uid, summary=f"Tell people: {title}")
        except BytePortError:
            return None
        return ErasureClosed(state=ErasureState.LOST, records=0, late=False)

    def _closed(self) -> ErasureClosed | None:
        erasing = self._erasing
        if erasing is None or self._failing or erasing.more:
            return None
        gone = erasing.state is ErasureState.ERASED and erasing.names_until is None and erasing.scrubbed
        if not gone and erasing.state is not ErasureState.CANCELLED:
            return None
        self._show()
        late = gone and workflow.now() > self._times.late
        return ErasureClosed(state=erasing.state, records=erasing.erased, late=late)

    async def _wait(self) -> None:
        """Until the next time that anything can be otherwise, or a message says that it is."""
        pause, why = self._pause()
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._news, timeout=pause, timeout_summary=why)

    def _pause(self) -> tuple[timedelta, str]:
        now, erasing = workflow.now(), self._erasing
        if self._failing or erasing is None:
            return FAILING, "the ledger did not do it; ask again"
        match erasing.state:
            case ErasureState.WAITING:
                return max(SOON, self._times.due - now), "until it can no longer be taken back"
            case ErasureState.ERASED if erasing.names_until is not None and erasing.scrubbed:
                return max(SOON, erasing.names_until - now), "until no limit is counted by the name any more"
            case _:
                return (SOON if erasing.more else HELD), "until nothing stands in its way"

    # -- people -----------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Page while something stands in the way: in time, when the time is over, and every day after that."""
        erasing = self._erasing
        done = erasing is not None and erasing.state is ErasureState.ERASED and erasing.scrubbed
        if self._lost or (done and not self._failing):
            return
        due = self._due()
        if due is None:
            return
        rung, word = due
        before, self._told_at = self._told_at, workflow.now()
        self._beside.do(self._page(self._notice(rung, word, self._title()), self._told_at, before))

    def _due(self) -> tuple[int, str] | None:
        """Which page is due: its rung, and what tells it from the others."""
        now, told, times = workflow.now(), self._told_at, self._times
        if now >= times.late:
            if told is None or told < times.late or now - told >= AGAIN:
                return 2, f"late:{now:%Y%m%dT%H%M}"
        elif now >= times.warned and told is None:
            return 1, "warned"
        return None

    async def _page(self, notice: Notice, now: datetime, before: datetime | None) -> None:
        """What could not be delivered is as if never told."""
        try:
            await perform(NOTIFY, notice, cluster_uid=self._uid, summary=f"Tell people: {notice.title}")
        except BytePortError:
            if self._told_at == now:
                self._told_at = before
            raise

    def _title(self) -> str:
        late = self._times.late
        if workflow.now() >= late:
            return f"An erasure is late: it was to be done by {late:%Y-%m-%d %H:%M} UTC"
        return f"An erasure is held up: it is to be done by {late:%Y-%m-%d %H:%M} UTC"

    def _notice(self, rung: int, word: str, title: str) -> Notice:
        request, installation = self._start.request, self._start.installation
        return Notice(
            key=f"erasure:{request.request_id}:{word}",
            incident_id=request.request_id,
            workflow_id=workflow.info().workflow_id,
            cluster=installation.cluster_name,
            rung=rung,
            title=title,
            runbook="none",
            target=installation.cluster_name,
            cause="erasure_held",
            reasons=(),
            evidence=self._obstacles(),
            command=None,
            inverse_command=None,
            how_to_answer="byteport hold list; byteport erase list",
            at=workflow.now(),
        )

    def _obstacles(self) -> tuple[str, ...]:
        if self._failing or self._erasing is None:
            return (f"the ledger does not do it: {self._failing or 'it has not answered yet'}",)
        if not self._erasing.scrubbed:
            return (
                "it is erased, and a process that reads the ledger's file keeps it in the write-ahead log: end that one",
            )
        return tuple(one.says() for one in self._erasing.obstacles) or ("it is being erased",)

    def _show(self) -> None:
        erasing, times = self._erasing, self._times
        if erasing is None:
            workflow.set_current_details(f"the ledger has not answered yet: {self._failing}")
            return
        lines = [
            f"### {erasing.records} record(s): {erasing.state.value}",
            "",
            f"- **To be done**: from {times.due:%Y-%m-%d %H:%M}, by {times.late:%Y-%m-%d %H:%M} UTC",
            f"- **Erased**: {erasing.erased}",
        ]
        if not erasing.scrubbed:
            lines += [f"- **In its way**: {line}" for line in self._obstacles()]
        if erasing.state in (ErasureState.WAITING, ErasureState.HELD):
            lines += [f"- **In its way**: {line}" for line in self._obstacles() if erasing.obstacles or self._failing]
            lines.append(f"- **To take it back**: `byteport erase cancel {self._start.request.request_id}`")
        lines += [
            f"- **Already at** {one.target}, up to record {one.seq}: not erased there" for one in erasing.exported
        ]
        if erasing.names_until is not None:
            lines.append(f"- **Limits are counted by its name** until {erasing.names_until:%Y-%m-%d %H:%M} UTC")
        workflow.set_current_details("\n".join(lines))

    @property
    def _uid(self) -> str:
        return self._start.installation.cluster_uid

    # -- messages ---------------------------------------------------------------------------------------------------

    @workflow.signal(name=LOOK)
    def look(self) -> None:
        """Something about the request has changed in the ledger."""
        self._news = True

    @workflow.query(name=STATE)
    def state(self) -> Erasing | None:
        return self._erasing

"""The time for which an autoscaler's floor stays raised, and its taking back: one run for each autoscaler.

Started by `phases/act.py` before the floor is raised, through START_TIMEBOX, so that no raise is without an end. It
outlives the remediation that raised it; a second raise joins the run and puts off the end, and the floor that is put
back is the owner's, never one of ours. What it finds at the end is judged in `boxed.py`; `phases/put_back.py` acts.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from byteport.contracts.kubernetes import RAISE_FLOOR, READ_FLOOR, Floor, ReadFloor
from byteport.contracts.ledger import Decision
from byteport.contracts.workflows import EXTEND, STATE, TIMEBOX, Box, Phase, Timebox, TimeboxClosed, TimeboxState
from byteport.domain.reasons import Reason
from byteport.errors import BytePortError, NotPermitted, PermanentError
from byteport.temporal import attributes
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.boxed import Boxed, Found
from workflows.perform import perform
from workflows.phases.act import SKEW, lease_seconds
from workflows.phases.box_ends import cancelled, close, left, over, stuck, tell
from workflows.phases.put_back import PATIENCE, Later, Never, put_back

FIRST_MESSAGE = timedelta(seconds=5)
BETWEEN_TRIES = timedelta(minutes=1)
BETWEEN_NOTICES = timedelta(hours=1)
UNTOLD = timedelta(minutes=30)
"""So long an obstacle other than a halt may last before people hear of it."""
RAISED_WITHIN = timedelta(seconds=lease_seconds(RAISE_FLOOR)) + SKEW
"""A raise is called for by its grant alone, which has ended by then: a box may be shorter."""
NOTHING_STANDS = frozenset({Found.NOT_RAISED, Found.ALREADY_RESTORED})
LATE_RAISES = "waits-for-a-late-raise"
"""Runs from before it have ended as soon as a box had, though its raise might still come."""


@workflow.defn(name=TIMEBOX)
class TimeboxWorkflow:
    """Waits, looks, and puts the floor back if it is still exactly as it was left."""

    @workflow.init
    def __init__(self, start: Timebox) -> None:
        self._boxed = Boxed(start)

    @workflow.run
    async def run(self, _start: Timebox) -> TimeboxClosed:
        boxed = self._boxed
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: bool(boxed.boxes), timeout=FIRST_MESSAGE)
        if not boxed.boxes:
            return TimeboxClosed(outcome=Found.NOT_RAISED.value)  # started without a box: there is nothing to put back
        try:
            closed = await self._story_or_told()
        except BytePortError as error:
            raise ApplicationError(error.message, type=error.code, non_retryable=True) from error
        await workflow.wait_condition(workflow.all_handlers_finished)
        late = boxed.late()
        if late is not None:  # nothing is awaited between this look and the return, so that no raise is lost
            workflow.continue_as_new(late)
        return closed

    async def _story_or_told(self) -> TimeboxClosed:
        try:
            return await self._story()
        except asyncio.CancelledError:
            await cancelled(self._boxed)
            raise
        except BytePortError as error:
            await stuck(self._boxed, error)
            raise
        except Exception:  # noqa: BLE001  a mistake of ours must page, not wedge the run while the floor stays up
            workflow.logger.exception("the time box cannot go on")
            return await left(self._boxed, self._boxed.newest, (Reason.FAILED,))

    async def _story(self) -> TimeboxClosed:
        boxed = self._boxed
        while True:
            await self._wait()
            tried = await self._try()
            if isinstance(tried, TimeboxClosed):
                return tried
            if tried is None:
                continue
            if workflow.cancellation_reason() is not None:  # it came during the call, which hid it
                raise asyncio.CancelledError
            if tried.patience is None:
                boxed.refused_since = None
            else:
                boxed.refused_since = boxed.refused_since or workflow.now()
                if workflow.now() - boxed.refused_since >= tried.patience:
                    return await left(boxed, boxed.newest, (tried.reason,), tried.why)
            await self._hold(tried)

    async def _wait(self) -> None:
        """Until the last of the boxes ends."""
        boxed = self._boxed
        while boxed.until is not None and (remains := boxed.until - workflow.now()) > timedelta(0):
            boxed.say("waits")
            await self._extended_within(remains, "until the floor is put back")

    async def _extended_within(self, time: timedelta, summary: str) -> None:
        """Let `time` pass, or less if another raise comes."""
        until = self._boxed.until
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._boxed.until != until, timeout=time, timeout_summary=summary)

    async def _try(self) -> TimeboxClosed | Later | None:
        """Look, and do what is right for what is there. None: another raise has come, so wait again."""
        boxed = self._boxed
        boxed.say("looking")
        try:
            floor = await self._read()
        except BytePortError as error:
            reason = Reason.NOT_PERMITTED if isinstance(error, NotPermitted) else Reason.CANNOT_TELL
            return Later(reason, PATIENCE if isinstance(error, PermanentError) else None, error.message)
        if boxed.until is not None and boxed.until > workflow.now():
            return None
        looked = boxed.judge(floor)
        if looked.found in NOTHING_STANDS and await self._raise_may_come():
            return None
        if looked.found is not Found.RAISED:
            return await over(boxed, looked, floor)
        outcome = await put_back(boxed, looked.box)
        if isinstance(outcome, Later):
            return outcome
        if isinstance(outcome, Never):
            return await left(boxed, looked.box, outcome.reasons, outcome.why)
        return close(boxed, "restored", Decision.ACTED)

    async def _raise_may_come(self) -> bool:
        """Whether the raise may have been still on its way when we looked: then wait until it cannot be any more."""
        left = self._boxed.may_yet_rise(RAISED_WITHIN)
        if left <= timedelta(0) or not workflow.patched(LATE_RAISES):
            return False
        self._boxed.say("waits")
        await self._extended_within(left, "until the raise can come no more")
        return True

    async def _read(self) -> Floor:
        plan = self._boxed.newest.plan
        return await perform(
            READ_FLOOR, ReadFloor(target=plan.target, autoscaler=plan.autoscaler), cluster_uid=self._boxed.cluster_uid
        )

    async def _hold(self, later: Later) -> None:
        """Something stands in the way: tell people in time, and look again in a minute, or when another raise comes."""
        boxed, now = self._boxed, workflow.now()
        boxed.held_since = boxed.held_since or now
        boxed.say(f"held, {later.reason.value}")
        if boxed.told_at is not None:
            due = boxed.told_at + BETWEEN_NOTICES
        else:
            due = boxed.held_since + (timedelta(0) if later.reason is Reason.HALTED else UNTOLD)
        if now >= due:
            rung, boxed.told_at = (1 if boxed.told_at is None else 0), now
            workflow.upsert_search_attributes([attributes.PHASE.value_set(Phase.ESCALATED.value)])
            title = f"A raised floor cannot be put back yet: {boxed.state().autoscaler}"
            word = f"held:{now:%Y%m%dT%H%M}"
            await tell(boxed, boxed.newest, title, (later.reason,), rung=rung, word=word, note=later.why)
        if workflow.info().is_continue_as_new_suggested():
            workflow.continue_as_new(boxed.rest())
        await self._extended_within(BETWEEN_TRIES, f"held: {later.reason.value}")

    @workflow.signal(name=EXTEND)
    def extend(self, box: Box) -> None:
        """One more raise of this autoscaler's floor, about to be made. The same one twice counts once."""
        self._boxed.extend(box)

    @workflow.query(name=STATE)
    def state(self) -> TimeboxState:
        return self._boxed.state()

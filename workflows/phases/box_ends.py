"""How a time box ends when there is nothing to put back, or nobody but a person may: each end a record, most a notice.

Comes after a look (`workflows/boxed.py` judges it) or a try (`put_back.py`); `workflows/timebox.py` returns what these
return.
"""

from __future__ import annotations

from byteport.contracts.kubernetes import Floor
from byteport.contracts.ledger import FINISH, RECORD, Decision, Event, Finish, RecordDraft, Result
from byteport.contracts.people import NOTIFY
from byteport.contracts.workflows import Box, Phase, TimeboxClosed
from byteport.domain.reasons import Reason
from byteport.errors import BytePortError
from byteport.temporal import attributes
from temporalio import workflow

from workflows.boxed import Boxed, Found, Looked
from workflows.perform import perform

NOBODYS_FLOOR = "a-floor-in-changed-bounds-is-a-persons"
"""Runs from before it have left such a floor with a note and no page."""


async def over(boxed: Boxed, looked: Looked, floor: Floor) -> TimeboxClosed:
    """There is nothing for us to put back. What was never raised, or was put back in time, ends without a word."""
    box = looked.box
    match looked.found:
        case Found.NOT_ENABLED:
            return await left(boxed, box, (Reason.NAMESPACE_NOT_ENABLED,))
        case Found.CHANGED if _still_ours(box, floor) and workflow.patched(NOBODYS_FLOOR):
            return await left(
                boxed, box, (Reason.TARGET_CHANGED,), f"its bounds or metrics were changed{_by(floor)}; {who(floor)}"
            )
        case Found.CHANGED:
            reasons = (Reason.TARGET_CHANGED,)
            await _skipped(boxed, box, reasons, note=who(floor))
            title = f"A raised floor was changed by somebody, and is left as it is: {boxed.state().autoscaler}"
            await tell(boxed, box, title, reasons, rung=0, word="changed", note=who(floor))
            return close(boxed, "changed", Decision.SKIPPED, reasons)
        case Found.GONE:
            await _skipped(boxed, box, (Reason.TARGET_GONE,))
            return close(boxed, "gone", Decision.SKIPPED, (Reason.TARGET_GONE,))
        case Found.ALREADY_RESTORED if boxed.lost:
            note = "found put back, after the answer to the call was lost"
            key = _key(box, Event.REVERTED)
            await _record(boxed, boxed.draft(box, Event.REVERTED, Decision.ACTED, Result.SUCCESS, key=key, note=note))
            return close(boxed, looked.found.value, Decision.ACTED)
        case _:
            return close(boxed, looked.found.value, Decision.SKIPPED)


def _still_ours(box: Box, floor: Floor) -> bool:
    """Whether only the rest of the autoscaler was changed: nobody has taken the floor itself over, so it is nobody's."""
    plan = box.plan
    ours = (box.action_id, plan.floor_to, plan.floor_before)
    return ours == (floor.action_id, floor.floor, floor.floor_before) and floor.rest_digest != plan.rest_digest


async def left(boxed: Boxed, box: Box, reasons: tuple[Reason, ...], why: str = "") -> TimeboxClosed:
    """A person must put it back: they are told the command, and it is recorded."""
    boxed.judged = len(boxed.boxes)
    title = f"A raised floor must be put back by hand: {boxed.state().autoscaler}"
    await tell(boxed, box, title, reasons, rung=1, word="left", note=why)
    draft = boxed.draft(
        box,
        Event.ESCALATED,
        Decision.ESCALATED,
        Result.FAILURE,
        key=_key(box, Event.ESCALATED),
        reasons=reasons,
        note=why or None,
    )
    await _record(boxed, draft)
    return close(boxed, "left", Decision.ESCALATED, reasons)


async def stuck(boxed: Boxed, error: BytePortError) -> None:
    """The ledger refuses what must be recorded, so the run fails: whoever is told must look what became of the floor."""
    title = f"A time box cannot go on; see whether its floor is back: {boxed.state().autoscaler}"
    await tell(boxed, boxed.newest, title, (Reason.FAILED,), rung=1, word="stuck", note=error.message)


async def cancelled(boxed: Boxed) -> None:
    """Somebody cancelled the run: the floor stays up, and that is recorded and told."""
    box, reasons = boxed.newest, (Reason.CANCELLED,)
    draft = boxed.draft(
        box,
        Event.FINISHED,
        Decision.ESCALATED,
        Result.FAILURE,
        key=f"{box.action_id}:box:cancelled",
        reasons=reasons,
        action_id=boxed.open_action,
    )
    if boxed.open_action is None:
        await _record(boxed, draft)
    else:
        call = Finish(action_id=boxed.open_action, outcome=boxed.open_outcome, verified=None, record=draft)
        await perform(FINISH, call, cluster_uid=boxed.cluster_uid)
    title = f"A time box was cancelled, so its floor is not put back: {boxed.state().autoscaler}"
    await tell(boxed, box, title, reasons, rung=1, word="cancelled", note="")
    close(boxed, "cancelled", Decision.ESCALATED, reasons)


def close(boxed: Boxed, outcome: str, decision: Decision, reasons: tuple[Reason, ...] = ()) -> TimeboxClosed:
    """Say how it ended, where operators look."""
    boxed.say(outcome)
    workflow.upsert_search_attributes(
        [attributes.PHASE.value_set(Phase.CLOSED.value), attributes.DECISION.value_set(decision.value)]
    )
    return TimeboxClosed(outcome=outcome, reasons=reasons)


async def tell(
    boxed: Boxed, box: Box, title: str, reasons: tuple[Reason, ...], *, rung: int, word: str, note: str
) -> None:
    """One notice. A channel that is down for half an hour does not stop the box."""
    notice = boxed.notice(box, title, reasons, rung=rung, word=word, note=note)
    try:
        await perform(NOTIFY, notice, cluster_uid=boxed.cluster_uid, summary=f"Tell people (rung {rung})")
    except BytePortError:
        workflow.logger.warning("people could not be told of a raised floor")


def who(floor: Floor) -> str:
    """Who changed it, and when, as far as the object itself tells."""
    when = f" at {floor.managed_at:%Y-%m-%d %H:%M:%SZ}" if floor.managed_at else ""
    return f"minReplicas is {floor.floor}, last set by {floor.manager or 'an unknown manager'}{when}"


def _by(floor: Floor) -> str:
    """Who changed the rest of it, where that was after our raise; whoever only took something away is not on record."""
    when = floor.rest_managed_at
    if when is None or not floor.rest_manager or (floor.managed_at is not None and when < floor.managed_at):
        return ""
    return f", last by {floor.rest_manager} at {when:%Y-%m-%d %H:%M:%SZ}"


async def _skipped(boxed: Boxed, box: Box, reasons: tuple[Reason, ...], *, note: str | None = None) -> None:
    key = _key(box, Event.SKIPPED)
    draft = boxed.draft(box, Event.SKIPPED, Decision.SKIPPED, None, key=key, reasons=reasons, note=note)
    await _record(boxed, draft)


async def _record(boxed: Boxed, draft: RecordDraft) -> None:
    await perform(RECORD, draft, cluster_uid=boxed.cluster_uid)


def _key(box: Box, event: Event) -> str:
    """A raise is ended once, whatever is retried."""
    return f"{box.action_id}:box:{event.value}"

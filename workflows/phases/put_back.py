"""One try at putting a floor back: reserve as the inverse of the raise, restore, and end the intent by a record.

Asked by `workflows/timebox.py` once a box has ended and its floor was seen to stand as it was left. It acts by no new
word: whoever agreed to the raise agreed to its taking back, and the ledger knows the raise by its plan's digest. So
neither a changed policy nor a freeze window nor a limit keeps the floor up; a halt does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from byteport.contracts.kubernetes import RESOLVE_OUTCOME, RESTORE_FLOOR, MutatingCall, Outcome, ResolveOutcome
from byteport.contracts.ledger import (
    FINISH,
    RESERVE,
    AlreadyDone,
    Decision,
    Event,
    Finish,
    Granted,
    NotGranted,
    Reserve,
    Result,
)
from byteport.contracts.workflows import Box
from byteport.domain.plans import RestoreFloorPlan, arguments_digest, restore_of
from byteport.domain.reasons import Reason
from byteport.domain.warrants import Grant, Warrant
from byteport.errors import (
    BytePortError,
    NotPermitted,
    PermanentError,
    PreconditionFailed,
    TargetGone,
    TemporaryError,
    UnknownOutcome,
)
from temporalio import workflow

from workflows.boxed import Boxed
from workflows.perform import perform
from workflows.phases.act import lease_seconds

PATIENCE = timedelta(minutes=15)
"""For a refusal that may still pass (an intent that is being ended, a look that came too early)."""
AWAY = timedelta(hours=1)
"""So long a cluster worker is waited for that could tell what became of a restore."""
BETWEEN_LOOKS = timedelta(seconds=30)
ASKS_ON = "asks-on-what-became-of-a-restore"
"""Runs from before it have asked once."""
WAITS = (Reason.HALTED, Reason.TARGET_LEASED, Reason.LEDGER_UNAVAILABLE)
"""What ends by itself, or by the hand of whoever began it: waited for as long as it takes."""
FINAL = frozenset({Reason.MODE_OBSERVES, Reason.NAMESPACE_NOT_ENABLED, Reason.PROTECTED_NAMESPACE})
"""Refused for good, by the administrator's own settings."""


@dataclass(frozen=True)
class PutBack:
    """The floor is what its owner had set."""


@dataclass(frozen=True)
class Later:
    """Not now: look again. `patience` is how long that may go on before a person is asked; None is for ever."""

    reason: Reason
    patience: timedelta | None
    why: str = ""


@dataclass(frozen=True)
class Never:
    """Trying again cannot help: a person must put it back."""

    reasons: tuple[Reason, ...]
    why: str = ""


async def put_back(boxed: Boxed, box: Box) -> PutBack | Later | Never:
    """Restore the floor that `box` raised, once. Raises nothing but cancellation."""
    plan = restore_of(box.plan)
    action_id = boxed.take_action_id(box.plan_digest)
    try:
        reservation = await perform(RESERVE, _reservation(boxed, box, plan, action_id), cluster_uid=boxed.cluster_uid)
    except PermanentError as error:
        return Later(Reason.NOT_PERMITTED, PATIENCE, error.message)
    except BytePortError as error:
        return Later(Reason.LEDGER_UNAVAILABLE, None, error.message)
    match reservation.answer:
        case NotGranted(because=because):
            return _not_granted(because)
        case AlreadyDone(outcome="done"):
            return PutBack()
        case AlreadyDone():
            return Later(Reason.TARGET_CHANGED, PATIENCE)
        case Granted(grant=grant):
            boxed.open_action, boxed.open_outcome = action_id, "unknown"
            return await _restore(boxed, box, plan, action_id, grant)


def _reservation(boxed: Boxed, box: Box, plan: RestoreFloorPlan, action_id: str) -> Reserve:
    key = f"{action_id}:started"
    return Reserve(
        action_id=action_id,
        incident_id=box.incident_id,
        plan=plan,
        plan_digest=box.plan_digest,
        arguments_digest=arguments_digest(plan),
        act=RESTORE_FLOOR.name,
        lease_key=plan.target.ref,
        lease_seconds=lease_seconds(RESTORE_FLOOR),
        auto=True,
        answers=(),
        inverse_of=box.plan,
        intent=boxed.draft(box, Event.STARTED, Decision.ACTED, None, key=key, action_id=action_id),
    )


def _not_granted(because: tuple[Reason, ...]) -> Later | Never:
    for reason in WAITS:
        if reason in because:
            return Later(reason, None)
    if FINAL & set(because):
        return Never(because)
    return Later(because[0] if because else Reason.NOT_PERMITTED, PATIENCE)


async def _restore(boxed: Boxed, box: Box, plan: RestoreFloorPlan, action_id: str, grant: Grant) -> PutBack | Later:
    cluster_uid = boxed.cluster_uid
    warrant = Warrant(
        tenant=boxed.start.installation.tenant,
        incident_id=box.incident_id,
        signal=box.signal,
        plan=plan,
        plan_digest=box.plan_digest,
        policy_version=box.policy_version,
        grant=grant,
        request=None,
        answers=(),
        auto=True,
        inverse_of=box.plan,
    )
    try:
        await perform(RESTORE_FLOOR, MutatingCall(warrant=warrant), cluster_uid=cluster_uid, summary=plan.command)
    except (PreconditionFailed, TargetGone) as error:
        await _finish(boxed, box, action_id, "not_done", Reason.TARGET_CHANGED, note=error.message)
        return Later(Reason.TARGET_CHANGED, PATIENCE, error.message)
    except NotPermitted as error:
        await _finish(boxed, box, action_id, "not_done", Reason.NOT_PERMITTED, note=error.message)
        return Later(Reason.NOT_PERMITTED, PATIENCE, error.message)
    except UnknownOutcome:
        return await _resolve(boxed, box, action_id, warrant)
    except BytePortError as error:
        await _finish(boxed, box, action_id, "not_done", Reason.FAILED, note=error.message)
        return Later(Reason.FAILED, None, error.message)
    boxed.open_outcome = "done"
    await _finish(boxed, box, action_id, "done", None)
    return PutBack()


async def _resolve(boxed: Boxed, box: Box, action_id: str, warrant: Warrant) -> PutBack | Later:
    """The call was sent and no answer came: look for its trace. What stays unknown is read again in a while."""
    outcome = await _seen_again(boxed, warrant)
    if outcome is not None and outcome.applied:
        boxed.open_outcome = "done"
        await _finish(boxed, box, action_id, "done", None)
        return PutBack()
    if outcome is not None and outcome.applied is False:
        await _finish(boxed, box, action_id, "not_done", Reason.UNKNOWN_OUTCOME)
    else:
        boxed.lost = True
        await _finish(boxed, box, action_id, "unknown", Reason.UNKNOWN_OUTCOME)
    return Later(Reason.UNKNOWN_OUTCOME, PATIENCE)


async def _seen_again(boxed: Boxed, warrant: Warrant) -> Outcome | None:
    """What a look at the autoscaler tells; None when it cannot be had. A cluster worker may be away for a while: an
    outcome that is called unknown is nobody's to repeat, so that is not said before there was one to ask."""
    began = workflow.now()
    while True:
        try:
            return await perform(RESOLVE_OUTCOME, ResolveOutcome(warrant=warrant), cluster_uid=boxed.cluster_uid)
        except TemporaryError:
            if workflow.now() - began >= AWAY or not workflow.patched(ASKS_ON):
                return None
        except BytePortError:
            return None
        await workflow.sleep(BETWEEN_LOOKS, summary="until the cluster can be read again")


async def _finish(
    boxed: Boxed,
    box: Box,
    action_id: str,
    outcome: Literal["done", "not_done", "unknown"],
    reason: Reason | None,
    *,
    note: str | None = None,
) -> None:
    """End the intent: its record, and the lease given back (never on an unknown outcome)."""
    event = Event.REVERTED if outcome == "done" else Event.FINISHED
    results = {"done": Result.SUCCESS, "not_done": Result.FAILURE, "unknown": None}
    draft = boxed.draft(
        box,
        event,
        Decision.ACTED,
        results[outcome],
        key=f"{action_id}:{event.value}",
        reasons=(reason,) if reason else (),
        action_id=action_id,
        note=note,
    )
    call = Finish(action_id=action_id, outcome=outcome, verified=None, record=draft)
    await perform(FINISH, call, cluster_uid=boxed.cluster_uid)
    boxed.open_action = None

"""The one place that calls an act. Workflow code asks here and gets the act's own output type, or one of our errors.

The hazard it handles, once: an activity fails as `ActivityError` whose cause is an `ApplicationError` carrying our
`code`, or a `TimeoutError` that says nothing of what happened outside. A time-out of a read means *try later*; a
time-out of a mutation means *nobody knows*, because Temporal's time-out does not stop the code that was running.
A plain exception in workflow code would leave the run retrying its task for ever, so only `BytePortError` leaves here.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from byteport.contracts.acts import Act, Effect, In, Out, task_queue_name
from byteport.errors import (
    BudgetRefuses,
    BytePortError,
    NotPermitted,
    NotProved,
    PermanentError,
    PreconditionFailed,
    TargetGone,
    TemporaryError,
    Throttled,
    Unavailable,
    UnknownOutcome,
)
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.exceptions import TimeoutError as Timeout

_BY_CODE: dict[str, type[BytePortError]] = {
    error.code: error
    for error in (
        PermanentError,
        NotPermitted,
        NotProved,
        PreconditionFailed,
        TargetGone,
        BudgetRefuses,
        TemporaryError,
        Throttled,
        Unavailable,
        UnknownOutcome,
    )
}


def retries(act: Act[In, Out]) -> RetryPolicy:
    """Reads and ledger acts go on until their schedule-to-close; a long watch comes back within two seconds."""
    if act.heartbeat is not None:
        return RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=2))
    return RetryPolicy(
        initial_interval=timedelta(seconds=0.5),
        maximum_interval=timedelta(seconds=10),
        maximum_attempts=act.max_attempts,
    )


async def perform(
    act: Act[In, Out], call: In, *, cluster_uid: str, summary: str | None = None, within: timedelta | None = None
) -> Out:
    """Call `act` with its own queue, deadlines and retries. Raises only `BytePortError` and cancellation.

    `within` is less patience than the act's own, counted by the server. A timer of the run's own would count the time that its
    tasks wait for a busy worker, too, and take an answer that has come meanwhile for none.
    """
    mutates = act.effect is Effect.MUTATE
    try:
        given: Out = await workflow.execute_activity(
            act.name,
            call,
            result_type=act.gives,
            task_queue=task_queue_name(act.queue, cluster_uid),
            start_to_close_timeout=act.deadline,
            schedule_to_close_timeout=within or act.schedule_to_close,
            heartbeat_timeout=act.heartbeat,
            retry_policy=retries(act),
            cancellation_type=(
                workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
                if mutates
                else workflow.ActivityCancellationType.TRY_CANCEL
            ),
            summary=summary or act.summary,
        )
    except ActivityError as failure:
        raise _meaning(failure, act.name, mutates=mutates) from failure
    return given


def _meaning(failure: ActivityError, act: str, *, mutates: bool) -> BaseException:
    if is_cancelled_exception(failure):
        return asyncio.CancelledError()
    cause: BaseException | None = failure.cause
    while cause is not None:
        if isinstance(cause, ApplicationError):
            error = _BY_CODE.get(cause.type or "", UnknownOutcome if mutates else PermanentError)
            said = f"{act}: {cause.message}"
            return error(said, cause.next_retry_delay) if issubclass(error, TemporaryError) else error(said)
        if isinstance(cause, Timeout) and mutates:
            break
        cause = cause.__cause__
    return (UnknownOutcome if mutates else Unavailable)(f"{act}: no answer within its deadline")

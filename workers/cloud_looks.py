"""What the polls of metrics know, as `byteport doctor` shows it: the last look at each identity's rights, and whether its source is read.

Comes beside `clouds.py`, whose own look is by the identity of the process that doctor runs in; this one is of the polls' own, wherever
doctor runs, since what a poll hands to the next one is its result, which Temporal keeps.
"""

from __future__ import annotations

from datetime import datetime

from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)
from temporalio.service import RPCError, RPCStatusCode

from byteport.contracts.cloud import CloudSource, PollState
from byteport.contracts.cloud_looks import LookedAt
from byteport.domain.ids import poll_id
from byteport.errors import ConfigError
from byteport.settings import Settings, installation
from byteport.temporal.connect import RPC_TIMEOUT, unavailable
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy


async def check_looks(client: Client, settings: Settings, *, now: datetime) -> list[Check]:
    """One line for each source that is polled. Raises `Unavailable` and `NotPermitted` of Temporal."""
    if not settings.clouds.sources:
        return []
    try:
        uid = installation(settings).cluster_uid
    except ConfigError:  # nobody has read the cluster's uid here yet: nothing was polled for it
        return []
    try:
        return [
            _check(source, await _state(client, poll_id(uid, source.value)), now) for source in settings.clouds.sources
        ]
    except RPCError as error:
        raise unavailable(client, error) from error


async def _state(client: Client, schedule_id: str) -> PollState | None:
    """Of the newest poll that has ended; None where there is none, or it was not of this version."""
    try:
        described = await client.get_schedule_handle(schedule_id).describe(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    for started in reversed(described.info.recent_actions):
        action = started.action
        if not isinstance(action, ScheduleActionExecutionStartWorkflow):
            continue
        run = client.get_workflow_handle(
            action.workflow_id, run_id=action.first_execution_run_id, result_type=PollState
        )
        try:
            if (await run.describe(rpc_timeout=RPC_TIMEOUT)).status is not WorkflowExecutionStatus.COMPLETED:
                continue
            state: PollState = await run.result(follow_runs=False, rpc_timeout=RPC_TIMEOUT)
        except (WorkflowFailureError, ValueError, LookupError):
            return None
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            continue  # it is longer ago than Temporal keeps runs, as of a Schedule that rests
        return state
    return None


def _check(source: CloudSource, state: PollState | None, now: datetime) -> Check:
    name, way = f"rights at {source.value}", remedy(Amiss.CLOUD_RIGHTS, source=source.value)
    looked = state.rights if state is not None else None
    if looked is None:
        because = f": {state.because}" if state is not None and state.because else ""
        return Check(name, Outcome.WARNING, f"no poll has looked at them yet{because}", way)
    said = _said(looked, now)
    if not looked.found.amiss:
        return Check(name, Outcome.OK, said)
    return Check(name, Outcome.FAILED, said, way)


def _said(looked: LookedAt, now: datetime) -> str:
    """The last look that was answered, on one line."""
    found = looked.found
    kinds = [f"{what.value.replace('_', ' ')}: {names.text}" for what, names in found.amiss]
    if found.refuses:
        kinds.append("the source is not read until that is mended")
    told = "; ".join(kinds) or "none too many or too few"
    untold = f"; of these it cannot be told: {found.untold.text}" if found.untold.number else ""
    minutes = max(0, round((now - looked.at).total_seconds() / 60))
    return f"{told}{untold} (looked at by a poll {minutes} min ago)"

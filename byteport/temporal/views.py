"""What may be asked of running and past runs: lists, states and decoded histories. Changes nothing.

`intake.py` is its counterpart that changes things. Used by the command line; the HTTP face will ask the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowHistory,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

from byteport.contracts.workflows import (
    APPROVAL,
    REMEDIATION,
    STATE,
    ApprovalState,
    Phase,
    State,
    StormState,
    TimeboxState,
)
from byteport.domain.ids import approval_id, storm_id
from byteport.errors import NotPermitted, TargetGone, Unavailable
from byteport.temporal.attributes import CLUSTER, DECISION, MTTR_SECONDS, PHASE, RUNBOOK, TARGET
from byteport.temporal.connect import unreachable

TIMEOUT = timedelta(seconds=10)
MOST_COUNTED = 1000
Answer = TypeVar("Answer")


class Run(NamedTuple):
    """One remediation as a list shows it; empty where the run has not said so yet."""

    workflow_id: str
    run_id: str
    status: str
    cluster: str
    target: str
    runbook: str
    phase: str
    decision: str
    mttr_seconds: int | None
    started_at: datetime
    closed_at: datetime | None


async def list_runs(client: Client, *, open_only: bool, limit: int, phase: Phase | None = None) -> list[Run]:
    """Remediations, newest first; those in `phase` alone where one is given."""
    query = f"WorkflowType = '{REMEDIATION}'" + (" AND ExecutionStatus = 'Running'" if open_only else "")
    query += f" AND {PHASE.name} = '{phase.value}'" if phase is not None else ""
    return [_run(execution) async for execution in _listed(client, query, limit)]


class Waits(NamedTuple):
    """A plan that waits for people, by what a list knows of it."""

    plan_digest: str
    since: datetime


async def waiting(client: Client, *, limit: int) -> list[Waits]:
    """The approvals that wait for people, newest first."""
    query = f"WorkflowType = '{APPROVAL}' AND ExecutionStatus = 'Running'"
    prefix = approval_id("")
    return [
        Waits(execution.id.removeprefix(prefix), execution.start_time)
        async for execution in _listed(client, query, limit)
    ]


async def list_waiting(client: Client, *, limit: int = 100) -> list[str]:
    """Plan digests of the same."""
    return [one.plan_digest for one in await waiting(client, limit=limit)]


async def waiting_since(client: Client) -> list[datetime]:
    """Since when each of them has been waiting; at most `MOST_COUNTED` of them."""
    return [one.since for one in await waiting(client, limit=MOST_COUNTED)]


async def remediation_state(client: Client, workflow_id: str) -> State:
    """The `state` query of one remediation. Raises `TargetGone` when there is none of that id."""
    return await _query(client, workflow_id, State)


async def approval_state(client: Client, plan_digest: str) -> ApprovalState:
    """The `state` query of one approval. Raises `TargetGone` when there is none for that plan."""
    return await _query(client, approval_id(plan_digest), ApprovalState)


async def timebox_state(client: Client, workflow_id: str) -> TimeboxState:
    """The `state` query of one time box, by its id. Raises `TargetGone` when there is none of that id."""
    return await _query(client, workflow_id, TimeboxState)


async def storm_state(client: Client, cluster_uid: str) -> StormState | None:
    """The `state` query of a cluster's storm watch; None when nothing has ever been in trouble there."""
    try:
        return await _query(client, storm_id(cluster_uid), StormState)
    except TargetGone:
        return None


async def fetch_history(client: Client, workflow_id: str, run_id: str | None = None) -> WorkflowHistory:
    """The newest run's (or `run_id`'s) history, payloads still encrypted."""
    try:
        return await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history(rpc_timeout=TIMEOUT)
    except RPCError as error:
        raise _translated(client, error, workflow_id) from error


async def pending_heartbeat(client: Client, workflow_id: str) -> float | None:
    """Seconds since the last heartbeat (or start) of the oldest activity that a run waits for; None when there is none."""
    try:
        described = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise _translated(client, error, workflow_id) from error
    if described.close_time is not None:
        return None
    ages = []
    for activity in described.raw_description.pending_activities:
        newest = max(
            (
                moment.ToDatetime(tzinfo=UTC)
                for moment in (activity.last_heartbeat_time, activity.last_started_time, activity.scheduled_time)
            ),
        )
        ages.append((datetime.now(UTC) - newest).total_seconds())
    return max(ages, default=None)


async def _query(client: Client, workflow_id: str, gives: type[Answer]) -> Answer:
    try:
        answer: Answer = await client.get_workflow_handle(workflow_id).query(
            STATE, result_type=gives, rpc_timeout=TIMEOUT
        )
        return answer
    except RPCError as error:
        raise _translated(client, error, workflow_id) from error
    except WorkflowQueryFailedError as error:
        raise Unavailable(
            f"{workflow_id} does not answer its state; `byteport replay {workflow_id}` tells why"
        ) from error


async def _listed(client: Client, query: str, limit: int) -> AsyncIterator[WorkflowExecution]:
    try:
        async for execution in client.list_workflows(query, limit=limit, rpc_timeout=TIMEOUT):
            yield execution
    except RPCError as error:
        raise _translated(client, error, "the list of runs") from error


def _translated(client: Client, error: RPCError, what: str) -> Exception:
    if error.status is RPCStatusCode.NOT_FOUND:
        return TargetGone(f"nothing has the id {what}; `byteport runs` lists what there is")
    if error.status in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED):
        return NotPermitted(f"Temporal does not let these credentials read {what}")
    if error.status is RPCStatusCode.DEADLINE_EXCEEDED:
        return Unavailable(f"no worker answered for {what} within 10 s; is one running (`byteport doctor`)?")
    return unreachable(client.service_client.config.target_host)


def _run(execution: WorkflowExecution) -> Run:
    attributes = execution.typed_search_attributes
    status = execution.status or WorkflowExecutionStatus.RUNNING
    return Run(
        workflow_id=execution.id,
        run_id=execution.run_id,
        status=status.name.lower(),
        cluster=attributes.get(CLUSTER, ""),
        target=attributes.get(TARGET, ""),
        runbook=attributes.get(RUNBOOK, ""),
        phase=attributes.get(PHASE, ""),
        decision=attributes.get(DECISION, ""),
        mttr_seconds=attributes.get(MTTR_SECONDS),
        started_at=execution.start_time,
        closed_at=execution.close_time,
    )

"""The one door by which a symptom or an answer enters: watch, polls, API, command line and re-observation all use it.

Everything is validated before a workflow is started, because input that a workflow cannot read leaves its run open and
retrying. Comes after `connect.py`; runs that always stand are begun by `standing_runs.py`; the workflows behind the door are named in `byteport/contracts/workflows.py`.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from byteport.contracts.acts import Queue, task_queue_name
from byteport.contracts.kubernetes import Reported
from byteport.contracts.orchestration import Started, TroubleHeard
from byteport.contracts.workflows import (
    ACKNOWLEDGE,
    ANSWER,
    APPROVAL,
    EXTEND,
    REMEDIATION,
    REPORT,
    STORM,
    TIMEBOX,
    TROUBLE,
    Acknowledge,
    AnswerReply,
    AwaitApproval,
    Box,
    Installation,
    Ladder,
    Phase,
    Remediate,
    Timebox,
    Trouble,
    WatchStorm,
)
from byteport.domain.approvals import NotTaken, Rejection, SignedAnswer
from byteport.domain.ids import approval_id, remediation_id, storm_id, timebox_id
from byteport.domain.limits import StormRule
from byteport.domain.signals import Signal
from byteport.domain.targets import Target
from byteport.errors import MalformedInput, NotPermitted, TargetGone, Unavailable
from byteport.temporal.attributes import CLUSTER, NAMESPACE, PHASE, RUNBOOK, TARGET
from byteport.temporal.connect import RPC_TIMEOUT, unavailable

_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
_KIND = re.compile(r"^[A-Z][A-Za-z0-9]{0,62}$")
_UID = re.compile(r"^[A-Za-z0-9-]{1,64}$")
_AGAIN = frozenset({RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.UNAVAILABLE, RPCStatusCode.RESOURCE_EXHAUSTED})
"""Replies of the server after which the same Update, with the same id, is sent again: it runs once."""

_HEARD_ENOUGH = "limit for signal events"
"""What the server says when an open run has had as many messages as it may have (10,000 unless its operator says else)."""

_CLOSED_ON_THE_WAY = "AcceptedUpdateCompletedWorkflow"
"""What the server calls an Update whose workflow closed while the Update was in its handler."""


async def report_signal(
    client: Client,
    installation: Installation,
    signal: Signal,
    *,
    ladder: Ladder,
    reobserve_after_seconds: tuple[int, ...],
    postmortem: bool = False,
    events: bool = False,
) -> Reported:
    """Hand a symptom to the remediation of its target, which is started if none is running.

    N symptoms of one failure on one target become one run. One that has had all the messages it may have is open, and
    people know of it: a further symptom folds into it uncounted, and holds up nobody else's. Raises `MalformedInput` for
    a target that cannot be one or a value that is no number, `NotPermitted` for another cluster's, `Unavailable` when
    Temporal does not answer (safe to repeat).
    """
    target = signal.target
    check_signal(signal)
    if target.cluster_uid != installation.cluster_uid:
        raise NotPermitted("signal.target.cluster_uid: this is another cluster than the one of this installation")
    workflow_id = remediation_id(target, signal.failure)
    start = Remediate(
        installation=installation,
        target=target,
        ladder=ladder,
        reobserve_after_seconds=reobserve_after_seconds,
        postmortem=postmortem,
        events=events,
    )
    attributes = [
        SearchAttributePair(CLUSTER, installation.cluster_name),
        SearchAttributePair(NAMESPACE, target.namespace),
        SearchAttributePair(TARGET, target.ref),
    ]
    try:
        await _signal_with_start(
            client,
            installation,
            REMEDIATION,
            start,
            workflow_id=workflow_id,
            message=REPORT,
            argument=signal,
            attributes=attributes,
            summary=f"{signal.failure.value.replace('_', ' ')} of {target.ref}",
        )
    except RPCError as error:
        if not has_heard_enough(error):
            raise unavailable(client, error) from error
    return Reported(workflow_id=workflow_id)


async def start_timebox(client: Client, installation: Installation, box: Box, *, ladder: Ladder) -> Started:
    """Start the run that takes a raised floor back, or tell the one that runs of another raise.

    The same box twice counts once. Raises `MalformedInput` for names that cannot be ones, `NotPermitted` for another
    installation's box, `Unavailable` when Temporal does not take it: then nothing may be raised.
    """
    plan = box.plan
    check_target(plan.target)
    if not _NAME.fullmatch(plan.autoscaler):
        raise MalformedInput("box.plan.autoscaler", "is not a name that Kubernetes accepts")
    ours = (installation.tenant, installation.cluster_uid, installation.cluster_uid)
    if (box.installation.tenant, box.installation.cluster_uid, plan.target.cluster_uid) != ours:
        raise NotPermitted("box: this is another installation than the one that is asked")
    workflow_id = timebox_id(installation.cluster_uid, plan.target.namespace, plan.autoscaler)
    attributes = [
        SearchAttributePair(CLUSTER, installation.cluster_name),
        SearchAttributePair(NAMESPACE, plan.target.namespace),
        SearchAttributePair(TARGET, plan.target.ref),
        SearchAttributePair(RUNBOOK, box.runbook),
    ]
    try:
        await _signal_with_start(
            client,
            installation,
            TIMEBOX,
            Timebox(installation=installation, ladder=ladder),
            workflow_id=workflow_id,
            message=EXTEND,
            argument=box,
            attributes=attributes,
            summary=f"raised floor of {plan.target.namespace}/{plan.autoscaler}",
        )
    except RPCError as error:
        raise unavailable(client, error) from error
    return Started(workflow_id=workflow_id)


async def report_trouble(
    client: Client, installation: Installation, trouble: Trouble, *, rule: StormRule, ladder: Ladder
) -> TroubleHeard:
    """Tell the cluster's storm watch, which is started if none is running, and say whether many are in trouble.

    Raises `MalformedInput` for a target that cannot be one, `NotPermitted` for another cluster's, and `Unavailable` when
    Temporal does not answer, or when the run has had all the messages that it may have: it is about to be renewed, and
    telling the same once more is harmless.
    """
    check_target(trouble.target)
    if trouble.target.cluster_uid != installation.cluster_uid:
        raise NotPermitted("trouble.target.cluster_uid: this is another cluster than the one of this installation")
    workflow_id = storm_id(installation.cluster_uid)
    try:
        await _signal_with_start(
            client,
            installation,
            STORM,
            WatchStorm(installation=installation, rule=rule, ladder=ladder),
            workflow_id=workflow_id,
            message=TROUBLE,
            argument=trouble,
            attributes=[SearchAttributePair(CLUSTER, installation.cluster_name)],
            summary=f"storm watch of cluster {installation.cluster_name}",
        )
    except RPCError as error:
        if has_heard_enough(error):
            raise Unavailable("the storm watch has had all the messages that one run may have") from error
        raise unavailable(client, error) from error
    if trouble.over or not await _many(client, installation, rule):
        return TroubleHeard(workflow_id=workflow_id)
    undiagnosed = await _many(client, installation, rule, f" AND ({_UNDIAGNOSED})")
    return TroubleHeard(workflow_id=workflow_id, many=True, undiagnosed=undiagnosed)


_UNDIAGNOSED = f"{PHASE.name} IS NULL OR {PHASE.name} IN ('{Phase.STARTING.value}', '{Phase.DIAGNOSING.value}')"


async def _many(client: Client, installation: Installation, rule: StormRule, which: str = "") -> bool:
    """Whether as many remediations as make a storm began within its window and are open. Who cannot be asked says no."""
    since = datetime.now(UTC) - timedelta(seconds=rule.window_seconds)
    query = (
        f"WorkflowType = '{REMEDIATION}' AND ExecutionStatus = 'Running' AND {CLUSTER.name} = '{installation.cluster_name}'"
        f" AND StartTime > '{since:%Y-%m-%dT%H:%M:%SZ}'{which}"
    )
    try:
        return (await client.count_workflows(query, rpc_timeout=RPC_TIMEOUT)).count >= rule.targets
    except RPCError:
        return False


async def answer(client: Client, installation: Installation, signed: SignedAnswer) -> AnswerReply:
    """Give a person's answer to what waits for it, and return what becomes of it.

    An answer that finds nothing waiting starts an approval without a request, which records that it was refused.
    Raises `Unavailable` when nobody replied in time: the same answer may then be given again, it counts once.
    """
    workflow_id = approval_id(signed.text.plan_digest)
    handle = client.get_workflow_handle(workflow_id)
    try:
        async with asyncio.timeout(RPC_TIMEOUT.total_seconds()):
            while True:
                try:
                    reply: AnswerReply = await handle.execute_update(
                        ANSWER, signed, id=signed.text.digest, result_type=AnswerReply, rpc_timeout=RPC_TIMEOUT
                    )
                    return reply
                except RPCError as error:
                    if error.status is RPCStatusCode.NOT_FOUND:
                        return await _record_late(client, installation, signed, workflow_id)
                    if error.status not in _AGAIN:
                        raise unavailable(client, error) from error
                await asyncio.sleep(0.2)
    except WorkflowUpdateFailedError as error:
        if isinstance(error.cause, ApplicationError) and error.cause.type == _CLOSED_ON_THE_WAY:
            return await _record_late(client, installation, signed, workflow_id)
        raise NotPermitted(f"the approval refuses the answer: {error.cause}") from error
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise Unavailable(
            "no reply within 10 s: is a worker running (`byteport doctor`)? The answer may still be taken; "
            "giving the same one again is harmless"
        ) from None


async def acknowledge(client: Client, workflow_id: str, acknowledgement: Acknowledge) -> None:
    """Tell an escalated remediation that a person has taken it over. Raises `TargetGone` when no such run is open.

    By message, which needs no worker; by Update where symptoms have used up all the messages that the run may have.
    """
    handle = client.get_workflow_handle(workflow_id)
    try:
        try:
            await handle.signal(ACKNOWLEDGE, acknowledgement, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if not has_heard_enough(error):
                raise
            await handle.execute_update(ACKNOWLEDGE, acknowledgement, rpc_timeout=RPC_TIMEOUT)
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        raise Unavailable("no reply within 10 s: is a worker running (`byteport doctor`)?") from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise TargetGone(f"no open run has the id {workflow_id}; `byteport runs` lists remediations") from None
        raise unavailable(client, error) from error


def check_signal(signal: Signal) -> None:
    """Raise `MalformedInput` for what no run could read: a target that cannot be one, a value that is not finite."""
    for field, value in (("value", signal.value), ("threshold", signal.threshold)):
        if not math.isfinite(value):
            raise MalformedInput(f"signal.{field}", "is not a finite number")
    check_target(signal.target)


def check_target(target: Target) -> None:
    """Raise `MalformedInput` unless every part is a name that Kubernetes itself would accept for a workload.

    The parts become a workflow id joined by colons, so a colon inside one of them could name another target's run.
    """
    checks = (
        ("cluster_uid", target.cluster_uid, _UID, False),
        ("namespace", target.namespace, _NAME, True),
        ("kind", target.kind, _KIND, False),
        ("name", target.name, _NAME, False),
        ("uid", target.uid, _UID, True),
    )
    for field, value, pattern, may_be_empty in checks:
        if not (pattern.fullmatch(value) or (may_be_empty and not value)):
            raise MalformedInput(f"signal.target.{field}", "is not a name that Kubernetes accepts")


async def _signal_with_start(
    client: Client,
    installation: Installation,
    workflow: str,
    start: BaseModel,
    *,
    workflow_id: str,
    message: str,
    argument: BaseModel,
    attributes: Sequence[SearchAttributePair[str]],
    summary: str,
) -> None:
    """Give a run its message, and begin the run if there is none: atomic, so that no message falls between two runs."""
    await client.start_workflow(
        workflow,
        start,
        id=workflow_id,
        task_queue=task_queue_name(Queue.CONTROL, installation.cluster_uid),
        start_signal=message,
        start_signal_args=[argument],
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        search_attributes=TypedSearchAttributes(list(attributes)),
        static_summary=summary,
        rpc_timeout=RPC_TIMEOUT,
    )


async def _record_late(
    client: Client, installation: Installation, signed: SignedAnswer, workflow_id: str
) -> AnswerReply:
    try:
        await _signal_with_start(
            client,
            installation,
            APPROVAL,
            AwaitApproval(installation=installation, request=None),
            workflow_id=workflow_id,
            message=ANSWER,
            argument=signed,
            attributes=[SearchAttributePair(CLUSTER, installation.cluster_name)],
            summary="an answer to which nothing waited",
        )
    except RPCError as error:
        raise unavailable(client, error) from error
    return AnswerReply(verdict=NotTaken(because=Rejection.CLOSED), quorum=0, approvals=0)


def has_heard_enough(error: RPCError) -> bool:
    """Whether the server refused a message because an open run has had as many as it may have."""
    return error.status is RPCStatusCode.INVALID_ARGUMENT and _HEARD_ENOUGH in error.message

"""The runs that always stand: the watch, the retention of the log, its checkpoints and exports, and each request for erasure.

A part of the one door (`intake.py`): every worker's start sees to it that they run. One that runs already is never started twice;
checkpoints and exports are told by message what is set now, the others keep what they began with. `signing.py` and `exporting.py` see to theirs by `see_to`, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError

from byteport.contracts.acts import Queue, task_queue_name
from byteport.contracts.orchestration import Started
from byteport.contracts.retention import ERASURE, LOOK, RETENTION, EraseOnRequest, OpenErasure, Retain
from byteport.contracts.workflows import WATCH, Installation, Watch
from byteport.domain.ids import erasure_id, retention_id, watch_id
from byteport.errors import MalformedInput
from byteport.temporal.attributes import CLUSTER
from byteport.temporal.connect import RPC_TIMEOUT, unavailable

_REQUEST = re.compile(r"^[A-Za-z0-9-]{1,64}$")


async def start_watch(client: Client, installation: Installation) -> str:
    """See to it that the cluster is being watched; every worker calls this at its start. Returns the workflow id."""
    return await see_to(
        client,
        installation,
        WATCH,
        Watch(installation=installation),
        workflow_id=watch_id(installation.cluster_uid),
        summary=f"watch of cluster {installation.cluster_name}",
    )


async def start_retention(client: Client, installation: Installation) -> str:
    """See to it that the log is pruned; every worker calls this at its start. Returns the workflow id."""
    return await see_to(
        client,
        installation,
        RETENTION,
        Retain(installation=installation),
        workflow_id=retention_id(installation.cluster_uid),
        summary=f"retention of the log of cluster {installation.cluster_name}",
    )


async def see_to_erasure(client: Client, installation: Installation, request: OpenErasure) -> Started:
    """Start the run that carries out a request for erasure, or have the one that runs look at the ledger again.

    What is erased, and when, stands in the ledger. Raises `MalformedInput` for an id that is none, `Unavailable` when
    Temporal does not answer: the daily run of retention starts it then.
    """
    if not _REQUEST.fullmatch(request.request_id):
        raise MalformedInput("erasure.request_id", "is not the id of a request")
    workflow_id = await see_to(
        client,
        installation,
        ERASURE,
        EraseOnRequest(installation=installation, request=request),
        workflow_id=erasure_id(request.request_id),
        summary="erasure on request",
        message=LOOK,
    )
    return Started(workflow_id=workflow_id)


async def see_to(
    client: Client,
    installation: Installation,
    workflow: str,
    call: BaseModel,
    *,
    workflow_id: str,
    summary: str,
    message: str | None = None,
    said: Sequence[Any] = (),
) -> str:
    """Start this run, or have the one that is open hear `message` with what is `said`. Returns its id.

    Raises `Unavailable` when Temporal does not answer, `NotPermitted` when it refuses.
    """
    try:
        await client.start_workflow(
            workflow,
            call,
            id=workflow_id,
            task_queue=task_queue_name(Queue.CONTROL, installation.cluster_uid),
            start_signal=message,
            start_signal_args=said,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            search_attributes=TypedSearchAttributes([SearchAttributePair(CLUSTER, installation.cluster_name)]),
            static_summary=summary,
            rpc_timeout=RPC_TIMEOUT,
        )
    except RPCError as error:
        raise unavailable(client, error) from error
    return workflow_id

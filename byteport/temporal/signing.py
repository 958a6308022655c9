"""How the run that has the log signed is begun: a part of the one door (`intake.py`), which every worker's start opens."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError

from byteport.contracts.acts import Queue, task_queue_name
from byteport.contracts.checkpoints import CHECKPOINT, FOLLOW, Following, FollowLog
from byteport.contracts.workflows import Installation
from byteport.domain.ids import checkpoint_id
from byteport.temporal.attributes import CLUSTER
from byteport.temporal.connect import unreachable
from byteport.temporal.intake import RPC_TIMEOUT


async def start_checkpoints(client: Client, installation: Installation, following: Following) -> str:
    """See to it that the log is signed, at the pace and by the witnesses that are set now. Returns the workflow id.

    By message, so that a run which is open already hears what has changed. Raises `Unavailable`.
    """
    workflow_id = checkpoint_id(installation.cluster_uid)
    try:
        await client.start_workflow(
            CHECKPOINT,
            FollowLog(installation=installation, following=following),
            id=workflow_id,
            task_queue=task_queue_name(Queue.CONTROL, installation.cluster_uid),
            start_signal=FOLLOW,
            start_signal_args=[following],
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            search_attributes=TypedSearchAttributes([SearchAttributePair(CLUSTER, installation.cluster_name)]),
            static_summary=f"checkpoints of the log of cluster {installation.cluster_name}",
            rpc_timeout=RPC_TIMEOUT,
        )
    except RPCError as error:
        raise unreachable(client.service_client.config.target_host) from error
    return workflow_id

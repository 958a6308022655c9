"""How an export is begun, and how its state is asked for.

A part of the one door (`intake.py`): every worker's start begins the exports that the settings name, and tells those that
run already, so that what kept one is tried again at once when it was mended.
"""

from __future__ import annotations

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from byteport.contracts.export import EXPORT, WAKE, Export, ExportState
from byteport.contracts.receivers import TargetKind
from byteport.contracts.workflows import STATE, Installation
from byteport.domain.ids import export_id
from byteport.errors import Unavailable
from byteport.temporal.connect import RPC_TIMEOUT, unavailable
from byteport.temporal.standing_runs import see_to


async def start_export(client: Client, installation: Installation, target: TargetKind) -> str:
    """See to it that the log is exported to `target`. Returns the workflow id. Raises `Unavailable`."""
    return await see_to(
        client,
        installation,
        EXPORT,
        Export(installation=installation, target=target),
        workflow_id=export_id(installation.cluster_uid, target.value),
        summary=f"export of the log of cluster {installation.cluster_name} to {target.value}",
        message=WAKE,
    )


async def wake_export(client: Client, installation: Installation, target: TargetKind) -> bool:
    """Tell the export, if one runs, that a worker has started. One that is wanted no more ends by it."""
    handle = client.get_workflow_handle(export_id(installation.cluster_uid, target.value))
    try:
        await handle.signal(WAKE, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise unavailable(client, error) from error
    return True


async def state_of_export(client: Client, installation: Installation, target: TargetKind) -> ExportState | None:
    """How it stands, or None where no export to `target` runs. Raises `Unavailable`, also where no worker answers."""
    handle = client.get_workflow_handle(export_id(installation.cluster_uid, target.value))
    try:
        state: ExportState = await handle.query(STATE, result_type=ExportState, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise unavailable(client, error) from error
    except WorkflowQueryFailedError:
        raise Unavailable(f"no worker tells how the export to {target.value} stands") from None
    return state

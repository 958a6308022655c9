"""The one door for what alerts say: a batch to the run that always stands, and word to a remediation that its source calls over.

A part of the one door (`intake.py`). Before it come `byteport/alerts`, which reduces and validates, and
`activities/kubernetes/outside.py`, which knows the target.
"""

from __future__ import annotations

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from byteport.contracts.alerts import ALERTS, HAND_IN, AlertBatch, Alerts
from byteport.contracts.orchestration import Started
from byteport.contracts.workflows import TOLD_OVER, Installation, ToldOver
from byteport.domain.failures import Failure
from byteport.domain.ids import alerts_id, remediation_id
from byteport.domain.targets import Target
from byteport.errors import NotPermitted, TargetGone
from byteport.temporal.connect import RPC_TIMEOUT, unavailable
from byteport.temporal.intake import check_target, has_heard_enough
from byteport.temporal.standing_runs import see_to


async def hand_in(client: Client, installation: Installation, batch: AlertBatch) -> Started:
    """Give the run its batch, and begin the run if there is none.

    The same batch twice is looked at once. Raises `Unavailable` when Temporal does not take it: the sender has to send again.
    """
    workflow_id = await see_to(
        client,
        installation,
        ALERTS,
        Alerts(installation=installation),
        workflow_id=alerts_id(installation.cluster_uid),
        summary=f"alerts from outside for cluster {installation.cluster_name}",
        message=HAND_IN,
        said=[batch],
    )
    return Started(workflow_id=workflow_id)


async def tell_over(
    client: Client, installation: Installation, target: Target, failure: Failure, told: ToldOver
) -> None:
    """Tell the remediation of `target` that the source of its symptom calls it over. It looks for itself.

    Raises `TargetGone` when no such run is open, `NotPermitted` for another cluster's target, `Unavailable` for later. A run
    that has had all the messages it may have looks again by its own clock.
    """
    check_target(target)
    if target.cluster_uid != installation.cluster_uid:
        raise NotPermitted("target.cluster_uid: this is another cluster than the one of this installation")
    handle = client.get_workflow_handle(remediation_id(target, failure))
    try:
        await handle.signal(TOLD_OVER, told, rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise TargetGone("no run of this target and failure is open") from None
        if not has_heard_enough(error):
            raise unavailable(client, error) from error

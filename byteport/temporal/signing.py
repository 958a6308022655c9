"""How the run that has the log signed is begun: a part of the one door (`intake.py`), which every worker's start opens."""

from __future__ import annotations

from temporalio.client import Client

from byteport.contracts.checkpoints import CHECKPOINT, FOLLOW, Following, FollowLog
from byteport.contracts.workflows import Installation
from byteport.domain.ids import checkpoint_id
from byteport.temporal.standing_runs import see_to


async def start_checkpoints(client: Client, installation: Installation, following: Following) -> str:
    """See to it that the log is signed, at the pace and by the witnesses that are set now. Returns the workflow id.

    By message, so that a run which is open already hears what has changed. Raises `Unavailable` and `NotPermitted`.
    """
    return await see_to(
        client,
        installation,
        CHECKPOINT,
        FollowLog(installation=installation, following=following),
        workflow_id=checkpoint_id(installation.cluster_uid),
        summary=f"checkpoints of the log of cluster {installation.cluster_name}",
        message=FOLLOW,
        said=[following],
    )

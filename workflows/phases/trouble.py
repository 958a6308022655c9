"""Tell the storm watch that this target is in trouble, and when that is over.

`diagnose.py` begins it once the cause is known; it runs beside what follows and is never waited for before an act.
`remediation.py` ends it. A storm watch that cannot be told delays nothing but the end of a run, and that not for long.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from byteport.contracts.orchestration import REPORT_TROUBLE, ReportTrouble
from byteport.contracts.workflows import Trouble
from byteport.errors import BytePortError
from byteport.kubernetes.factors import factors_of
from byteport.kubernetes.situation import Situation
from temporalio import workflow

from workflows.incident import Incident
from workflows.perform import perform

PATCH = "storm"


def tell(incident: Incident, situation: Situation) -> None:
    """Say that the trouble is real: diagnosed, not silent, not too early. The same is said once."""
    diagnosis = incident.diagnosis
    if diagnosis is None or not workflow.patched(PATCH):
        return
    trouble = Trouble(
        target=incident.start.target,
        failure=incident.the_signal.failure,
        cause=diagnosis.cause,
        incident_id=incident.incident_id,
        factors=factors_of(situation, diagnosis),
        at=workflow.now(),
    )
    before = incident.trouble
    if before is not None and (before.cause, before.factors) == (trouble.cause, trouble.factors):
        return
    incident.trouble = trouble
    incident.telling = asyncio.create_task(_told(incident, trouble, after=incident.telling))


async def hear_again(incident: Incident, within: timedelta) -> None:
    """Tell the same once more, which is harmless, to hear how it stands with the others; of a storm watch that does not answer
    `within` a while nothing is heard. One telling at a time, and an end waits for it: told after its end, a trouble would stand."""
    incident.among_undiagnosed = False
    if incident.trouble is None:
        return
    if incident.telling is not None and not incident.telling.done():
        await workflow.wait([incident.telling], timeout=within.total_seconds())
        return
    incident.telling = asyncio.create_task(_told(incident, incident.trouble, after=None, within=within))
    await workflow.wait([incident.telling])


async def over(incident: Incident) -> None:
    """Say that it is over, if it was ever told."""
    if incident.trouble is None:
        return
    ended = incident.trouble.model_copy(update={"over": True, "at": workflow.now()})
    incident.trouble = None
    await _told(incident, ended, after=incident.telling)


async def _told(
    incident: Incident, trouble: Trouble, *, after: asyncio.Task[None] | None, within: timedelta | None = None
) -> None:
    """One after the other, so that an end is never heard before its beginning."""
    if after is not None:
        await workflow.wait([after])
    try:
        call = ReportTrouble(trouble=trouble)
        heard = await perform(REPORT_TROUBLE, call, cluster_uid=incident.cluster_uid, within=within)
        incident.among_many, incident.among_undiagnosed = heard.many, heard.undiagnosed
    except BytePortError:
        incident.note("the storm watch could not be told")

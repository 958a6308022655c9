"""One postmortem: file it, and record where it lies.

Started by `phases/telling.py` as an abandoned child of a remediation that closes. The log is never changed, so that the address is a
record of its own; it says `reobserved`, and nothing of the repair.
"""

from __future__ import annotations

from datetime import timedelta

from byteport.contracts.ledger import RECORD
from byteport.contracts.postmortems import FILE_POSTMORTEM, POSTMORTEM, PostmortemClosed, WritePostmortem
from byteport.errors import BytePortError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.perform import perform

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 6 * 60, 24 * 60, 48 * 60))
"""Until it is tried again, whatever kept it from being filed: a token that has ended is a person's to renew."""


@workflow.defn(name=POSTMORTEM)
class PostmortemWorkflow:
    """Files a postmortem once, however often it is tried."""

    @workflow.run
    async def run(self, call: WritePostmortem) -> PostmortemClosed:
        uid = call.told.cluster_uid
        try:
            url = await self._filed(call)
            draft = call.record.model_copy(update={"postmortem_url": url, "note": "the postmortem is filed"})
            await perform(RECORD, draft, cluster_uid=uid, summary="Record where the postmortem lies")
        except BytePortError as error:
            raise ApplicationError(error.message, type=error.code, non_retryable=True) from error
        return PostmortemClosed(url=url)

    async def _filed(self, call: WritePostmortem) -> str:
        for pause in PAUSES:
            try:
                return (await perform(FILE_POSTMORTEM, call.told, cluster_uid=call.told.cluster_uid)).url
            except BytePortError as error:
                workflow.logger.warning("the postmortem of %s is not filed yet: %s", call.told.incident_id, error.code)
            await workflow.sleep(pause, summary="until the postmortem is filed again")
        return (await perform(FILE_POSTMORTEM, call.told, cluster_uid=call.told.cluster_uid)).url

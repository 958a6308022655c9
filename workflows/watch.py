"""The endless watch of one cluster, as activities of bounded life that hand their bookmarks over.

Started by every worker's start under one id. Only a fresh activity renews code, credentials and attempt count, so each
lives an hour at most; on a worker's shutdown it returns where it was, and the next one goes on from there.
"""

from __future__ import annotations

from datetime import timedelta

from byteport.contracts.kubernetes import WATCH_CLUSTER, WatchCluster
from byteport.contracts.workflows import WATCH, Watch
from byteport.errors import BytePortError, TemporaryError
from temporalio import workflow

from workflows.perform import perform

SOON = timedelta(seconds=2)
LATER = timedelta(seconds=60)
"""After a refusal, which only an administrator can end: a watch that gave up would leave the cluster unseen."""


@workflow.defn(name=WATCH)
class WatchWorkflow:
    """Never ends by itself; continues as new when its history has grown."""

    @workflow.run
    async def run(self, call: Watch) -> None:
        bookmarks, reported = call.bookmarks, 0
        while not workflow.info().is_continue_as_new_suggested():
            try:
                watched = await perform(
                    WATCH_CLUSTER,
                    WatchCluster(cluster_uid=call.installation.cluster_uid, bookmarks=bookmarks),
                    cluster_uid=call.installation.cluster_uid,
                )
            except BytePortError as error:
                again = SOON if isinstance(error, TemporaryError) else LATER
                workflow.set_current_details(f"cannot watch: {error.message}")
                await workflow.sleep(again, summary="the watch was cut; begin again")
                continue
            bookmarks, reported = watched.bookmarks, reported + watched.reported
            workflow.set_current_details(f"{reported} symptom(s) reported since this run began")
        workflow.continue_as_new(call.model_copy(update={"bookmarks": bookmarks}))

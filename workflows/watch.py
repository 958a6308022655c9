"""The endless watch of one cluster, as activities of bounded life that hand their bookmarks over.

Started by every worker's start under one id. Only a fresh activity renews code, credentials and attempt count, so each
lives an hour at most; on a worker's shutdown it returns where it was, and the next one goes on from there.

It also tells people when what holds the agent is not whole, and when it is whole again: each set of findings once, however
often processes start and look, because what was told is kept here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from byteport.contracts.kubernetes import WATCH_CLUSTER, BoundaryNews, WatchCluster
from byteport.contracts.people import NOTIFY, Ending, Notice
from byteport.contracts.workflows import WATCH, Told, Watch
from byteport.domain.reasons import Reason
from byteport.errors import BytePortError, TemporaryError
from temporalio import workflow

from workflows.perform import perform
from workflows.phases.beside import Beside
from workflows.phases.escalate import TOLD_WHOLE

SOON = timedelta(seconds=2)
LATER = timedelta(seconds=60)
"""After a refusal, which only an administrator can end: a watch that gave up would leave the cluster unseen."""
TOLD_EVERY = timedelta(minutes=10)
"""The least time between two notices of the boundary: who may bind something here and there must not page all night."""


@workflow.defn(name=WATCH)
class WatchWorkflow:
    """Never ends by itself; continues as new when its history has grown."""

    @workflow.init
    def __init__(self, call: Watch) -> None:
        self._installation, self._told = call.installation, call.told
        self._beside = Beside(lambda: None)

    @workflow.run
    async def run(self, call: Watch) -> None:
        bookmarks, reported = call.bookmarks, 0
        while not (workflow.info().is_continue_as_new_suggested() and self._beside.idle):
            try:
                watched = await perform(
                    WATCH_CLUSTER,
                    WatchCluster(
                        cluster_uid=call.installation.cluster_uid,
                        bookmarks=bookmarks,
                        told=self._told.digest,
                        tell_after=self._tell_after(),
                    ),
                    cluster_uid=call.installation.cluster_uid,
                )
            except BytePortError as error:
                again = SOON if isinstance(error, TemporaryError) else LATER
                workflow.set_current_details(f"cannot watch: {error.message}")
                await workflow.sleep(again, summary="the watch was cut; begin again")
                continue
            bookmarks, reported = watched.bookmarks, reported + watched.reported
            if watched.boundary is not None:
                self._hear(watched.boundary)
            workflow.set_current_details(f"{reported} symptom(s) reported since this run began")
        workflow.continue_as_new(call.model_copy(update={"bookmarks": bookmarks, "told": self._told}))

    def _tell_after(self) -> datetime | None:
        return self._told.at + TOLD_EVERY if self._told.at is not None else None

    def _hear(self, news: BoundaryNews) -> None:
        """One notice, while the watch goes on; the next activity begins with what people are told now."""
        before = self._told
        self._told = Told(digest=news.digest, number=before.number + 1, at=workflow.now())
        self._beside.do(self._tell(self._notice(news, self._told.number), self._told, before))

    async def _tell(self, notice: Notice, now: Told, before: Told) -> None:
        """What could not be delivered is as if never told, so that a later activity has it told again."""
        try:
            await perform(
                NOTIFY, notice, cluster_uid=self._installation.cluster_uid, summary="Tell people: the boundary"
            )
        except BytePortError:
            if self._told is now:
                self._told = before
            raise

    def _notice(self, news: BoundaryNews, number: int) -> Notice:
        whole = not news.digest
        chain = workflow.info().first_execution_run_id
        one = workflow.patched(TOLD_WHOLE)  # what is told of it later joins what was told first, and ends with it
        return Notice(
            key=f"boundary:{chain}:{number}:{news.digest}",
            incident_id=f"boundary-{chain}" if one else f"boundary-{chain}-{number}",
            workflow_id=workflow.info().workflow_id,
            cluster=self._installation.cluster_name,
            rung=0 if whole else 1,
            title="The boundary is whole again" if whole else "The boundary is not whole: nothing is done alone",
            runbook="none",
            target=self._installation.cluster_name,
            cause="boundary",
            reasons=() if whole else (Reason.BOUNDARY_NOT_WHOLE,),
            evidence=news.findings,
            command=None,
            inverse_command=None,
            how_to_answer=None,
            at=workflow.now(),
            ending=Ending.OVER if whole and one else None,
        )

"""The daily pruning of one cluster's log, for as long as there is one; `retention:{cluster uid}`.

Started by every worker's start under one id, as the watch is. What is old enough and what must stay, the ledger decides
(`activities/audit/retention.py`); this run asks it for one portion after another, once a day. It also sees to it that no
request for erasure is without the run that carries it out (`erasure.py`): Temporal may have been down when it was made.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from byteport.contracts.people import NOTIFY, Notice
from byteport.contracts.retention import (
    LIST_ERASURES,
    PRUNE,
    RETENTION,
    START_ERASURE,
    ListErasures,
    Prune,
    Pruned,
    Retain,
    RetentionState,
    StartErasure,
)
from byteport.contracts.workflows import STATE
from byteport.errors import BytePortError
from temporalio import workflow

from workflows.perform import perform

EVERY = timedelta(days=1)
AFTER_FAILURE = timedelta(hours=1)
PATIENCE = timedelta(days=1)
"""So long it may fail before people hear of it, and so long until they hear again."""
MOST_PORTIONS = 200
"""In one round; then the history is renewed, and the next round begins at once."""
MOST_PAGES = 10
"""Of requests for erasure in one round, a hundred each; then as with portions."""
ROUNDS = 30
"""A month of days; then the history is renewed, however short it is."""


@workflow.defn(name=RETENTION)
class RetentionWorkflow:
    """Never ends by itself; continues as new."""

    @workflow.init
    def __init__(self, start: Retain) -> None:
        self._start = start
        self._failing_since, self._told_at, self._next_at = start.failing_since, start.told_at, start.next_at
        self._seen_to = start.seen_to
        self._failing = ""
        self._pruned = 0
        self._last: Pruned | None = None

    @workflow.run
    async def run(self, _start: Retain) -> None:
        for _ in range(ROUNDS):
            await self._until_due()
            more = await self._round()
            now = workflow.now()
            self._next_at = now if more else now + (AFTER_FAILURE if self._failing else EVERY)
            self._show()
            if more or workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new(self._carried())

    async def _until_due(self) -> None:
        if self._next_at is not None and (remains := self._next_at - workflow.now()) > timedelta(0):
            await workflow.sleep(remains, summary="until it is pruned again")

    async def _round(self) -> bool:
        """Prune, and start what is missing. Gives whether there is more to prune at once."""
        self._failing, more = "", False
        for work in (self._prune, self._see_to_erasures):
            try:
                more = await work() or more
            except BytePortError as error:
                self._failing = error.message
        await self._tell_if_it_lasts()
        return more

    async def _prune(self) -> bool:
        for _ in range(MOST_PORTIONS):
            call = Prune(cluster_uid=self._uid, now=workflow.now())
            pruned = await perform(PRUNE, call, cluster_uid=self._uid)
            self._pruned, self._last = self._pruned + pruned.records, pruned
            if not pruned.more:
                return False
        return True

    async def _see_to_erasures(self) -> bool:
        """A hundred after the other, and never the same ones alone: those that are held must not keep others from being done."""
        for _ in range(MOST_PAGES):
            call = ListErasures(cluster_uid=self._uid, after=self._seen_to)
            found = await perform(LIST_ERASURES, call, cluster_uid=self._uid)
            for request in found.requests:
                await perform(START_ERASURE, StartErasure(request=request), cluster_uid=self._uid)
            if not found.more or not found.requests:
                self._seen_to = ""
                return False
            self._seen_to = found.requests[-1].request_id
        return True

    async def _tell_if_it_lasts(self) -> None:
        """Page when it has failed for a day, and each day after that until it does not."""
        now = workflow.now()
        if not self._failing:
            self._failing_since = self._told_at = None
            return
        since = self._failing_since = self._failing_since or now
        if now - (self._told_at or since) < PATIENCE:
            return
        try:
            await perform(NOTIFY, self._notice(since, now), cluster_uid=self._uid, summary="Tell people: no pruning")
        except BytePortError:
            workflow.logger.error("nobody could be told that the log is not pruned")
            return
        self._told_at = now

    def _notice(self, since: datetime, now: datetime) -> Notice:
        installation = self._start.installation
        return Notice(
            key=f"retention:{workflow.info().first_execution_run_id}:{now:%Y%m%dT%H}",
            incident_id="retention",
            workflow_id=workflow.info().workflow_id,
            cluster=installation.cluster_name,
            rung=1,
            title=f"The audit log has not been pruned since {since:%Y-%m-%d %H:%M} UTC: older bodies stay",
            runbook="none",
            target=installation.cluster_name,
            cause="retention_failing",
            reasons=(),
            evidence=(self._failing,),
            command=None,
            inverse_command=None,
            how_to_answer="byteport doctor",
            at=now,
        )

    def _carried(self) -> Retain:
        return self._start.model_copy(
            update={
                "failing_since": self._failing_since,
                "told_at": self._told_at,
                "next_at": self._next_at,
                "seen_to": self._seen_to,
            }
        )

    def _show(self) -> None:
        lines = [f"- **Pruned since this run began**: {self._pruned} bodies"]
        if self._last is not None:
            lines.append(f"- **Kept**: what is not older than {self._last.before:%Y-%m-%d %H:%M} UTC")
            lines += [f"- **In its way**: {one.says()}" for one in self._last.obstacles]
        if self._failing:
            lines.append(f"- **Failing**: {self._failing}")
        if self._next_at is not None:
            lines.append(f"- **Again**: {self._next_at:%Y-%m-%d %H:%M} UTC")
        workflow.set_current_details("\n".join(lines))

    @property
    def _uid(self) -> str:
        return self._start.installation.cluster_uid

    @workflow.query(name=STATE)
    def state(self) -> RetentionState:
        return RetentionState(pruned=self._pruned, last=self._last, next_at=self._next_at, failing=self._failing)

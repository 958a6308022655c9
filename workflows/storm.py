"""Many troubles at once are one trouble: `auto` pauses, and one page goes out for all of them.

Fed by messages from the remediations (`phases/trouble.py`, through `orchestration.report_trouble`), each of which is
folded into what is known by target and failure, so that ten thousand messages about five hundred targets are five
hundred entries. It is renewed while they come, however long they do. What stops the agent is the ledger's row; this run only says when it is set and when it is taken away.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from byteport.contracts.kubernetes import COUNT_TARGETS, CountTargets
from byteport.contracts.ledger import SetStorm
from byteport.contracts.workflows import (
    ACKNOWLEDGE,
    STATE,
    STORM,
    TROUBLE,
    Acknowledge,
    StormAct,
    StormState,
    Trouble,
    WatchStorm,
)
from byteport.domain import storms
from byteport.errors import BytePortError
from temporalio import workflow

from workflows.perform import perform
from workflows.phases import storm_words as words
from workflows.phases.storm_acts import StormActs
from workflows.phases.storm_renewal import PATCH, Renewal

COUNT_EVERY = timedelta(minutes=1)


@workflow.defn(name=STORM)
class StormWorkflow:
    """Counts, pauses, pages until somebody takes it over, and ends the pause when it has been calm for long enough."""

    @workflow.init
    def __init__(self, start: WatchStorm) -> None:
        self._start = start
        self._known = {words.key_of(trouble): trouble for trouble in start.troubles}
        self._storm_no, self._since, self._of = start.storm_no, start.since, start.of
        self._rung, self._paged_at, self._acknowledged = start.rung, start.paged_at, start.acknowledged
        self._calm_since = start.calm_since
        self._counted_at: datetime | None = start.counted_at
        self._news = True
        self._told = start.acknowledged is not None if start.told is None else start.told
        self._acts = StormActs(self._uid, self._wake)
        self._renewal = Renewal(self._acts)

    @workflow.run
    async def run(self, start: WatchStorm) -> StormState:
        self._renewal.by_patch = workflow.patched(PATCH)
        for act in start.under_way:
            self._acts.begin(act)
        goes_on = self._renewal.by_patch and workflow.info().continued_run_id is not None
        if self._storm_no == 0 and not goes_on:
            self._set(self._tally(), on=False)  # a chain begins: what a run that was terminated has left on is nobody's
        while True:
            self._news = False
            await self._judge()
            if self._renewal.due(len(self._known)) and await self._renewal.may_be():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._carried())
            if not await self._something_happens() and self._over():
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self._news:
                    return self.state()

    # -- counting ---------------------------------------------------------------------------------------------------

    async def _judge(self) -> None:
        rule, seen = self._start.rule, self._tally()
        if self._since is None:
            if storms.must_count(rule, seen):
                await self._count()
                seen = self._tally()
            if storms.begins(rule, seen, self._of):
                self._begin(seen)
        else:
            self._climb(seen)
            if self._of is None and storms.must_count(rule.halved(), seen):
                await self._count()
                seen = self._tally()
            self._calm_down(seen)
        workflow.set_current_details(words.details(self.state(), self._acknowledged))

    def _tally(self) -> storms.Tally:
        """Of the troubles that began within the window; in a storm, of all since shortly before it."""
        since = (self._since or workflow.now()) - timedelta(seconds=self._start.rule.window_seconds)
        by_target: dict[str, tuple[str, ...]] = {}
        for trouble in self._known.values():
            if trouble.at > since:
                ref = trouble.target.ref
                by_target[ref] = by_target.get(ref, ()) + trouble.factors
        return storms.tally(by_target)

    async def _count(self) -> None:
        """How many targets there are, at most once a minute. Nobody knows when the cluster does not say."""
        if self._counted_at is not None and workflow.now() - self._counted_at < COUNT_EVERY:
            return
        self._counted_at = workflow.now()
        try:
            counted = await perform(COUNT_TARGETS, CountTargets(cluster_uid=self._uid), cluster_uid=self._uid)
        except BytePortError:
            self._of = None
            return
        self._of = counted.workloads + counted.nodes

    # -- what follows -----------------------------------------------------------------------------------------------

    def _begin(self, seen: storms.Tally) -> None:
        self._storm_no += 1
        self._since, self._calm_since = workflow.now(), None
        self._rung, self._paged_at, self._acknowledged, self._told = 0, None, None, False
        self._set(seen, on=True)
        self._climb(seen)

    def _climb(self, seen: storms.Tally) -> None:
        """Page the first rung at once, and the next when one has had its time, until somebody takes it over."""
        if self._acknowledged is not None:
            if not self._told:
                self._told = True
                draft = words.acknowledgement(self._start.installation, self._number, self._acknowledged)
                self._acts.begin(StormAct(record=draft))
            return
        due = self._next_rung_at()
        if due is None or workflow.now() < due:
            return
        self._rung, self._paged_at = self._rung + 1, workflow.now()
        notice = words.notice(self._start.installation, self._number, self._rung, seen, self._of)
        self._acts.begin(StormAct(page=notice))

    def _next_rung_at(self) -> datetime | None:
        if self._paged_at is None:
            return workflow.now()
        rungs = self._start.ladder.rung_seconds
        if self._rung > len(rungs):
            return None
        return self._paged_at + timedelta(seconds=rungs[self._rung - 1])

    def _calm_down(self, seen: storms.Tally) -> None:
        if not storms.calms(self._start.rule, seen, self._of):
            self._calm_since = None
            return
        self._calm_since = self._calm_since or workflow.now()
        if workflow.now() >= self._calm_since + timedelta(seconds=self._start.rule.calm_seconds):
            self._set(seen, on=False)
            self._since = self._calm_since = None

    def _set(self, seen: storms.Tally, *, on: bool) -> None:
        """Say it in the ledger: one after the other, and until the ledger has it, but without holding up the pages."""
        call = SetStorm(
            cluster_uid=self._uid,
            on=on,
            key=f"{self._number}:{'on' if on else 'off'}",
            factor=seen.says(),
            in_trouble=seen.targets,
            of=self._of or 0,
            workflow_id=workflow.info().workflow_id,
        )
        self._acts.begin(StormAct(pause=call))

    # -- waiting ----------------------------------------------------------------------------------------------------

    async def _something_happens(self) -> bool:
        """Wait for a message, or for what comes by time alone; False when it was the time."""
        try:
            await workflow.wait_condition(
                lambda: self._news or (self._renewal.due(len(self._known)) and self._renewal.needs_no_wait()),
                timeout=self._pause(),
                timeout_summary="the storm's next look" if self._since else "nothing is in trouble any more",
            )
        except TimeoutError:
            return False
        return True

    def _pause(self) -> timedelta:
        now, rule = workflow.now(), self._start.rule
        if self._since is None:
            idle = timedelta(seconds=rule.window_seconds)
            again = self._counted_at + COUNT_EVERY - now if self._counted_at is not None else idle
            return max(timedelta(seconds=1), min(idle, again) if storms.must_count(rule, self._tally()) else idle)
        times = [now + timedelta(seconds=rule.calm_seconds)]
        if self._calm_since is not None:
            times.append(self._calm_since + timedelta(seconds=rule.calm_seconds))
        due = self._next_rung_at() if self._acknowledged is None else None
        if due is not None:
            times.append(due)
        return max(timedelta(seconds=1), min(times) - now)

    def _over(self) -> bool:
        """Nothing is in trouble that could still be part of a storm, and nothing is under way."""
        return self._since is None and not self._news and self._acts.idle and self._tally().targets == 0

    def _carried(self) -> WatchStorm:
        return self._start.model_copy(
            update={
                "troubles": words.carried(self._known.values()),
                "storm_no": self._storm_no,
                "since": self._since,
                "of": self._of,
                "rung": self._rung,
                "paged_at": self._paged_at,
                "acknowledged": self._acknowledged,
                "calm_since": self._calm_since,
                "told": self._told,
                "counted_at": self._counted_at,
                "under_way": self._acts.under_way,
            }
        )

    @property
    def _uid(self) -> str:
        return self._start.installation.cluster_uid

    @property
    def _number(self) -> str:
        """Names one storm for good: the first run of this chain, and its count."""
        return f"{workflow.info().first_execution_run_id}:{self._storm_no}"

    def _wake(self) -> None:
        self._news = True

    # -- messages ---------------------------------------------------------------------------------------------------

    @workflow.signal(name=TROUBLE)
    def trouble(self, told: Trouble) -> None:
        """A target is in trouble, or no longer. Told again, it is the same trouble; only its own end ends it."""
        self._renewal.messages += 1
        key = words.key_of(told)
        known = self._known.get(key)
        if told.over:
            if known is not None and known.incident_id == told.incident_id:
                del self._known[key]
                self._news = True
            return
        if known is not None and known.incident_id == told.incident_id and known.factors == told.factors:
            return
        same = known is not None and known.incident_id == told.incident_id
        began = known.at if known is not None and same else workflow.now()
        self._known.pop(key, None)
        self._known[key] = told.model_copy(update={"at": began})
        if len(self._known) > words.MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._news = True

    @workflow.signal(name=ACKNOWLEDGE)
    def acknowledge(self, by: Acknowledge) -> None:
        """A person takes the storm over. The first one counts, and only while there is a storm; a pager's word is for its own."""
        ours = by.of_incident in (None, f"storm-{self._number}")
        if self._since is not None and self._acknowledged is None and ours:
            self._acknowledged = by
            self._news = True

    @workflow.update(name=ACKNOWLEDGE)
    def acknowledge_at_once(self, by: Acknowledge) -> None:
        """The same, where the run may have no more messages."""
        self.acknowledge(by)

    @workflow.query(name=STATE)
    def state(self) -> StormState:
        seen = self._tally()
        return StormState(
            on=self._since is not None,
            since=self._since,
            in_trouble=seen.targets,
            of=self._of,
            factor=seen.says(),
            paged=self._rung > 0 and self._since is not None,
        )

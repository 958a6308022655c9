"""One poll of one source of metrics, as its Schedule starts it: read, hand over what is above its threshold, remember.

What it remembers (where to go on, which stretches were told, since when it fails, what its identity may do) is its result, which
Temporal gives to the next run of the same Schedule: nothing grows, and a run that is lost loses no more than its own poll. As with
exports, that place moves only when the cluster's worker has taken the symptoms: a poll that cannot hand them over is done again.
Before it come `byteport/temporal/schedules.py`, `activities/cloud/rights.py` and `activities/cloud/poll.py`; after it
`activities/kubernetes/outside.py`, which finds whose the symptoms are.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from byteport.contracts.cloud import METRIC_POLL, POLL_METRICS, MetricPoll, Polled, PollMetrics, PollState, Stretch
from byteport.contracts.people import NOTIFY, Notice
from byteport.contracts.symptoms import MOST_SYMPTOMS, REPORT_SYMPTOMS, Fate, OutsideSymptom, ReportSymptoms
from byteport.errors import BytePortError, TemporaryError, Throttled
from temporalio import workflow

from workflows.perform import perform
from workflows.phases import poll_words as words
from workflows.phases.rights import Rights

TRIES = 3
"""So many polls that fail in a row are somebody's business."""
TELLING = timedelta(seconds=45)
"""So long a page may take: a pager that is down must not keep the next poll from beginning."""
LONGEST_REASON = 600


@workflow.defn(name=METRIC_POLL)
class MetricPollWorkflow:
    """Ends after one poll, well or not; it fails only when it is ended from outside."""

    @workflow.init
    def __init__(self, call: MetricPoll) -> None:
        self._call = call
        self._uid = call.installation.cluster_uid
        self._before, self._afresh = _last()
        self._rights = Rights(call, self._before.rights)

    @workflow.run
    async def run(self, call: MetricPoll) -> PollState:
        state = await self._polled()
        workflow.set_current_details(words.details(call, state, afresh=self._afresh))
        return await self._told(state)

    async def _polled(self) -> PollState:
        """What this poll hands to the next one."""
        try:
            self._must_not_be_put_off()
            await self._rights.look()
            if self._rights.refuse:
                return self._before.model_copy(update={"rights": self._rights.last})
            polled = await self._poll()
            fates = await self._report(polled.symptoms)
        except BytePortError as error:
            return self._failed(error)
        return self._read(polled, fates)

    def _must_not_be_put_off(self) -> None:
        """A source that has asked for time is given it, however often the Schedule begins a poll. Raises `Throttled`."""
        until = self._before.put_off_until
        if until is not None and workflow.now() < until:
            raise Throttled(words.put_off(self._call, until))

    # -- reading and handing over -----------------------------------------------------------------------------------

    async def _poll(self) -> Polled:
        before = self._before
        call = PollMetrics(
            cluster_uid=self._uid,
            source=self._call.source,
            since=before.until,
            skew_seconds=before.skew_seconds,
            open=before.open,
        )
        summary = f"Read metrics of {self._call.source.value}"
        return await perform(POLL_METRICS, call, cluster_uid=self._uid, summary=summary)

    async def _report(self, symptoms: tuple[OutsideSymptom, ...]) -> dict[str, Fate]:
        """What became of each, by its evidence."""
        fates: dict[str, Fate] = {}
        for first in range(0, len(symptoms), MOST_SYMPTOMS):
            batch = symptoms[first : first + MOST_SYMPTOMS]
            call = ReportSymptoms(cluster_uid=self._uid, symptoms=batch)
            reported = await perform(REPORT_SYMPTOMS, call, cluster_uid=self._uid)
            for symptom, fate in zip(batch, reported.fates, strict=False):
                if not symptom.over:
                    fates[symptom.evidence_digest] = fate
        return fates

    def _read(self, polled: Polled, fates: dict[str, Fate]) -> PollState:
        return PollState(
            until=polled.until,
            skew_seconds=polled.skew_seconds,
            open=tuple(self._with_fate(stretch, fates) for stretch in polled.open),
            failing_since=self._before.failing_since if self._before.told else None,
            told=self._before.told,
            series=polled.series,
            reported=sum(fate is Fate.REPORTED for fate in fates.values()),
            truncated=polled.truncated,
            rights=self._rights.last,
        )

    def _with_fate(self, stretch: Stretch, fates: dict[str, Fate]) -> Stretch:
        fate = fates.get(stretch.digest)
        if fate is None:
            return stretch
        return stretch.model_copy(update={"fate": fate, "told_at": workflow.now()})

    def _failed(self, error: BytePortError) -> PollState:
        """As if this poll had not been, but for that it failed, and until when its source has put us off."""
        until = self._before.put_off_until
        if isinstance(error, TemporaryError) and error.delay is not None:
            until = workflow.now() + error.delay
        return self._before.model_copy(
            update={
                "failures": self._before.failures + 1,
                "failing_since": self._before.failing_since or workflow.now(),
                "because": error.message[:LONGEST_REASON],
                "put_off_until": until,
                "rights": self._rights.last,
            }
        )

    # -- telling people ---------------------------------------------------------------------------------------------

    async def _told(self, state: PollState) -> PollState:
        """Page once when it has failed for long, and tell once when that is over. What did not arrive is told again."""
        if state.failures >= TRIES and not state.told:
            told = await self._tell(words.notice(self._call, state, rung=1))
            state = state.model_copy(update={"told": told})
        elif not state.failures and state.told and await self._tell(words.notice(self._call, state, rung=0)):
            state = state.model_copy(update={"told": False, "failing_since": None})
        news = self._rights.news()
        if news is not None and await self._tell(news):
            state = state.model_copy(update={"rights": self._rights.told()})
        return state

    async def _tell(self, notice: Notice) -> bool:
        """Whether it arrived."""
        summary = f"Tell people: {notice.title}"
        try:
            await asyncio.wait_for(
                perform(NOTIFY, notice, cluster_uid=self._uid, summary=summary), TELLING.total_seconds()
            )
        except (BytePortError, TimeoutError):
            return False
        return True


def _last() -> tuple[PollState, bool]:
    """What the poll before has handed on, and whether that could not be read: of another version, or changed by somebody.

    Nothing of a poll is worth its never being done again, so it begins anew: what is above its threshold is told once more, and joins
    the incident that it is of. An error here would leave each run of the Schedule retrying its task for ever.
    """
    if not workflow.has_last_completion_result():
        return PollState(), False
    try:
        return workflow.get_last_completion_result(PollState) or PollState(), False
    except (ValueError, LookupError, TypeError, RuntimeError):
        return PollState(), True

"""One poll of one source of metrics, as its Schedule starts it: read, hand over what is above its threshold, remember.

What it remembers (where to go on, which stretches were told, since when it fails) is its result, which Temporal gives to
the next run of the same Schedule: nothing grows, and a run that is lost loses no more than its own poll. As with exports,
that place moves only when the cluster's worker has taken the symptoms: a poll that cannot hand them over is done again.
Before it come `byteport/temporal/schedules.py` and `activities/cloud/poll.py`; after it
`activities/kubernetes/outside.py`, which finds whose the symptoms are.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from byteport.contracts.cloud import METRIC_POLL, POLL_METRICS, MetricPoll, Polled, PollMetrics, PollState, Stretch
from byteport.contracts.people import NOTIFY, Notice
from byteport.contracts.symptoms import MOST_SYMPTOMS, REPORT_SYMPTOMS, Fate, OutsideSymptom, ReportSymptoms
from byteport.errors import BytePortError
from temporalio import workflow

from workflows.perform import perform
from workflows.phases import poll_words as words

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
        self._before = PollState()
        if workflow.has_last_completion_result():
            self._before = workflow.get_last_completion_result(PollState) or PollState()

    @workflow.run
    async def run(self, call: MetricPoll) -> PollState:
        try:
            polled = await self._poll()
            fates = await self._report(polled.symptoms)
        except BytePortError as error:
            state = self._failed(error)
        else:
            state = self._read(polled, fates)
        workflow.set_current_details(words.details(call, state))
        return await self._told(state)

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
        )

    def _with_fate(self, stretch: Stretch, fates: dict[str, Fate]) -> Stretch:
        fate = fates.get(stretch.digest)
        if fate is None:
            return stretch
        return stretch.model_copy(update={"fate": fate, "told_at": workflow.now()})

    def _failed(self, error: BytePortError) -> PollState:
        """As if this poll had not been, but for that it failed."""
        return self._before.model_copy(
            update={
                "failures": self._before.failures + 1,
                "failing_since": self._before.failing_since or workflow.now(),
                "because": error.message[:LONGEST_REASON],
            }
        )

    # -- telling people ---------------------------------------------------------------------------------------------

    async def _told(self, state: PollState) -> PollState:
        """Page once when it has failed for long, and tell once when that is over. What did not arrive is told again."""
        if state.failures >= TRIES and not state.told:
            return state.model_copy(update={"told": await self._tell(words.notice(self._call, state, rung=1))})
        if not state.failures and state.told and await self._tell(words.notice(self._call, state, rung=0)):
            return state.model_copy(update={"told": False, "failing_since": None})
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

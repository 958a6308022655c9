"""Alerts from outside, looked at in turn: one run that always stands, with an inbox that cannot grow for ever.

The door (`byteport/alerts`, through `byteport/temporal/alerts_intake.py`) hands it batches; the cluster's worker finds whose
they are (`activities/kubernetes/outside.py`) and reports them as the watch would. What no runbook treats, people are told
once; what does not fit is counted, and they are told that, too: a storm of alerts must neither be lost unsaid nor page all night.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from datetime import timedelta

from byteport.contracts.alerts import ALERTS, HAND_IN, AlertBatch, Alerts, AlertsState, Remembered, Untreated
from byteport.contracts.people import NOTIFY, Notice
from byteport.contracts.symptoms import (
    MOST_SYMPTOMS,
    REPORT_SYMPTOMS,
    OutsideSymptom,
    ReportSymptoms,
    SymptomsReported,
)
from byteport.contracts.workflows import STATE
from byteport.domain.signals import alert_of
from byteport.errors import BytePortError, NotPermitted, TemporaryError
from temporalio import workflow

from workflows.perform import perform
from workflows.phases import alert_words as words
from workflows.phases.beside import Beside

MOST_WAITING = 1000
"""Symptoms in the inbox; they are carried in one payload, of which Temporal takes two million bytes."""
MOST_REMEMBERED = 500
MOST_MESSAGES = 200
"""In one run. A server takes back every try to renew a run while a message comes in, and the whole history is then read again:
so it must be short, and a try must cost less time than passes between two messages."""
MOST_AT_ALL = 2000
MOST_BYTES = 16 * 1024 * 1024
"""From here on a look that is under way is not waited for: what it looks at waits in the next run, and is reported once."""
LEGACY_MESSAGES = 2000
"""The same, of a run from before `RENEWS`."""
SEEN_FOR = timedelta(minutes=10)
"""So long the same observation is not looked at again: a source repeats it while it fires, and that is wanted later."""
TOLD_FOR = timedelta(hours=4)
"""The same alert that no runbook treats is told again after that; Alertmanager's own default for repeating."""
MOST_TOLD = 10
"""Notices of single alerts within the hour before; further ones are counted as left out."""
MOST_TOLD_OF_ONE = 5
"""Of these, about the objects of one namespace: whoever writes its rules must not use up what all have."""
MOST_TELLING = 30
"""Notices that are handed on while no channel takes them; of more the oldest are given up."""
HOUR = timedelta(hours=1)
AGAIN = timedelta(seconds=30)
QUIET = timedelta(seconds=0.25)

FIRES_AGAIN = "fires-again"
"""Runs from before it take what is told once more after it was called over for what they have looked at already."""
RENEWS = "renews-while-messages-come"
"""Runs from before it wait until no message comes for a moment, which a steady flow of them never grants."""


@workflow.defn(name=ALERTS)
class AlertsWorkflow:
    """Never ends by itself; continues as new when its history has grown."""

    @workflow.init
    def __init__(self, start: Alerts) -> None:
        self._start = start
        self._waiting = list(start.waiting)
        self._untreated = list(start.untreated)
        self._seen, self._told = list(start.seen), list(start.told)
        self._left_out, self._left_out_told_at = start.left_out, start.left_out_told_at
        self._fates: Counter[str] = Counter()
        self._messages = 0
        self._at_once = MOST_SYMPTOMS
        self._telling = {notice.key: notice for notice in start.telling}
        self._beside = Beside(lambda: None)
        self._renews = False

    @workflow.run
    async def run(self, start: Alerts) -> None:
        self._renews = workflow.patched(RENEWS)
        for notice in start.telling:
            self._say(notice)
        while True:
            await self._something_happens()
            self._tell()
            await self._report()
            workflow.set_current_details(words.details(self.state()))
            if self._full() and await self._may_renew():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._carried())

    # -- looking ----------------------------------------------------------------------------------------------------

    async def _report(self) -> None:
        """The oldest that wait, in one call. A worker that is away leaves them waiting; what is refused is not asked again.

        One that cannot be looked at, or so many that they take too long, must not hold up or take away the others: of a call that
        failed the half is asked next, and one that fails by itself goes to the end, or is counted as left out.
        """
        batch = tuple(self._waiting[: self._at_once])
        if not batch:
            return
        call = ReportSymptoms(cluster_uid=self._uid, symptoms=batch)
        try:
            reported = await self._looked_at(call)
        except BytePortError as error:
            self._at_once = max(1, len(batch) // 2)
            if isinstance(error, TemporaryError):
                if len(batch) == 1:
                    self._waiting = put_off(self._waiting) if self._renews else [*self._waiting[1:], *batch]
                await workflow.sleep(AGAIN, summary="the cluster's worker does not answer")
                return
            if len(batch) > 1 and not isinstance(error, NotPermitted):
                return
            self._fates[error.code] += len(batch)
            self._left_out += len(batch)
        else:
            if reported is None:
                return
            self._at_once = min(MOST_SYMPTOMS, 2 * self._at_once)
            self._fates.update(fate.value for fate in reported.fates)
        del self._waiting[: len(batch)]

    async def _looked_at(self, call: ReportSymptoms) -> SymptomsReported | None:
        """None when the run must be renewed before there is an answer, as while the cluster's worker is away."""
        if not self._renews:
            return await perform(REPORT_SYMPTOMS, call, cluster_uid=self._uid)
        looking = asyncio.create_task(perform(REPORT_SYMPTOMS, call, cluster_uid=self._uid))
        await workflow.wait_condition(lambda: looking.done() or self._overfull())
        return await looking if looking.done() else None

    # -- telling people ---------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """One notice for each alert that no runbook treats, so many an hour; and one an hour for what was left out."""
        now = workflow.now()
        self._told = [one for one in self._told if one.at > now - TOLD_FOR]
        for untreated in self._untreated:
            lately = [one.namespace for one in self._told if one.at > now - HOUR]
            namespace = untreated.subject.namespace or ""
            if any(one.key == untreated.evidence_digest for one in self._told):
                continue
            if len(lately) >= MOST_TOLD or (namespace and lately.count(namespace) >= MOST_TOLD_OF_ONE):
                self._left_out += 1
                continue
            told = Remembered(key=untreated.evidence_digest, at=now, namespace=namespace)
            self._told = [*self._told, told][-MOST_REMEMBERED:]
            self._page(words.of_untreated(self._start.installation, untreated))
        self._untreated = []
        if self._must_say_left_out():
            self._left_out_told_at = now
            self._page(words.of_left_out(self._start.installation, self._left_out))
            self._left_out = 0

    def _must_say_left_out(self) -> bool:
        at = self._left_out_told_at
        return self._left_out > 0 and (at is None or workflow.now() >= at + HOUR)

    def _page(self, notice: Notice) -> None:
        self._telling[notice.key] = notice
        self._say(notice)

    def _say(self, notice: Notice) -> None:
        self._beside.do(self._said(notice))

    async def _said(self, notice: Notice) -> None:
        """Told, or given up. A run that is renewed meanwhile hands it on: whoever was told already is not told again."""
        try:
            await perform(NOTIFY, notice, cluster_uid=self._uid, summary=f"Tell people: {notice.title}")
        finally:
            self._telling.pop(notice.key, None)

    # -- messages ---------------------------------------------------------------------------------------------------

    @workflow.signal(name=HAND_IN)
    def hand_in(self, batch: AlertBatch) -> None:
        """A batch. The same observation within ten minutes waits once; what does not fit is counted."""
        self._messages += 1
        now = workflow.now()
        self._seen = [one for one in self._seen if one.at > now - SEEN_FOR]
        known = {one.key for one in self._seen}
        for symptom in batch.symptoms:
            key = _key(symptom)
            if key in known:
                continue
            if len(self._waiting) >= MOST_WAITING:
                self._left_out += 1
                continue
            known.add(key)
            opposite = _key(symptom.model_copy(update={"over": not symptom.over}))
            if opposite in known and workflow.patched(FIRES_AGAIN):
                known.discard(opposite)
                self._seen = [one for one in self._seen if one.key != opposite]
            self._seen.append(Remembered(key=key, at=now))
            self._waiting.append(symptom)
        self._seen = self._seen[-MOST_REMEMBERED:]
        for untreated in batch.untreated:
            self._keep_untreated(untreated)

    def _keep_untreated(self, untreated: Untreated) -> None:
        if any(one.evidence_digest == untreated.evidence_digest for one in self._untreated):
            return
        if len(self._untreated) >= MOST_REMEMBERED:
            self._left_out += 1
            return
        self._untreated.append(untreated)

    @workflow.query(name=STATE)
    def state(self) -> AlertsState:
        return AlertsState(waiting=len(self._waiting), fates=dict(self._fates), left_out=self._left_out)

    # -- going on ---------------------------------------------------------------------------------------------------

    async def _something_happens(self) -> None:
        """A message, or the time to say what was left out."""
        at = self._left_out_told_at
        pause = at + HOUR - workflow.now() if self._left_out and at is not None else None
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._has_work() or (self._full() and (self._renews or self._beside.idle)),
                timeout=None if pause is None else max(pause, QUIET),
                timeout_summary="say what was left out",
            )

    def _has_work(self) -> bool:
        return bool(self._waiting) or bool(self._untreated) or self._must_say_left_out()

    def _full(self) -> bool:
        most = MOST_MESSAGES if self._renews else LEGACY_MESSAGES
        suggested = workflow.info().is_continue_as_new_suggested()
        return self._messages >= most or suggested or (self._renews and self._overfull())

    def _overfull(self) -> bool:
        """A part of being full: a run that does not wait for its look must be renewed, or it would look once more without end."""
        return self._messages >= MOST_AT_ALL or workflow.info().get_current_history_size() >= MOST_BYTES

    async def _may_renew(self) -> bool:
        """At once: a try that the server takes back is made again with what came meanwhile, and loses nothing."""
        if self._renews:
            return True
        if not self._beside.idle:
            return False
        before = self._messages
        await workflow.sleep(QUIET, summary="until no message comes for a moment")
        return self._messages == before

    def _carried(self) -> Alerts:
        return self._start.model_copy(
            update={
                "waiting": tuple(self._waiting),
                "untreated": tuple(self._untreated),
                "seen": tuple(self._seen),
                "told": tuple(self._told),
                "telling": tuple(self._telling.values())[-MOST_TELLING:],
                "left_out": self._left_out,
                "left_out_told_at": self._left_out_told_at,
            }
        )

    @property
    def _uid(self) -> str:
        return self._start.installation.cluster_uid


def put_off(waiting: list[OutsideSymptom]) -> list[OutsideSymptom]:
    """With the first of them last, and after it what else the same alert has said: an end must not be heard before its beginning."""
    alert = alert_of(waiting[0].evidence_digest)
    others = [one for one in waiting if alert_of(one.evidence_digest) != alert]
    return [*others, *(one for one in waiting if alert_of(one.evidence_digest) == alert)]


def _key(symptom: OutsideSymptom) -> str:
    """By whom, too: what one sender says must not stand for what another would say."""
    by = f" {symptom.sender}" if symptom.sender else ""
    return f"{symptom.evidence_digest}{by}{'!' if symptom.over else ''}"

"""What one incident knows so far: the state that the phases share, and nothing that decides.

`workflows/remediation.py` owns it and answers queries from it; each phase gets it, adds what it learned, and returns
an outcome. `workflows/screen.py` shows it to operators.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Literal

from byteport.contracts.ledger import Decision, Event, RecordDraft, Result
from byteport.contracts.metrics import Fate
from byteport.contracts.workflows import Acknowledge, Moment, Phase, Remediate, State, ToldOver, Trouble
from byteport.domain import ids
from byteport.domain.approvals import SignedAnswer, Taken
from byteport.domain.diagnoses import Diagnosis
from byteport.domain.plans import AnyPlan
from byteport.domain.policy import PolicyConfig, Verdict
from byteport.domain.postmortems import Judged
from byteport.domain.reasons import Reason
from byteport.domain.signals import Signal
from byteport.kubernetes.scaling import UsageSample
from byteport.kubernetes.told_events import EventReason
from byteport.runbooks.base import Runbook
from byteport.runbooks.error_rate import measured_by_others
from temporalio import workflow

from workflows import screen
from workflows.alerts_heard import AlertsHeard
from workflows.phases.beside import Beside
from workflows.phases.outcomes import Go
from workflows.proof import with_a_record
from workflows.tracing import phase_left

MOST_MOMENTS = 200
MOST_SEEN = 256
MOST_NEXT = 100
"""Symptoms kept for the next incident: they are its input, which has an end. The first of them opens it."""
FIRES_AGAIN = "fires-again"
"""Runs from before it hold an alert for over that was called over and is told once more: its source had lost sight of it."""
MOST_DEEDS = 5
MOST_NOT_HEEDED = 5
MOST_SAMPLES = 20


class Incident:
    """One incident of one target and failure. Mutable, and only ever touched by its own workflow."""

    def __init__(self, start: Remediate) -> None:
        info = workflow.info()
        self.start = start
        self.target = start.target
        """With the uid that was read last: whoever reports may know only its name."""
        self.workflow_id = info.workflow_id
        self.first_run_id = info.first_execution_run_id
        self.incident_id = ids.incident_id(self.workflow_id, self.first_run_id, start.incident_no)
        self.opened_at: datetime | None = None
        self.signal: Signal | None = None
        self.next_inbox: list[Signal] = []
        self.seen: list[str] = list(start.seen)
        self.reports = 0
        self.decided = False
        """The outcome stands: what is seen from now on is the next incident's."""
        self.phase = Phase.STARTING
        self.phase_since = workflow.now()
        self.runbook: Runbook | None = None
        self.policy: PolicyConfig | None = None
        self.diagnosis: Diagnosis | None = None
        self.by_others = False
        """It was looked at last by a source's word for failing requests alone. Told at the look, since what the cluster shows
        while people are being told must count as well."""
        self.plan: AnyPlan | None = None
        self.plan_digest: str | None = None
        self.inverse_command: str | None = None
        self.verdict: Verdict | None = None
        self.judged: Judged | None = None
        """What the newest verdict is about."""
        self.reasons: tuple[Reason, ...] = ()
        self.taken: tuple[Taken, ...] = ()
        self.answers: tuple[SignedAnswer, ...] = ()
        """Those that were taken, as they were signed."""
        self.agreed: Go | None = None
        """People's yes to a plan that had to wait for another act: good for exactly that plan, should it come again."""
        self.agreed_by: tuple[Taken, ...] = ()
        self.leased_since: datetime | None = None
        """Since when another act on the same workload has been in the way."""
        self.alarmed = False
        """An alarm stood already when the plan was judged."""
        self.earlier: tuple[UsageSample, ...] = ()
        """What the looks so far have measured, oldest first."""
        self.acknowledged: Acknowledge | None = None
        self.told_over = False
        """A source outside says that it is over, and nobody has looked since."""
        self.alerts = AlertsHeard(start.fires)
        self._not_heeded: set[str] = set()
        """Senders of whom it was said once that they call over what is not theirs."""
        self.touched = False
        """A call of ours took effect on the target, or may have: its end is a person's to see."""
        self.anew = 0
        """How often it was taken up again after people had been told."""
        self.next_action = start.next_action
        self.open_action: str | None = None
        """The action whose intent is recorded and whose outcome is not."""
        self.open_outcome: Literal["done", "unknown"] = "unknown"
        """What is known of it so far."""
        self.deeds: tuple[str, ...] = ()
        """What was done, undone, or not done and why, for people: a refusal names the budget, switch or right."""
        self.events = Beside(lambda: None)
        """Kubernetes Events that are being written. Nothing but the very end of a run waits for them."""
        self.events_told: set[EventReason] = set()
        """Moments of which one was begun."""
        self.trouble: Trouble | None = None
        """What the storm watch was told last, until it is over."""
        self.telling: asyncio.Task[None] | None = None
        self.among_many = self.among_undiagnosed = False
        """Whether so many others began with it that the storm watch may be about to call it a storm, and as many of them are
        still to be diagnosed."""
        self.storm = False
        """It was not paged at once, because a storm was on."""
        self.heard: Acknowledge | None = None
        """Somebody has said in a pager that they are at it, while a plan waits for a yes: nobody else is paged."""
        self.told = False
        """People have had a notice about it."""
        self.passed = False
        """It was over before the storm was, so that nobody needs to be paged."""
        self.decision: Decision | None = None
        self.result: Result | None = None
        self.mttr_seconds: int | None = None
        self.timeline: list[Moment] = []
        self._records = 0
        for signal in start.inbox:
            self.fold(signal)

    # -- symptoms ---------------------------------------------------------------------------------------------------

    def fold(self, signal: Signal) -> Fate:
        """Count a symptom once per evidence digest; keep the newest. After the outcome is decided it opens the next.

        A person who reported stays the reporter, whatever the watch sees later: they may not approve what comes of it.
        """
        if signal.evidence_digest in self.seen:
            if self.alerts.counts_as_over(signal) and workflow.patched(FIRES_AGAIN):
                self.alerts.hear_again(signal)
            return Fate.REPEATED
        self.seen = [*self.seen, signal.evidence_digest][-MOST_SEEN:]
        if self.decided:
            if len(self.next_inbox) < MOST_NEXT:
                self.next_inbox.append(signal)
            return Fate.NEXT
        self.reports += 1
        self.alerts.hear(signal)
        if self.opened_at is None:
            self.opened_at = workflow.now()
        if self._outweighs(signal):
            reporter = self.signal.reporter if self.signal else ""
            self.signal = signal.model_copy(update={"reporter": reporter or signal.reporter, "fires": None})
        return Fate.OPENED if self.reports == 1 else Fate.FOLDED

    def _outweighs(self, signal: Signal) -> bool:
        """The newest counts, but a source's word for failing requests never in place of what the cluster shows or a person asks."""
        known = self.signal
        if known is None or measured_by_others(known) is not measured_by_others(signal):
            return known is None or measured_by_others(known)
        return signal.observed_at >= known.observed_at

    def hear_over(self, told: ToldOver) -> Fate:
        """A source says that what it reported is over: the target is read again at once. Of an end that is not its sender's people
        see once that it was not heeded."""
        words = self.alerts.words
        fate = self.alerts.hear_over(told)
        self.told_over = self.told_over or self.alerts.words > words
        unheard_of = told.sender not in self._not_heeded and len(self._not_heeded) < MOST_NOT_HEEDED
        if fate is Fate.NOT_ITS_SENDERS and unheard_of:
            self._not_heeded.add(told.sender)
            self.note(f"not heeded: {told.sender} calls an alert over that another sender sent")
            workflow.logger.warning("%s calls an alert over that another sender sent: not heeded", told.sender)
        return fate

    @property
    def the_signal(self) -> Signal:
        if self.signal is None:
            raise RuntimeError("an incident is worked on only after its first symptom")
        return self.signal

    @property
    def the_policy(self) -> PolicyConfig:
        return self.policy or PolicyConfig()

    @property
    def cluster_uid(self) -> str:
        return self.start.installation.cluster_uid

    @property
    def runbook_name(self) -> str:
        return self.runbook.name if self.runbook else "none"

    # -- the story so far -------------------------------------------------------------------------------------------

    def enter(self, phase: Phase, what: str) -> None:
        """Move to `phase`, note it on the timeline and show it."""
        left, self.phase = self.phase, phase
        since, self.phase_since = self.phase_since, workflow.now()
        if left is not Phase.STARTING and phase is not left:
            phase_left(left, since, self._about())
        if phase in screen.LOOKED_FOR or (left in screen.LOOKED_FOR and phase is not Phase.CLOSED):
            screen.phase_changed(self)
        self.note(what)

    def _about(self) -> dict[str, str | None]:
        """What a span may say of this incident."""
        return {
            "byteport.workflow_id": self.workflow_id,
            "byteport.incident_id": self.incident_id,
            "byteport.runbook": self.runbook_name,
            "byteport.plan_digest": self.plan_digest,
            "byteport.verdict": self.verdict.kind.value if self.verdict else None,
            "byteport.decision": self.decision.value if self.decision else None,
            "byteport.result": self.result.value if self.result else None,
        }

    def note(self, what: str) -> None:
        self.timeline = [*self.timeline, Moment(at=workflow.now(), what=what)][-MOST_MOMENTS:]
        screen.show(self)

    def deed(self, what: str) -> None:
        """Note what became of an act, so that whoever is paged hears of it."""
        self.deeds = (*self.deeds, what)[-MOST_DEEDS:]
        self.note(what)

    def measured(self, sample: UsageSample | None) -> None:
        """Keep what a look has measured; the same measurement again is none."""
        if sample is not None and (not self.earlier or sample.at > self.earlier[-1].at):
            self.earlier = (*self.earlier, sample)[-MOST_SAMPLES:]

    def hear(self, by: Acknowledge) -> None:
        """A person takes over. A pager's word is for the incident that it paged, and takes no question back."""
        if by.of_incident is not None and by.of_incident != self.incident_id:
            return
        if by.of_incident is not None and self.phase is Phase.AWAITING_APPROVAL:
            if self.heard is None:
                self.heard = by
                self.note(f"{by.by} is at it; the question stays open")
        elif self.acknowledged is None:
            self.acknowledged = by

    def forget_plan(self) -> None:
        """The target is not what the plan was made for: nothing of it is kept for the next one."""
        self.plan = self.plan_digest = self.inverse_command = self.verdict = None
        self.taken, self.answers = (), ()

    def take_up_again(self) -> None:
        """People were told, and it is diagnosed once more: what they are told of next is another thing to them."""
        self.forget_plan()
        self.decision, self.anew = None, self.anew + 1

    def take_action_id(self, plan_digest: str) -> str:
        """A fresh action id; the index is carried through continue-as-new and never used twice."""
        action = ids.action_id(
            self.workflow_id, self.first_run_id, self.start.incident_no, self.next_action, plan_digest
        )
        self.next_action += 1
        return action

    def draft(
        self,
        event: Event,
        decision: Decision,
        result: Result | None,
        *,
        reasons: tuple[Reason, ...] = (),
        plan: AnyPlan | None = None,
        action_id: str | None = None,
        note: str | None = None,
        mttr_seconds: int | None = None,
    ) -> RecordDraft:
        """The next record of this incident. Its key is its place in the incident, so a retry appends nothing more."""
        self._records += 1
        signal = self.the_signal
        shown = plan or self.plan
        return RecordDraft(
            key=f"{self.incident_id}:{self._records}:{event.value}",
            cluster=self.start.installation.cluster_name,
            cluster_uid=self.cluster_uid,
            tenant=self.start.installation.tenant,
            event=event,
            decision=decision,
            result=result,
            incident_id=self.incident_id,
            workflow_id=self.workflow_id,
            runbook=self.runbook_name,
            signal_type=signal.type.value,
            signal_value=signal.value,
            target=self.start.target.ref,
            cause=self.diagnosis.cause.value if self.diagnosis else None,
            command=shown.command if shown else None,
            reasons=reasons,
            plan_digest=self.plan_digest,
            action_id=action_id,
            approver=", ".join(sorted({taken.principal for taken in self.taken})) or None,
            answers=with_a_record(self.answers),
            note=note,
            mttr_seconds=mttr_seconds,
        )

    def state(self) -> State:
        return State(
            phase=self.phase,
            incident_id=self.incident_id,
            incident_no=self.start.incident_no,
            target=self.start.target,
            runbook=self.runbook_name,
            signal=self.signal,
            reports=self.reports,
            cause=self.diagnosis.cause if self.diagnosis else None,
            facts=self.diagnosis.facts if self.diagnosis else (),
            plan_digest=self.plan_digest,
            command=self.plan.command if self.plan else None,
            inverse_command=self.inverse_command,
            verdict=self.verdict.kind.value if self.verdict else None,
            reasons=self.reasons,
            approvals=self.taken,
            decision=self.decision,
            result=self.result,
            timeline=tuple(self.timeline),
        )

"""One remediation: `run` is the story, each phase one function that returns an outcome.

Started by `byteport/temporal/intake.py` with its first symptom (signal-with-start). Symptoms fold into it until its
outcome is decided; after that they open the next incident by continue-as-new.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import assert_never

from byteport.contracts.ledger import FINISH, RECORD, Decision, Event, Finish, Result
from byteport.contracts.workflows import (
    ACKNOWLEDGE,
    REMEDIATION,
    REPORT,
    STATE,
    TOLD_OVER,
    Acknowledge,
    Closed,
    Phase,
    Remediate,
    State,
    ToldOver,
)
from byteport.domain.reasons import Reason
from byteport.domain.signals import Signal
from byteport.errors import BytePortError, NotPermitted
from byteport.runbooks.catalogue import runbook_for
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows import metering, screen
from workflows.incident import Incident
from workflows.perform import perform
from workflows.phases import events
from workflows.phases.act import act
from workflows.phases.close import close_skipped, close_verified, ended, next_incident
from workflows.phases.diagnose import diagnose
from workflows.phases.escalate import escalate, record_acknowledgement, record_declined
from workflows.phases.gate import gate
from workflows.phases.outcomes import (
    Acted,
    Afresh,
    Again,
    Declined,
    Diagnosed,
    Escalate,
    Go,
    HandOver,
    Leased,
    Passed,
    Skip,
    Taken,
    Verified,
)
from workflows.phases.telling import file_postmortem
from workflows.phases.trouble import over
from workflows.phases.verify import revert, verify

MOST_ROUNDS = 5
"""How often a target may change under its plan before a person is asked to look."""
FIRST_SYMPTOM = timedelta(seconds=5)
LONGEST_LEASE = timedelta(minutes=30)
"""How long other acts on the same workload are waited for before a person is asked."""
BETWEEN_TRIES = timedelta(seconds=20)


@workflow.defn(name=REMEDIATION)
class RemediationWorkflow:
    """Signal, diagnose, plan, gate, act, verify, (revert), audit: for one target and one failure."""

    @workflow.init
    def __init__(self, start: Remediate) -> None:
        self._incident = Incident(start)

    @workflow.run
    async def run(self, _start: Remediate) -> Closed:
        incident = self._incident
        try:
            await workflow.wait_condition(lambda: incident.signal is not None, timeout=FIRST_SYMPTOM)
        except TimeoutError:
            return ended(incident)  # started without a symptom: nothing is diagnosed and nothing is recorded
        incident.runbook = runbook_for(incident.the_signal.failure)
        screen.open_run(incident)
        try:
            await self._story_or_cancelled()
        except BytePortError as error:
            raise ApplicationError(error.message, type=error.code, non_retryable=True) from error
        closed = ended(incident)
        screen.close_run(incident)
        await workflow.wait_condition(workflow.all_handlers_finished)
        if incident.next_inbox:
            workflow.continue_as_new(next_incident(incident))
        return closed

    async def _story_or_cancelled(self) -> None:
        try:
            await self._story()
        except asyncio.CancelledError:
            await self._cancelled()
            await over(self._incident)
            raise
        except BytePortError:
            await over(self._incident)
            raise
        await over(self._incident)
        await events.all_told(self._incident)

    async def _story(self) -> None:
        incident = self._incident
        outcome = await self._worked()
        while isinstance(outcome, Escalate) and isinstance(await self._escalated(outcome), Afresh):
            incident.take_up_again()
            outcome = await self._worked()
        match outcome:
            case Skip(reasons=reasons) | HandOver(reasons=reasons):
                await close_skipped(incident, reasons)
            case Verified():
                await close_verified(incident)
            case Declined(reasons=reasons, escalated=escalated):
                incident.reasons = reasons
                incident.decision = Decision.ESCALATED if escalated else Decision.DRY_RUN_PLANNED
                await record_declined(incident)
            case Escalate():
                await record_acknowledgement(incident)
            case never:
                assert_never(never)
        await file_postmortem(incident)

    async def _escalated(self, outcome: Escalate) -> Taken | Passed | Afresh:
        incident = self._incident
        incident.decision = Decision.ESCALATED
        events.handed_over(incident, outcome.reasons)
        return await escalate(incident, outcome, result=incident.result)

    async def _worked(self) -> Skip | HandOver | Escalate | Declined | Verified:
        incident = self._incident
        try:
            outcome = await self._work()
        except BytePortError as error:
            reason = Reason.NOT_PERMITTED if isinstance(error, NotPermitted) else Reason.CANNOT_TELL
            incident.note(f"cannot go on: {error.code}")
            outcome = Escalate((reason,))
        incident.decided = not isinstance(outcome, Escalate)  # an escalated one is not over until somebody takes it
        metering.decided(incident, outcome)
        return outcome

    async def _work(self) -> Skip | HandOver | Escalate | Declined | Verified:
        """From diagnosis to an outcome, starting over while the target changes under the plan."""
        incident = self._incident
        rounds = 0
        while rounds < MOST_ROUNDS:
            rounds += 1
            diagnosed = await diagnose(incident)
            if not isinstance(diagnosed, Diagnosed):
                return diagnosed
            gated = await gate(incident, diagnosed)
            if isinstance(gated, Again):
                incident.forget_plan()
                incident.note("the target changed: the plan and its approval are void")
                continue
            if not isinstance(gated, Go):
                return gated
            acted = await act(incident, gated)
            if isinstance(acted, Again):
                incident.forget_plan()
                continue
            if isinstance(acted, Leased):
                if not await self._wait_for(acted):
                    return Escalate((Reason.TARGET_LEASED,))
                rounds -= 1
                continue
            incident.leased_since = None
            if isinstance(acted, Escalate):
                return acted
            return await self._prove(acted)
        return Escalate((Reason.TARGET_CHANGED,))

    async def _wait_for(self, leased: Leased) -> bool:
        """Let the other act on this workload end, which may end this trouble too. False when it has taken too long."""
        incident = self._incident
        incident.leased_since = incident.leased_since or workflow.now()
        if workflow.now() - incident.leased_since >= LONGEST_LEASE:
            return False
        if not leased.go.auto:
            incident.agreed, incident.agreed_by = leased.go, incident.taken
        incident.enter(Phase.PLANNING, "another act on this workload is under way; waiting until it is over")
        await workflow.sleep(BETWEEN_TRIES, summary="until another act on this workload is over")
        return True

    async def _prove(self, acted: Acted) -> Verified | Escalate:
        incident = self._incident
        events.acted(incident, acted.go.plan)
        outcome = await verify(incident, acted)
        if isinstance(outcome, Verified):
            events.verified(incident, acted.go.plan)
            return outcome
        incident.result = Result.FAILURE
        return Escalate(await revert(incident, acted, outcome))

    async def _cancelled(self) -> None:
        """Somebody cancelled the run: an open intent is ended as what is known of it, and the cancellation recorded."""
        incident = self._incident
        metering.cancelled(incident)
        incident.decision, incident.reasons = Decision.ESCALATED, (Reason.CANCELLED,)
        incident.enter(Phase.CLOSED, "cancelled")
        draft = incident.draft(
            Event.FINISHED,
            Decision.ESCALATED if incident.open_action is None else Decision.ACTED,
            Result.FAILURE if incident.open_action is None else None,
            reasons=(Reason.CANCELLED,),
            action_id=incident.open_action,
        )
        if incident.open_action is None:
            await perform(RECORD, draft, cluster_uid=incident.cluster_uid)
        else:
            call = Finish(action_id=incident.open_action, outcome=incident.open_outcome, verified=None, record=draft)
            await perform(FINISH, call, cluster_uid=incident.cluster_uid)
        await file_postmortem(incident)
        screen.close_run(incident)

    @workflow.signal(name=REPORT)
    def report(self, signal: Signal) -> None:
        """A symptom. The same observation twice counts once."""
        metering.heard(signal.source, self._incident.fold(signal))

    @workflow.signal(name=ACKNOWLEDGE)
    def acknowledge(self, by: Acknowledge) -> None:
        """A person takes over. The first one counts."""
        self._incident.hear(by)

    @workflow.signal(name=TOLD_OVER)
    def told_over(self, told: ToldOver) -> None:
        """The source of a symptom calls it over: what waits for people looks at the target again. It is no proof."""
        fate = self._incident.hear_over(told)
        if told.source is not None:
            metering.heard(told.source, fate)

    @workflow.update(name=ACKNOWLEDGE)
    def acknowledge_at_once(self, by: Acknowledge) -> None:
        """The same where a run may have no more messages: a storm of symptoms must not keep people from taking over."""
        self.acknowledge(by)

    @workflow.query(name=STATE)
    def state(self) -> State:
        return self._incident.state()

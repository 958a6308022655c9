"""One approval: what waits for people, one run each, so that Temporal UI lists it.

Started by the remediation's gate as a child. A late answer starts it without a request: the answer is recorded as
refused, and the run ends. Nobody's remediation id is ever taken by an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from byteport.contracts.ledger import RECORD, Decision, Event, RecordDraft, Result
from byteport.contracts.people import CHECK_ANSWER, NOTIFY, CheckAnswer, Notice
from byteport.contracts.workflows import (
    ANSWER,
    APPROVAL,
    STATE,
    WITHDRAW,
    AnswerReply,
    ApprovalClosed,
    ApprovalOutcome,
    ApprovalState,
    AwaitApproval,
    Withdraw,
)
from byteport.domain.approvals import Answer, ApprovalRequest, NotTaken, Rejection, SignedAnswer, Taken
from byteport.domain.reasons import Reason
from byteport.errors import BytePortError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.perform import perform
from workflows.phases.escalate import TOLD_WHOLE
from workflows.proof import with_a_record

FIRST_ANSWER = timedelta(seconds=5)
REMINDS_WHOLE = "reminder-says-what"
"""From here on a reminder says what is broken, as far as the request tells it, and since when it asks."""
MOST_ANSWERS = 500
"""Past this a run refuses unheard: nobody may fill a history."""


@workflow.defn(name=APPROVAL)
class ApprovalWorkflow:
    """Collects signed answers to one plan until quorum, a no, expiry, or until the request is taken back."""

    @workflow.init
    def __init__(self, start: AwaitApproval) -> None:
        self._start = start
        self._queue: list[SignedAnswer] = []
        self._verdicts: dict[str, Taken | NotTaken] = {}
        self._answers: dict[str, SignedAnswer] = {}
        self._withdrawn: Withdraw | None = None
        self._outcome: ApprovalOutcome | None = None
        self._reminders = 0

    @workflow.run
    async def run(self, start: AwaitApproval) -> ApprovalClosed:
        try:
            try:
                outcome, because = await (self._wait(start.request) if start.request else self._nothing_waits())
            except asyncio.CancelledError:  # its remediation ended, or somebody cancelled it: that is recorded too
                outcome, because = ApprovalOutcome.WITHDRAWN, Reason.CANCELLED
            self._outcome = outcome
            if outcome in (ApprovalOutcome.EXPIRED, ApprovalOutcome.WITHDRAWN):
                await self._record(Event.EXPIRED, None, reasons=(because or Reason.EXPIRED,))
            while self._queue or not workflow.all_handlers_finished():
                await self._drain()
                await workflow.wait_condition(lambda: bool(self._queue) or workflow.all_handlers_finished())
        except BytePortError as error:
            raise ApplicationError(error.message, type=error.code, non_retryable=True) from error
        taken = self._taken()
        return ApprovalClosed(
            outcome=outcome,
            answers=tuple(self._answers[verdict.answer_digest] for verdict in taken),
            taken=taken,
            because=because,
        )

    async def _wait(self, request: ApprovalRequest) -> tuple[ApprovalOutcome, Reason | None]:
        """Until it is decided, with a reminder now and then: each pause is twice the one before."""
        while True:
            left = request.expires_at - workflow.now()
            if left <= timedelta(0):
                return ApprovalOutcome.EXPIRED, Reason.EXPIRED
            try:
                await workflow.wait_condition(
                    lambda: bool(self._queue) or self._withdrawn is not None,
                    timeout=min(left, timedelta(seconds=self._start.remind_after_seconds * 2**self._reminders)),
                    timeout_summary="remind, or expire",
                )
            except TimeoutError:
                if workflow.now() < request.expires_at:
                    await self._remind(request)
                continue
            if self._withdrawn is not None:
                return ApprovalOutcome.WITHDRAWN, self._withdrawn.because
            await self._hear(self._queue[0])
            self._queue.pop(0)
            said = self._taken()
            if any(verdict.answer is Answer.REJECT for verdict in said):
                return ApprovalOutcome.REJECTED, Reason.REJECTED
            if len({verdict.principal for verdict in said}) >= request.quorum:
                return ApprovalOutcome.APPROVED, Reason.APPROVED

    async def _nothing_waits(self) -> tuple[ApprovalOutcome, Reason | None]:
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: bool(self._queue), timeout=FIRST_ANSWER)
        return ApprovalOutcome.CLOSED, Reason.CLOSED

    async def _drain(self) -> None:
        """Whoever answers after the decision hears so, and it is recorded."""
        while self._queue:
            await self._hear(self._queue[0])
            self._queue.pop(0)

    async def _hear(self, answer: SignedAnswer) -> None:
        """Check one answer and record what became of it. The same answer again is the same verdict, and no record."""
        digest = answer.text.digest
        if digest in self._verdicts:
            return
        verdict: Taken | NotTaken
        if len(self._verdicts) >= MOST_ANSWERS:
            self._verdicts[digest] = NotTaken(because=Rejection.CLOSED)
            return
        checked = await perform(
            CHECK_ANSWER,
            CheckAnswer(answer=answer, request=self._start.request, auto_possible=self._start.auto_possible),
            cluster_uid=self._start.installation.cluster_uid,
        )
        verdict = checked.verdict
        if isinstance(verdict, Taken):
            verdict = self._admitted(verdict)
        self._verdicts[digest] = verdict
        self._answers[digest] = answer
        if isinstance(verdict, Taken):
            event = Event.APPROVED if verdict.answer is Answer.APPROVE else Event.REJECTED
            await self._record(event, answer, approver=verdict.principal, signers=checked.allowed_signers_digest)
        else:
            because = f"refused: {verdict.because.value}"
            await self._record(Event.REJECTED, answer, approver=verdict.principal, refused=because)

    def _admitted(self, verdict: Taken) -> Taken | NotTaken:
        """A valid answer may still come too late, or from somebody who has spoken."""
        if self._outcome is not None:
            late = Rejection.EXPIRED if self._outcome is ApprovalOutcome.EXPIRED else Rejection.CLOSED
            return NotTaken(because=late, principal=verdict.principal)
        if any(earlier.principal == verdict.principal for earlier in self._taken()):
            return NotTaken(because=Rejection.ALREADY_ANSWERED, principal=verdict.principal)
        return verdict

    def _taken(self) -> tuple[Taken, ...]:
        return tuple(verdict for verdict in self._verdicts.values() if isinstance(verdict, Taken))

    async def _remind(self, request: ApprovalRequest) -> None:
        self._reminders += 1
        notice = Notice(
            key=f"{request.incident_id}:{request.plan_digest}:remind:{self._reminders}",
            incident_id=request.incident_id,
            workflow_id=request.remediation_id,
            cluster=request.cluster_name,
            rung=0,
            title=f"Still waiting for an answer about {request.target}",
            runbook=request.runbook,
            target=request.target,
            cause="waiting",
            reasons=request.reasons,
            evidence=request.evidence,
            command=request.command,
            inverse_command=request.inverse_command,
            how_to_answer=f"byteport approve {request.plan_digest}",
            at=workflow.now(),
        )
        if workflow.patched(TOLD_WHOLE):
            named = {"plan_digest": request.plan_digest, "answer_by": request.expires_at}
            notice = notice.model_copy(update=named)
        if workflow.patched(REMINDS_WHOLE):
            asked = workflow.info().start_time
            said = {
                "title": f"Still waiting for an answer about {request.target}, asked at {asked:%Y-%m-%d %H:%M} UTC",
                "cause": "as the first notice told",
                "symptom": f"{request.signal_type} = {request.signal_value:g} when it was asked",
            }
            notice = notice.model_copy(update=said)
        try:
            await perform(NOTIFY, notice, cluster_uid=request.cluster_uid, summary="Remind people")
        except BytePortError:
            workflow.logger.warning("a reminder could not be delivered")

    async def _record(
        self,
        event: Event,
        answer: SignedAnswer | None,
        *,
        approver: str | None = None,
        reasons: tuple[Reason, ...] = (),
        refused: str | None = None,
        signers: str | None = None,
    ) -> None:
        """One record an answer, or one for the end of a request that nobody answered."""
        request, here = self._start.request, self._start.installation
        parts = [refused, answer.reason if answer else None, f"allowed_signers {signers}" if signers else None]
        draft = RecordDraft(
            key=f"{workflow.info().first_execution_run_id}:{answer.text.digest if answer else event.value}",
            cluster=here.cluster_name,
            cluster_uid=here.cluster_uid,
            tenant=here.tenant,
            event=event,
            decision=Decision.DRY_RUN_PLANNED if request else Decision.SKIPPED,
            result=Result.PENDING_APPROVAL if event is Event.APPROVED else None,
            incident_id=request.incident_id if request else answer.text.incident_id if answer else "none",
            workflow_id=request.remediation_id if request else workflow.info().workflow_id,
            runbook=request.runbook if request else "none",
            signal_type=request.signal_type if request else "none",
            signal_value=request.signal_value if request else 0.0,
            target=request.target if request else "none",
            command=request.command if request else None,
            reasons=reasons or ((Reason.CLOSED,) if request is None else ()),
            plan_digest=request.plan_digest if request else answer.text.plan_digest if answer else None,
            approver=approver,
            answers=with_a_record((answer,) if answer is not None and approver is not None else ()),
            note="; ".join(part for part in parts if part) or None,
        )
        await perform(RECORD, draft, cluster_uid=here.cluster_uid)

    def _reply(self, digest: str) -> AnswerReply:
        said = self._taken()
        return AnswerReply(
            verdict=self._verdicts[digest],
            quorum=self._start.request.quorum if self._start.request else 0,
            approvals=sum(verdict.answer is Answer.APPROVE for verdict in said),
        )

    @workflow.signal(name=ANSWER)
    def answer_message(self, answer: SignedAnswer) -> None:
        """An answer as a message: never lost, heard in order."""
        self._queue.append(answer)

    @workflow.update(name=ANSWER)
    async def answer(self, answer: SignedAnswer) -> AnswerReply:
        """An answer, and what became of it at once."""
        digest = answer.text.digest
        if digest not in self._verdicts:
            self._queue.append(answer)
            await workflow.wait_condition(lambda: digest in self._verdicts)
        return self._reply(digest)

    @answer.validator
    def _only_to_this_plan(self, answer: SignedAnswer) -> None:
        """Permissive: what is wrong with an answer is decided, and recorded, inside."""
        if f"approval:{answer.text.plan_digest}" != workflow.info().workflow_id:
            raise ApplicationError("the answer names another plan", type=Rejection.OTHER_PLAN.value)

    @workflow.signal(name=WITHDRAW)
    def withdraw(self, withdrawal: Withdraw) -> None:
        """The remediation takes its request back."""
        self._withdrawn = withdrawal

    @workflow.query(name=STATE)
    def state(self) -> ApprovalState:
        refused = tuple(verdict for verdict in self._verdicts.values() if isinstance(verdict, NotTaken))
        return ApprovalState(request=self._start.request, taken=self._taken(), refused=refused, outcome=self._outcome)

"""Small workflows under the real names, so that the door can be tried without what lies behind it."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from byteport.contracts.workflows import (
    ACKNOWLEDGE,
    ANSWER,
    APPROVAL,
    REMEDIATION,
    REPORT,
    WATCH,
    Acknowledge,
    AnswerReply,
    AwaitApproval,
    Remediate,
    Watch,
)
from byteport.domain.approvals import Answer, SignedAnswer, Taken
from byteport.domain.signals import Signal


@workflow.defn(name=REMEDIATION, sandboxed=False)
class Remediation:
    """Counts symptoms until somebody acknowledges."""

    def __init__(self) -> None:
        self.reports: list[Signal] = []
        self.acknowledged: Acknowledge | None = None

    @workflow.run
    async def run(self, start: Remediate) -> int:
        await workflow.wait_condition(lambda: self.acknowledged is not None)
        return len(self.reports)

    @workflow.signal(name=REPORT)
    def report(self, signal: Signal) -> None:
        self.reports.append(signal)

    @workflow.signal(name=ACKNOWLEDGE)
    def acknowledge(self, acknowledge: Acknowledge) -> None:
        self.acknowledged = acknowledge

    @workflow.update(name=ACKNOWLEDGE)
    def acknowledge_at_once(self, acknowledge: Acknowledge) -> None:
        self.acknowledged = acknowledge

    @workflow.query
    def count(self) -> int:
        return len(self.reports)


@workflow.defn(name=APPROVAL, sandboxed=False)
class Approval:
    """Takes one answer; without a request it ends once the late answer is there."""

    def __init__(self) -> None:
        self.answers: list[str] = []

    @workflow.run
    async def run(self, start: AwaitApproval) -> list[str]:
        await workflow.wait_condition(lambda: bool(self.answers))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.answers

    @workflow.update(name=ANSWER)
    async def answer(self, signed: SignedAnswer) -> AnswerReply:
        self.answers.append(signed.text.digest)
        taken = Taken(principal="ada", answer=Answer.APPROVE, answer_digest=signed.text.digest, signed=False)
        return AnswerReply(verdict=taken, quorum=1, approvals=1)

    @workflow.signal(name=ANSWER)
    def answer_late(self, signed: SignedAnswer) -> None:
        self.answers.append("late:" + signed.text.digest)


@workflow.defn(name=WATCH, sandboxed=False)
class Watcher:
    @workflow.run
    async def run(self, start: Watch) -> None:
        await asyncio.sleep(3600)


SECRETS = [f"MARKER-{name}" for name in ("input", "result", "signal", "update", "failure", "detail", "summary", "memo")]


@activity.defn
async def leak(text: str) -> str:
    if activity.info().attempt == 1:
        activity.heartbeat("MARKER-detail")
        raise ApplicationError("MARKER-failure", "MARKER-detail")
    return "MARKER-result"


@workflow.defn(sandboxed=False)
class Talkative:
    """Puts a marker into every place that Temporal stores."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.run
    async def run(self, text: str) -> str:
        workflow.set_current_details("MARKER-detail")
        await workflow.wait_condition(lambda: len(self.heard) == 2)
        await workflow.sleep(0.01, summary="MARKER-summary")
        result = await workflow.execute_activity(
            leak, text, start_to_close_timeout=timedelta(seconds=5), summary="MARKER-summary"
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        raise ApplicationError("MARKER-failure", result, "MARKER-detail")

    @workflow.signal
    def hear(self, text: str) -> None:
        self.heard.append(text)

    @workflow.update
    async def tell(self, text: str) -> str:
        self.heard.append(text)
        return "MARKER-result"

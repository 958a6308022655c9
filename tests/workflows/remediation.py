"""One remediation in a test's hands: report to it, wait for its phase, answer what it asks, let its time pass."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError

from byteport.contracts.workflows import (
    ANSWER,
    STATE,
    Acknowledge,
    AnswerReply,
    ApprovalState,
    Closed,
    Ladder,
    Phase,
    State,
)
from byteport.domain.approvals import Answer, ApprovalRequest, SignedAnswer
from byteport.domain.failures import Failure
from byteport.domain.ids import approval_id, remediation_id, reobserve_id
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes import port
from byteport.temporal import intake
from tests.workflows.patience import LOOK_EVERY_SECONDS, PATIENCE_SECONDS
from tests.workflows.world import World

TYPES = {
    Failure.CRASHLOOP: SignalType.POD_CRASHLOOP,
    Failure.BAD_ROLLOUT: SignalType.FAILED_DEPLOY,
    Failure.DISK: SignalType.DISK_PRESSURE,
    Failure.MEMORY: SignalType.MEMORY_PRESSURE,
    Failure.CPU: SignalType.CPU_SPIKE,
}


class Remediation:
    """The remediation of one target and failure, over all of its runs."""

    def __init__(self, world: World, target: Target, failure: Failure) -> None:
        self.world = world
        self.target = target
        self.failure = failure
        self.id = remediation_id(target, failure)

    @property
    def client(self) -> Client:
        return self.world.client

    @property
    def handle(self) -> WorkflowHandle[object, Closed]:
        """Of the newest run."""
        return self.client.get_workflow_handle(self.id, result_type=Closed)

    # -- symptoms ---------------------------------------------------------------------------------------------------

    def signal(self, evidence: str = "", *, reporter: str = "", kind: SignalType | None = None) -> Signal:
        return Signal(
            type=kind or TYPES[self.failure],
            value=5,
            threshold=3,
            target=self.target,
            observed_at=self.world.clock(),
            source=Source.PERSON if reporter else Source.WATCH,
            evidence_digest=evidence or secrets.token_hex(32),
            reporter=reporter,
        )

    async def report(self, signal: Signal | None = None, *, rungs: tuple[int, ...] = (900, 1800)) -> None:
        """As the watch reports, through the one door."""
        settings = self.world.settings
        await intake.report_signal(
            self.client,
            self.world.installation,
            signal or self.signal(),
            ladder=Ladder(rung_seconds=rungs),
            reobserve_after_seconds=settings.reobserve_after_seconds,
            postmortem=settings.postmortem.target is not None,
            events=settings.boundary.events,
        )

    # -- what it says -----------------------------------------------------------------------------------------------

    async def state(self) -> State:
        state: State = await self.handle.query(STATE, result_type=State)
        return state

    async def until(self, *phases: Phase, incident_no: int | None = None) -> Waiting:
        """Wait until it is in one of these phases."""
        end = time.monotonic() + PATIENCE_SECONDS
        state: State | None = None
        while time.monotonic() < end:
            try:
                state = await self.state()
            except RPCError:
                state = None
            if state and state.phase in phases and incident_no in (None, state.incident_no):
                waiting = Waiting(self, state)
                if state.phase is not Phase.AWAITING_APPROVAL or await waiting.is_open():
                    return waiting
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        raise AssertionError(f"{self.id} is not {phases}, but {state}")

    async def until_asked_again(self, earlier: Waiting) -> Waiting:
        """Wait until people are asked about a plan by another approval than `earlier`, though maybe of the same id."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            waiting = await self.until(Phase.AWAITING_APPROVAL)
            if waiting.approval_run != earlier.approval_run:
                return waiting
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        raise AssertionError(f"{self.id}: nobody was asked again")

    async def closed(self) -> Closed:
        """How it ended, once it has."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.handle.result()

    async def is_running(self) -> bool:
        return (await self.handle.describe()).status is WorkflowExecutionStatus.RUNNING

    async def has_ended(self) -> WorkflowExecutionStatus:
        """How the newest run has ended, in Temporal's words, once it has."""
        with contextlib.suppress(WorkflowFailureError):
            await self.closed()
        status = (await self.handle.describe()).status
        assert status is not None
        return status

    # -- people -----------------------------------------------------------------------------------------------------

    async def acknowledge(self, by: str = "ada", note: str = "") -> None:
        await intake.acknowledge(self.client, self.id, Acknowledge(by=by, note=note))

    # -- time -------------------------------------------------------------------------------------------------------

    async def pass_time(self, seconds: float) -> None:
        """Let so much time pass for it, as far as nothing is in flight."""
        await self.world.skipper.fast_forward(self.handle, timedelta(seconds=seconds))

    def reobservation(self, incident_id: str) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(reobserve_id(incident_id))

    async def run_id(self) -> str:
        """Of the newest run."""
        return (await self.handle.describe()).run_id


class Waiting:
    """A remediation at one moment: what its state was when it got there, and the answers that people may give."""

    def __init__(self, remediation: Remediation, state: State) -> None:
        self.remediation = remediation
        self.world = remediation.world
        self.state = state
        self.approval_run = ""
        """Of the approval that is asked, once it is."""

    @property
    def plan_digest(self) -> str:
        assert self.state.plan_digest is not None
        return self.state.plan_digest

    @property
    def approval(self) -> WorkflowHandle[object, object]:
        return self.world.client.get_workflow_handle(approval_id(self.plan_digest))

    async def is_open(self) -> bool:
        """Whether the approval can be asked already: the phase is entered a moment before it is started."""
        try:
            self.approval_run = (await self.approval.describe()).run_id
            return (await self.asked()).request is not None
        except RPCError:
            return False

    async def asked(self) -> ApprovalState:
        state: ApprovalState = await self.approval.query(STATE, result_type=ApprovalState)
        return state

    async def request(self) -> ApprovalRequest:
        request = (await self.asked()).request
        assert request is not None
        return request

    async def signed(self, answer: Answer = Answer.APPROVE, *, by: str, key: int = -1) -> SignedAnswer:
        return self.world.people.sign(await self.request(), answer, by=by, now=self.world.clock(), key=key)

    async def approve(self, *, by: str) -> AnswerReply:
        return await self.give(await self.signed(by=by))

    async def reject(self, *, by: str) -> AnswerReply:
        return await self.give(await self.signed(Answer.REJECT, by=by))

    async def give(self, answer: SignedAnswer) -> AnswerReply:
        """As the command line gives an answer: an Update, which replies at once."""
        return await intake.answer(self.world.client, self.world.installation, answer)

    async def send(self, answer: SignedAnswer) -> None:
        """As a message, to which nobody replies."""
        await self.approval.signal(ANSWER, answer)

    async def pass_time(self, seconds: float) -> None:
        """Let so much time pass for the approval that waits."""
        await self.world.skipper.fast_forward(self.approval, timedelta(seconds=seconds))


async def remediation_of(world: World, failure: Failure, name: str = "web") -> Remediation:
    """Of the Deployment `shop/NAME` as it is there now."""
    deployment = await world.cluster.get(port.DEPLOYMENTS, "shop", name)
    target = Target(
        cluster_uid=world.cluster.uid,
        namespace="shop",
        kind="Deployment",
        name=name,
        uid=deployment["metadata"]["uid"],
    )
    return Remediation(world, target, failure)


async def bad_release(world: World, fault: str = "crash") -> Remediation:
    """`shop/web:2` never served: the remediation that was told of it."""
    await world.a_release_fails(fault=fault)
    remediation = await remediation_of(world, Failure.BAD_ROLLOUT)
    await remediation.report()
    return remediation


async def crash_loop(world: World, fault: str = "transient") -> Remediation:
    """One of `shop/web`'s three pods crashes by itself: the remediation that was told of it."""
    await world.one_pod_crashes(fault=fault)
    remediation = await remediation_of(world, Failure.CRASHLOOP)
    await remediation.report()
    return remediation

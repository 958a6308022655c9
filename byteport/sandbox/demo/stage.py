"""What a scenario plays on: the running sandbox, an administrator's hands, the log, and the means to wait for something.

Waiting is always for a condition, with a deadline that names what was waited for; nothing sleeps for luck.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from byteport.audit.records import Record
from byteport.audit.words import Event
from byteport.contracts.workflows import Acknowledge, AnswerReply, Phase, State
from byteport.domain.approvals import Answer, ApprovalRequest
from byteport.domain.failures import Failure
from byteport.domain.ids import remediation_id
from byteport.domain.reasons import Reason
from byteport.domain.targets import Target
from byteport.errors import TargetGone, Unavailable
from byteport.ledger.log import AuditLog, Filter
from byteport.ledger.opening import open_log
from byteport.sandbox.assembly import Sandbox
from byteport.sandbox.demo.hands import Hands
from byteport.sandbox.home import OPERATOR, Home
from byteport.sandbox.strains import Strainer
from byteport.settings import installation
from byteport.temporal import intake, views
from byteport.trust.answers import answer_text, sign_answer
from byteport.trust.files import read_private_key

JSON = dict[str, Any]
Found = TypeVar("Found")

LOOK_SECONDS = 0.2
APP = "web"
NEIGHBOUR = "neighbour"
"""A healthy Deployment in every namespace, which nobody may touch."""
_ACTED = (Phase.VERIFYING, Phase.ESCALATED, Phase.CLOSED)


@dataclass(frozen=True)
class Stage:
    """One demo's stage."""

    sandbox: Sandbox
    hands: Hands
    home: Home
    strainer: Strainer | None
    """The same administrator's hands on load and disks; None on a cluster of one's own, which has others."""
    say: Callable[[str], None]
    patience_seconds: float
    """How long anything may take before the demo says what it waited for in vain."""

    async def until(self, what: str, look: Callable[[], Awaitable[Found | None]]) -> Found:
        """What `look` gives, once it gives something. Raises `Unavailable` naming `what` when it takes too long."""
        end = time.monotonic() + self.patience_seconds
        while True:
            self.sandbox.must_run()
            found = await look()
            if found is not None and found is not False:
                return found
            if time.monotonic() > end:
                raise Unavailable(f"waited {self.patience_seconds:.0f} s in vain for {what}")
            await asyncio.sleep(LOOK_SECONDS)

    async def available(self, namespace: str, name: str) -> None:
        """Wait until every replica of the newest release is available."""

        async def look() -> bool | None:
            found = await self.hands.deployment(namespace, name)
            wanted, status = found["spec"]["replicas"], found.get("status", {})
            current = status.get("observedGeneration") == found["metadata"]["generation"]
            counts = {status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")}
            return True if current and counts == {wanted} else None

        await self.until(f"{namespace}/{name} to be available", look)

    def workflow_id(self, namespace: str, failure: Failure) -> str:
        """Of the application in a namespace."""
        uid = self.sandbox.cluster.uid
        return remediation_id(Target(cluster_uid=uid, namespace=namespace, kind="Deployment", name=APP), failure)

    def node_workflow_id(self, node: str, failure: Failure) -> str:
        target = Target(cluster_uid=self.sandbox.cluster.uid, namespace="", kind="Node", name=node)
        return remediation_id(target, failure)

    def strains(self) -> Strainer:
        """The hands on load and disks, for a scenario that is played only where there are some."""
        assert self.strainer is not None
        return self.strainer

    async def state(self, workflow_id: str) -> State | None:
        """The run's state, None while there is no such run or no worker answers yet."""
        try:
            return await views.remediation_state(self.sandbox.client, workflow_id)
        except (TargetGone, Unavailable):
            return None

    async def until_state(self, what: str, workflow_id: str, wanted: Callable[[State], bool]) -> State:
        async def look() -> State | None:
            state = await self.state(workflow_id)
            return state if state is not None and wanted(state) else None

        return await self.until(what, look)

    async def until_acted(self, workflow_id: str) -> State:
        """Wait until the act is done and being verified, and raise `Unavailable` when it is not done at all."""
        state = await self.until_state("an act", workflow_id, lambda state: state.phase in _ACTED)
        if state.phase is Phase.ESCALATED:
            reasons = ", ".join(reason.value for reason in state.reasons)
            raise Unavailable(f"escalated as {state.cause.value if state.cause else None}: {reasons}")
        return state

    async def until_closed(self, workflow_id: str) -> None:
        """Wait until no run of that id is open."""
        handle = self.sandbox.client.get_workflow_handle(workflow_id)

        async def look() -> bool | None:
            return True if (await handle.describe()).close_time is not None else None

        await self.until(f"{workflow_id} to close", look)

    async def restarted(self, namespace: str, pod: str, times: int) -> None:
        """Wait until a pod's container was started again so often."""

        async def look() -> bool | None:
            for found in await self.hands.pods(namespace, APP):
                statuses = found.get("status", {}).get("containerStatuses", [])
                if found["metadata"]["name"] == pod and statuses and statuses[0]["restartCount"] >= times:
                    return True
            return None

        await self.until(f"{namespace}/{pod} to crash {times} time(s)", look)

    async def approve(self, request: ApprovalRequest, reason: str) -> AnswerReply:
        """Sign a yes with the sandbox operator's key and give it, as `byteport approve` does."""
        text = answer_text(
            request, Answer.APPROVE, reason=reason, now=datetime.now(UTC), answer_id=secrets.token_hex(16)
        )
        key = read_private_key(self.home.approval_key, "approvals.signing_key")
        ours = installation(self.sandbox.settings, self.sandbox.cluster.uid)
        return await intake.answer(self.sandbox.client, ours, sign_answer(text, key, reason=reason))

    async def waiting(self, plan_digest: str) -> ApprovalRequest:
        """What waits for an answer to that plan; the approval starts a moment after its remediation says so."""

        async def look() -> ApprovalRequest | None:
            try:
                return (await views.approval_state(self.sandbox.client, plan_digest)).request
            except (TargetGone, Unavailable):
                return None

        return await self.until("the approval to be open", look)

    async def hand_back(self, namespace: str, pod: str, workflow_id: str) -> None:
        """What a person does with an escalation: mend it by hand, then acknowledge, so that the run can close."""
        await self.hands.replace(namespace, pod)
        await self.available(namespace, APP)
        note = "replaced the pod by hand"
        await intake.acknowledge(self.sandbox.client, workflow_id, Acknowledge(by=OPERATOR, note=note))
        await self.until_closed(workflow_id)

    def log(self) -> AuditLog:
        return open_log(self.sandbox.settings.ledger, self.sandbox.settings.tenant)

    def story(self, workflow_id: str) -> Story:
        """What the log says of the first incident of a run; later ones are other stories."""
        found = list(self.log().iter_records(Filter(workflow_id=workflow_id)))
        return Story([record for record in found if record.incident_id == found[0].incident_id])


class Story:
    """The records of one incident, in order."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = [record for record in records if record.event is not Event.ACKNOWLEDGED]

    @property
    def decision(self) -> str | None:
        return self.records[-1].decision.value if self.records else None

    @property
    def result(self) -> str | None:
        results = [record.result.value for record in self.records if record.result is not None]
        return results[-1] if results else None

    @property
    def cause(self) -> str | None:
        return next((record.cause for record in reversed(self.records) if record.cause), None)

    @property
    def mttr_seconds(self) -> int | None:
        return next((r.mttr_seconds for r in reversed(self.records) if r.mttr_seconds is not None), None)

    @property
    def acts(self) -> int:
        """How often it acted. One that found its target moved did nothing, and was planned anew."""
        ends = [record for record in self.records if record.event is Event.FINISHED]
        moved = [one for one in ends if Reason.TARGET_CHANGED.value in (one.reason or "").split(", ")]
        return self.events.count(Event.STARTED.value) - len(moved)

    @property
    def events(self) -> list[str]:
        return [record.event.value for record in self.records]

    def says(self, reason: Reason) -> bool:
        """Whether any record gives that reason."""
        return any(reason.value in (record.reason or "").split(", ") for record in self.records)

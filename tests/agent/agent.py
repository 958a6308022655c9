"""One agent: its home with keys and policy, workers in this process, people, runs and log.

`place` is where it works. A worker is wired exactly as `byteport worker` wires it, of the production parts, by the
production code. Comes after `places.py`; `running.py` makes one, `processes.py` starts workers as processes instead.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory
from temporalio.testing import TimeSkipper

from activities.clock import Clock
from activities.kubernetes.client import connect as connect_cluster
from byteport.audit.heads import Chain
from byteport.audit.records import Entry, Record
from byteport.contracts.people import Notice
from byteport.contracts.workflows import AnswerReply, Closed, Installation, Phase, State
from byteport.domain.approvals import SIGNATURE_NAMESPACE, Answer, ApprovalRequest, SignedAnswer
from byteport.domain.failures import Failure
from byteport.domain.policy import PolicyConfig
from byteport.domain.signals import Signal, Source
from byteport.errors import ConfigError, TargetGone, Unavailable
from byteport.ledger.log import Filter
from byteport.ledger.opening import open_log
from byteport.sandbox.home import Home
from byteport.settings import Settings, installation
from byteport.temporal import intake, views
from byteport.temporal.keys import KeyRing
from byteport.trust.allowed_signers import allowed_signers_line
from byteport.trust.answers import answer_text, sign_answer
from byteport.trust.files import read_private_key
from byteport.trust.private_keys import PrivateKey, new_private_key
from tests.agent.places import Place, eventually
from tests.workflows.remediation import TYPES
from workers.processes import ROLES, Process
from workers.start import serve_wired
from workers.wiring import Surroundings

READY_SECONDS = 60.0


@dataclass
class Agent:
    """See the module; `running` makes one."""

    home: Home
    place: Place
    settings: Settings
    client: Client
    ring: KeyRing
    people: dict[str, PrivateKey] = field(default_factory=dict)
    policies: list[tuple[datetime, PolicyConfig]] = field(default_factory=list)

    # -- workers ----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def worker(self, process: Process = Process.EMBEDDED, *, clock: Clock | None = None) -> AsyncIterator[None]:
        """Serve the queues of `process` while inside; returns once it polls."""
        async with AsyncExitStack() as stack:
            cluster = self.place.simulated
            if cluster is None and process in (Process.EMBEDDED, Process.CLUSTER):
                cluster = await stack.enter_async_context(await connect_cluster(self.place.kubeconfig))
            around = Surroundings(self.settings, self.installation, self.client, cluster, clock or self.place.clock)
            stop, ready = asyncio.Event(), asyncio.Event()
            serving = asyncio.create_task(serve_wired(ROLES[process], around, stop=stop, say=lambda _: ready.set()))
            stack.push_async_callback(_ended, serving, stop)
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait({serving, waiting}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if serving.done():
                serving.result()
            yield

    @property
    def installation(self) -> Installation:
        return installation(self.settings, self.place.uid)

    # -- the administrator's files ----------------------------------------------------------------------------------

    def set_policy(self, plain: dict[str, Any]) -> None:
        """Write the policy; in force for every look from now on."""
        self.home.write_policy(plain, overwrite=True)
        self.policies.append((self.place.clock(), PolicyConfig.model_validate(plain)))

    def change_policy(self, **changes: Any) -> None:
        """As an administrator does while everything runs."""
        _, now = self.policies[-1]
        self.set_policy(now.model_dump(mode="json") | changes)

    def hire(self, name: str, *, allowed: bool = True) -> PrivateKey:
        """A person with a key of their own; allowed to answer, or not."""
        self.people[name] = key = new_private_key()
        if allowed:
            with (self.home.folder / "keys" / "allowed_signers").open("a") as file:
                file.write(allowed_signers_line(name, key.public_key, SIGNATURE_NAMESPACE) + "\n")
        return key

    # -- symptoms ---------------------------------------------------------------------------------------------------

    async def report(self, failure: Failure) -> str:
        """Tell the agent of a symptom on `web`, as the watch would. Gives the remediation's id."""
        await self.place.elapse_to_present()
        target = await self.place.target()
        signal = Signal(
            type=TYPES[failure],
            value=5,
            threshold=3,
            target=target,
            observed_at=self.place.clock(),
            source=Source.WATCH,
            evidence_digest=secrets.token_hex(32),
        )
        reported = await intake.report_signal(
            self.client,
            self.installation,
            signal,
            ladder=self.settings.ladder,
            reobserve_after_seconds=self.settings.reobserve_after_seconds,
            postmortem=self.settings.postmortem.target is not None,
            events=self.settings.boundary.events,
        )
        return reported.workflow_id

    # -- people -----------------------------------------------------------------------------------------------------

    async def asked(self, *, other_than: str = "") -> ApprovalRequest:
        """The request that waits for an answer now, once there is one (of another plan than `other_than`)."""

        async def look() -> ApprovalRequest | None:
            for digest in await views.list_waiting(self.client):
                if digest != other_than:
                    with suppress(TargetGone, Unavailable):
                        return (await views.approval_state(self.client, digest)).request
            return None

        return await eventually("somebody to be asked", look, within=90.0)

    def sign(
        self,
        request: ApprovalRequest,
        *,
        answer: Answer = Answer.APPROVE,
        by: PrivateKey | None = None,
        hours_ago: float = 0,
        reason: str = "seen it",
    ) -> SignedAnswer:
        """An answer, signed by the sandbox's operator or by another key."""
        now = self.place.clock() - timedelta(hours=hours_ago)
        text = answer_text(request, answer, reason=reason, now=now, answer_id=secrets.token_hex(16))
        key = by or read_private_key(self.home.approval_key, "approvals.signing_key")
        return sign_answer(text, key, reason=reason)

    async def give(self, signed: SignedAnswer) -> AnswerReply:
        return await intake.answer(self.client, self.installation, signed)

    async def skip(self, workflow_id: str, seconds: float) -> None:
        """Let a run's own clock go on by so much."""
        handle = self.client.get_workflow_handle(workflow_id)
        await TimeSkipper(self.client).fast_forward(handle, timedelta(seconds=seconds))

    # -- runs -------------------------------------------------------------------------------------------------------

    async def state(self, workflow_id: str) -> State | None:
        """None while there is no such run, or no worker answers."""
        try:
            return await views.remediation_state(self.client, workflow_id)
        except (TargetGone, Unavailable):
            return None

    async def until(self, workflow_id: str, *phases: Phase) -> State:
        """The run's state once it is in one of `phases`."""

        async def look() -> State | None:
            state = await self.state(workflow_id)
            return state if state is not None and state.phase in phases else None

        return await eventually(f"{workflow_id} to be {' or '.join(phases)}", look, within=90.0)

    async def _where(self, workflow_id: str) -> str:
        """For whoever waits in vain."""
        state = await self.state(workflow_id)
        if state is None:
            return "not there, or nobody answers for it"
        told = "; ".join(moment.what for moment in state.timeline[-6:])
        return f"{state.phase.value} ({', '.join(reason.value for reason in state.reasons)}); last: {told}"

    async def until_closed(self, workflow_id: str) -> Closed:
        """How the run ended. Fails when it failed."""
        handle = self.client.get_workflow_handle(workflow_id, result_type=Closed)

        async def look() -> bool:
            try:
                return (await handle.describe()).close_time is not None
            except Exception:  # noqa: BLE001  not started yet
                return False

        try:
            await eventually(f"{workflow_id} to close", look, within=120.0)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {await self._where(workflow_id)}") from None
        closed: Closed = await handle.result(follow_runs=False)
        return closed

    async def eventually(self, what: str, look: Callable[[], Awaitable[bool]]) -> None:
        """Wait until `look` says yes."""
        await eventually(what, look)

    async def settled(self, workflow_id: str, *, within: float = 60.0) -> None:
        """Wait until the newest run of that id has ended, however."""
        handle = self.client.get_workflow_handle(workflow_id)

        async def look() -> bool:
            return (await handle.describe()).close_time is not None

        await eventually(f"{workflow_id} to end", look, within=within)

    async def said(self, workflow_id: str, beginning: str) -> bool:
        """Whether a line of the run's timeline begins so."""
        state = await eventually(f"{workflow_id} to answer", lambda: self.state(workflow_id))
        return any(moment.what.startswith(beginning) for moment in state.timeline)

    async def runs(self) -> list[tuple[str, str, str]]:
        """Id, run id and type of every run, oldest first."""
        found = [run async for run in self.client.list_workflows("")]
        return [(run.id, run.run_id, run.workflow_type) for run in reversed(found)]

    async def history(self, workflow_id: str, run_id: str | None = None) -> WorkflowHistory:
        return await views.fetch_history(self.client, workflow_id, run_id)

    # -- the ledger -------------------------------------------------------------------------------------------------

    @property
    def ledger(self) -> Path:
        assert self.settings.ledger.path is not None
        return self.settings.ledger.path

    def records(self, **wanted: Any) -> list[Record]:
        """The log, oldest first; empty before the first record."""
        try:
            return list(open_log(self.settings.ledger, self.settings.tenant).iter_records(Filter(**wanted)))
        except ConfigError:
            return []

    @property
    def chain(self) -> Chain:
        return Chain(tenant=self.settings.tenant, cluster_uid=self.place.uid)

    def entries(self) -> list[Entry]:
        """The whole chain of the cluster as it is stored."""
        try:
            return list(open_log(self.settings.ledger, self.settings.tenant).entries(self.chain))
        except ConfigError:
            return []

    def events(self, **wanted: Any) -> list[str]:
        return [record.event.value for record in self.records(**wanted)]

    async def until_event(self, event: str, *, times: int = 1) -> None:
        """Wait until so many such records are there: a reply may come a moment before its record."""

        async def look() -> bool:
            return self.events().count(event) >= times

        await eventually(f"{times} records of {event}", look)

    def notices(self) -> list[Notice]:
        """What people were told, oldest first."""
        path = self.settings.escalation.file
        assert path is not None
        lines = path.read_text().splitlines() if path.exists() else []
        fields = Notice.model_fields
        return [
            Notice.model_validate({key: value for key, value in json.loads(line).items() if key in fields})
            for line in lines
        ]

    def has_intent(self) -> bool:
        """Whether something is about to be done: an intent is recorded, and its end is not."""
        open_actions: set[str | None] = set()
        for record in self.records():
            if record.event.value == "started":
                open_actions.add(record.action_id)
            elif record.event.value in ("finished", "reverted"):
                open_actions.discard(record.action_id)
        return bool(open_actions)


async def _ended(serving: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    await asyncio.gather(serving, return_exceptions=True)

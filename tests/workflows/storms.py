"""The storm watch of one world in a test's hands: told of troubles as remediations tell it, its time let pass."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from activities.audit.ledger import Ledger
from byteport.contracts.ledger import ReadStanding
from byteport.contracts.people import Notice
from byteport.contracts.workflows import STATE, Acknowledge, StormState, Trouble
from byteport.domain.failures import Failure
from byteport.domain.ids import storm_id
from byteport.domain.policy import Standing
from byteport.domain.reasons import Cause
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.temporal import intake
from tests.integration.ledger.world import NOBODY
from tests.workflows.patience import until_so
from tests.workflows.world import World


class Storm:
    """See the module."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.id = storm_id(world.cluster.uid)

    @property
    def handle(self) -> WorkflowHandle[object, object]:
        return self.world.client.get_workflow_handle(self.id)

    def target(self, name: str) -> Target:
        return Target(cluster_uid=self.world.cluster.uid, namespace="shop", kind="Deployment", name=name, uid=name)

    def trouble(
        self,
        name: str,
        *factors: str,
        failure: Failure = Failure.CRASHLOOP,
        incident: str = "",
        over: bool = False,
    ) -> Trouble:
        return Trouble(
            target=self.target(name),
            failure=failure,
            cause=Cause.CRASHING,
            incident_id=incident or f"inc-{name}-{failure.value}",
            factors=factors,
            at=self.world.clock(),
            over=over,
        )

    async def tell(
        self,
        name: str,
        *factors: str,
        failure: Failure = Failure.CRASHLOOP,
        incident: str = "",
        over: bool = False,
    ) -> None:
        """One message. A run that it starts skips no time by itself."""
        told = self.trouble(name, *factors, failure=failure, incident=incident, over=over)
        settings = self.world.settings
        with self.world.time_stands_still():
            await intake.report_trouble(
                self.world.client, self.world.installation, told, rule=settings.storm, ladder=settings.ladder
            )

    async def state(self) -> StormState:
        state: StormState = await self.handle.query(STATE, result_type=StormState)
        return state

    async def until(self, what: str, *, on: bool) -> StormState:
        async def so() -> bool:
            return (await self.state()).on is on and self.standing().storm is on

        await until_so(so, what)
        return await self.state()

    async def until_counted(self, targets: int) -> StormState:
        async def so() -> bool:
            with contextlib.suppress(RPCError):  # nobody has told it of anything yet
                return (await self.state()).in_trouble == targets
            return False

        await until_so(so, f"{targets} targets in trouble")
        return await self.state()

    async def acknowledge(self, by: str = "ada", note: str = "") -> None:
        await intake.acknowledge(self.world.client, self.id, Acknowledge(by=by, note=note))

    async def pass_time(self, seconds: float) -> None:
        await self.world.skipper.fast_forward(self.handle, timedelta(seconds=seconds))

    def standing(self) -> Standing:
        """What the ledger says of any target of the cluster."""
        world = self.world
        signal = Signal(
            type=SignalType.POD_CRASHLOOP,
            value=1,
            threshold=1,
            target=self.target("any"),
            observed_at=world.clock(),
            source=Source.WATCH,
            evidence_digest="e" * 64,
        )
        call = ReadStanding(target=self.target("any"), runbook="PodCrashloopRunbook", signal=signal)
        store = world.store()
        try:
            ledger = Ledger(store, world.installation, limits=world.settings.limits, signers=NOBODY)
            return ledger.read_standing(call).standing
        finally:
            store.close()

    @property
    def pages(self) -> list[Notice]:
        """Of the storm itself."""
        return [notice for notice in self.world.notices if notice.cause == "storm"]

"""The stories of time boxes. Comes after `telling.py`; `stories.py` has them in its list."""

from __future__ import annotations

import secrets

from activities.audit.halts import Halts
from byteport.contracts.workflows import STATE, Box, TimeboxState
from byteport.domain.canonical import digest
from byteport.domain.failures import Failure
from byteport.domain.ids import timebox_id
from byteport.domain.plans import RaiseFloorPlan, plan_digest
from byteport.domain.signals import Signal, SignalType, Source
from byteport.ledger.opening import open_store
from byteport.temporal import intake
from tests.agent.places import eventually
from tests.replay.telling import Telling
from tests.workflows.spikes import load_spikes

FLOOR_RUNBOOK = "CpuSpikeRunbook"


async def a_box_waits(telling: Telling) -> None:
    """A raise that was refused after its box had been started: the run waits all the same."""
    agent, place = telling.agent, telling.place
    async with telling.working():
        await place.healthy()
        target = await place.target()
        plan = RaiseFloorPlan(
            target=target,
            autoscaler="web",
            autoscaler_uid=target.uid,
            rest_digest=digest("rest"),
            floor_before=2,
            floor_from=2,
            floor_to=4,
            box_seconds=3600,
        )
        signal = Signal(
            type=SignalType.CPU_SPIKE,
            value=97,
            threshold=90,
            target=target,
            observed_at=place.clock(),
            source=Source.WATCH,
            evidence_digest=digest("evidence"),
        )
        box = Box(
            installation=agent.installation,
            incident_id="inc-" + digest("incident")[:24],
            remediation_id=f"remediate:{target.cluster_uid}:shop:Deployment:web:cpu",
            runbook=FLOOR_RUNBOOK,
            signal=signal,
            plan=plan,
            plan_digest=plan_digest(plan, digest("policy")),
            policy_version=digest("policy"),
            action_id=digest("action"),
        )
        await intake.start_timebox(agent.client, agent.installation, box, ladder=agent.settings.ladder)
        await telling.keep("timebox-open", timebox_id(target.cluster_uid, "shop", "web"))


async def a_floor_is_raised_and_put_back(telling: Telling) -> None:
    """Takes the shortest time that a floor may stay up."""
    agent, place = telling.agent, telling.place
    box = timebox_id(place.uid, "shop", "web")
    async with telling.working():
        await load_spikes(place.cluster, place.clock)
        remediation = await agent.report(Failure.CPU)
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-acted-by-a-floor", remediation)
        await telling.keep("timebox-open-raised", box)
        await agent.settled(box, within=120)
        await telling.keep("timebox-closed-restored", box)


async def a_halt_stands_in_the_way_of_a_floor(telling: Telling) -> None:
    agent, place = telling.agent, telling.place
    box = timebox_id(place.uid, "shop", "web")
    async with telling.working():
        await load_spikes(place.cluster, place.clock)
        remediation = await agent.report(Failure.CPU)
        await telling.until_closed(remediation)
        ledger, tenant = agent.settings.ledger, agent.settings.tenant
        store = open_store(ledger, tenant, clock=place.clock, randomness=secrets.token_bytes)
        Halts(store, agent.installation).halt(by="ada", reason="stop everything")

        async def told() -> bool:
            handle = agent.client.get_workflow_handle(box)
            state: TimeboxState = await handle.query(STATE, result_type=TimeboxState)
            return state.outcome.startswith("held")

        await eventually("the box to be held", told, within=120)
        await telling.keep("timebox-open-held", box)
        await agent.client.get_workflow_handle(box).cancel()
        await agent.settled(box)
        await telling.keep("timebox-cancelled", box)

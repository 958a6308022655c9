"""The stories of time boxes. Comes after `telling.py`; `stories.py` has them in its list."""

from __future__ import annotations

from byteport.contracts.workflows import Box
from byteport.domain.canonical import digest
from byteport.domain.ids import timebox_id
from byteport.domain.plans import RaiseFloorPlan, plan_digest
from byteport.domain.signals import Signal, SignalType, Source
from byteport.temporal import intake
from tests.replay.telling import Telling

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

"""The stories of what ends, or is taken up again, while people have it. Comes after `alerting.py`; `stories.py` has them in its list."""

from __future__ import annotations

from datetime import timedelta

from byteport.contracts.alerts import AlertBatch
from byteport.contracts.symptoms import OutsideSymptom, Subject
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.ids import alerts_id
from byteport.domain.signals import Signal, SignalType, Source
from byteport.sandbox.controlplane import FAULT_ANNOTATION
from byteport.temporal import alerts_intake, intake
from tests.agent.places import eventually
from tests.replay.telling import Telling


async def its_alerts_are_over_and_so_is_it(telling: Telling) -> None:
    """Too early once; then it is so, and whoever was paged hears of the end."""
    agent, place = telling.agent, telling.place
    async with telling.working():
        await place.healthy()
        victim = (await place.pods())[0]["metadata"]["name"]
        await place.annotate_pod(victim, {FAULT_ANNOTATION: "liveness"})
        await place.elapse(400)
        remediation = await _alert(telling, "a1", SignalType.POD_CRASHLOOP)
        await telling.until(remediation, Phase.ESCALATED)
        await agent.until_event("escalated")
        await eventually("the page", lambda: _paged(telling, remediation))
        await _over(telling, "a1", Failure.CRASHLOOP)
        await telling.keep("remediation-open-at-escalate-and-told-over", remediation)
        await place.annotate_pod(victim, {FAULT_ANNOTATION: None})
        await place.elapse(3600)
        await _over(telling, "a1 again", Failure.CRASHLOOP)
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-passed", remediation)


async def an_alert_is_escalated_and_then_a_release_crashes(telling: Telling) -> None:
    """Its errors began long before the release, so that only what the cluster shows later is acted upon."""
    agent, place = telling.agent, telling.place
    async with telling.working():
        await place.healthy()
        remediation = await _alert(telling, "e1", SignalType.ERROR_RATE, ago=timedelta(hours=5))
        await telling.until(remediation, Phase.ESCALATED)
        await agent.until_event("escalated")
        await place.a_release_fails()
        await agent.report(Failure.BAD_ROLLOUT)
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-acted-afresh", remediation)


async def alerts_come_without_a_pause(telling: Telling) -> None:
    """The run is renewed while they come."""
    agent = telling.agent
    run = agent.client.get_workflow_handle(alerts_id(agent.installation.cluster_uid))
    async with telling.working():
        await telling.place.healthy()
        first = ""
        for number in range(60):
            await alerts_intake.hand_in(
                agent.client, agent.installation, AlertBatch(symptoms=(_nobodys(telling, number),))
            )
            now = (await run.describe()).run_id
            first = first or now
            if now != first:
                break
        await telling.keep("alerts-renewed-before", run.id, first)
        await telling.keep("alerts-renewed-after", run.id)


async def _alert(telling: Telling, evidence: str, kind: SignalType, *, ago: timedelta = timedelta(0)) -> str:
    agent, place = telling.agent, telling.place
    await place.elapse_to_present()
    signal = Signal(
        type=kind,
        value=1,
        threshold=1,
        target=await place.target(),
        observed_at=place.clock() - ago,
        source=Source.ALERTMANAGER,
        evidence_digest=evidence,
    )
    settings = agent.settings
    reported = await intake.report_signal(
        agent.client,
        agent.installation,
        signal,
        ladder=settings.ladder,
        reobserve_after_seconds=settings.reobserve_after_seconds,
    )
    return reported.workflow_id


async def _paged(telling: Telling, remediation: str) -> bool:
    state = await telling.agent.state(remediation)
    return state is not None and any(moment.what == "paged rung 1" for moment in state.timeline)


async def _over(telling: Telling, evidence: str, failure: Failure) -> None:
    agent, target = telling.agent, await telling.place.target()
    await alerts_intake.tell_over(agent.client, agent.installation, target, failure, evidence)


def _nobodys(telling: Telling, number: int) -> OutsideSymptom:
    return OutsideSymptom(
        type=SignalType.FAILED_DEPLOY,
        subject=Subject(kind="Deployment", namespace="shop", name=f"gone-{number}"),
        value=1,
        threshold=1,
        observed_at=telling.place.clock(),
        source=Source.ALERTMANAGER,
        evidence_digest=f"n{number}",
    )

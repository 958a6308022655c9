"""The stories of alerts from outside. Comes after `telling.py`; `stories.py` has them in its list."""

from __future__ import annotations

from byteport.contracts.alerts import AlertBatch, AlertsState, Untreated
from byteport.contracts.symptoms import OutsideSymptom, Subject
from byteport.contracts.workflows import STATE, ToldOver
from byteport.domain.failures import Failure
from byteport.domain.ids import alerts_id
from byteport.domain.signals import SignalType, Source
from byteport.temporal import alerts_intake
from tests.agent.places import eventually
from tests.agent.trouble import trouble
from tests.replay.telling import Telling


async def alerts_are_handed_in(telling: Telling) -> None:
    """Until the history is long enough to be begun anew; one alert is nobody's, and people are told."""
    agent = telling.agent
    run = agent.client.get_workflow_handle(alerts_id(agent.installation.cluster_uid))
    async with telling.working():
        await trouble(telling.place, Failure.CRASHLOOP)
        node = Subject(kind="Node", name="node-1")
        untreated = Untreated(alert="KubeNodeNotReady", subject=node, echoes=3, evidence_digest="n1")
        await _hand_in(telling, 1, untreated)
        await telling.keep("alerts-open", run.id)
        first = (await run.describe()).run_id
        for number in range(2, 12):
            await _hand_in(telling, number)
            if (await run.describe()).run_id != first:
                break
        await telling.keep("alerts-before-continue-as-new", run.id, first)


async def its_alert_is_over_while_it_waits(telling: Telling) -> None:
    """Once too early, which changes nothing; once when it is so, and nobody waits for the next look by time."""
    agent = telling.agent
    async with telling.working():
        await trouble(telling.place, Failure.BAD_ROLLOUT)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        await agent.asked()
        await _tell_over(telling, "too early")
        await telling.place.release(3)
        await telling.place.serves()
        await _tell_over(telling, "over")
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-recovered-when-told", remediation)


async def _hand_in(telling: Telling, number: int, *untreated: Untreated) -> None:
    """And wait until it was looked at."""
    agent = telling.agent
    symptom = OutsideSymptom(
        type=SignalType.POD_CRASHLOOP,
        subject=Subject(kind="Deployment", namespace="shop", name="web"),
        value=1,
        threshold=1,
        observed_at=telling.place.clock(),
        source=Source.ALERTMANAGER,
        evidence_digest=f"a{number}",
    )
    batch = AlertBatch(symptoms=(symptom,), untreated=untreated)
    started = await alerts_intake.hand_in(agent.client, agent.installation, batch)
    handle = agent.client.get_workflow_handle(started.workflow_id)

    async def looked() -> bool:
        state: AlertsState = await handle.query(STATE, result_type=AlertsState)
        return state.waiting == 0

    await eventually(f"alert {number} to be looked at", looked)


async def _tell_over(telling: Telling, evidence: str) -> None:
    agent, target = telling.agent, await telling.place.target()
    told = ToldOver(evidence_digest=evidence)
    await alerts_intake.tell_over(agent.client, agent.installation, target, Failure.BAD_ROLLOUT, told)

"""The stories of what ends, or is taken up again, while people have it. Comes after `alerting.py`; `stories.py` has them in its list."""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import SearchAttributePair, TypedSearchAttributes

from byteport.contracts.alerts import AlertBatch
from byteport.contracts.orchestration import REPORT_TROUBLE
from byteport.contracts.symptoms import OutsideSymptom, Subject
from byteport.contracts.workflows import REMEDIATION, Phase, ToldOver
from byteport.domain.approvals import Answer
from byteport.domain.failures import Failure
from byteport.domain.ids import alerts_id
from byteport.domain.reasons import Reason
from byteport.domain.signals import Signal, SignalType, Source
from byteport.sandbox.controlplane import FAULT_ANNOTATION
from byteport.temporal import alerts_intake, intake
from byteport.temporal.attributes import CLUSTER
from tests.agent.places import eventually
from tests.agent.trouble import trouble
from tests.replay.telling import Telling

MANY = {"targets": 5, "common_targets": 3, "window_seconds": 600, "calm_seconds": 1}
ASKED = 2
"""How often the storm watch was told, once its page has waited for others."""


async def its_alerts_are_over_and_so_is_it(telling: Telling) -> None:
    """Too early once, and the alert fires again; then it is so, and whoever was paged hears of the end."""
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
        await _alert(telling, "a1", SignalType.POD_CRASHLOOP)
        await place.annotate_pod(victim, {FAULT_ANNOTATION: None})
        await place.elapse(3600)
        await _over(telling, "a1", Failure.CRASHLOOP)
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


async def its_alert_is_over_before_it_is_judged(telling: Telling) -> None:
    """A release is too young to be judged, and the next one is well."""
    agent, place = telling.agent, telling.place
    async with telling.working():
        await place.healthy()
        await place.elapse(7200)
        await place.release(2, fault="crash")
        await place.elapse(1)
        remediation = await _alert(telling, "e1", SignalType.ERROR_RATE)

        async def waits() -> bool:
            state = await agent.state(remediation)
            return state is not None and state.reasons == (Reason.TOO_EARLY,)

        await eventually("it to be too early to tell", waits)
        await telling.keep("remediation-open-at-diagnose-too-early", remediation)
        await place.release(3)
        await place.elapse(300)
        await _over(telling, "e1", Failure.BAD_ROLLOUT)
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-recovered-before-judged", remediation)


async def a_release_crashes_while_a_question_of_an_alert_waits(telling: Telling) -> None:
    """Another question is asked at once, of another plan."""
    agent, place = telling.agent, telling.place
    async with telling.working():
        await trouble(place, Failure.BAD_ROLLOUT)
        remediation = await _alert(telling, "e1", SignalType.ERROR_RATE)
        first = await agent.asked()
        await telling.keep("remediation-open-at-await-of-an-alert", remediation)
        await place.release(3, fault="crash")
        await place.elapse(700)
        await agent.report(Failure.BAD_ROLLOUT)
        again = await agent.asked(other_than=first.plan_digest)
        await agent.give(agent.sign(again, answer=Answer.REJECT))
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-asked-afresh", remediation)


async def many_are_still_to_be_diagnosed(telling: Telling) -> None:
    """Its page waits until the storm watch was asked how it stands with the others, more than a minute from then."""
    agent, place = telling.agent, telling.place
    ours = TypedSearchAttributes([SearchAttributePair(CLUSTER, agent.installation.cluster_name)])
    for number in range(MANY["targets"]):
        await agent.client.start_workflow(
            REMEDIATION, id=f"remediate:other-{number}", task_queue="nobodys", search_attributes=ours
        )
    async with telling.working():
        await place.healthy()
        await place.annotate_pod((await place.pods())[0]["metadata"]["name"], {FAULT_ANNOTATION: "liveness"})
        await place.elapse(400)
        remediation = await agent.report(Failure.CRASHLOOP)

        async def asked_again() -> bool:
            history = await agent.history(remediation)
            scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
            return [one.activity_type.name for one in scheduled].count(REPORT_TROUBLE.name) == ASKED

        await eventually("the storm watch to be asked again", asked_again, within=120)
        await telling.keep("remediation-open-at-escalate-among-many", remediation)


async def alerts_come_without_a_pause(telling: Telling) -> None:
    """One of them fires, ends and fires again; the run is renewed while they come."""
    agent = telling.agent
    run = agent.client.get_workflow_handle(alerts_id(agent.installation.cluster_uid))
    async with telling.working():
        await telling.place.healthy()
        first = ""
        again = _nobodys(telling, 0)
        for number in range(60):
            symptom = _nobodys(telling, number) if number > 2 else again.model_copy(update={"over": number == 1})
            await alerts_intake.hand_in(agent.client, agent.installation, AlertBatch(symptoms=(symptom,)))
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
    await alerts_intake.tell_over(agent.client, agent.installation, target, failure, ToldOver(evidence_digest=evidence))


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

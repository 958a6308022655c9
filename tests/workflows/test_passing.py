"""What waits for a person ends by itself when its alerts call it over and the cluster shows it; and is taken up again when the
cluster shows by itself what only an alert had told of."""

from __future__ import annotations

from datetime import timedelta

import pytest

from byteport.audit.words import Event
from byteport.contracts.kubernetes import READ_SITUATION
from byteport.contracts.ledger import Decision
from byteport.contracts.people import Ending
from byteport.contracts.workflows import Phase, ToldOver
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.domain.signals import SignalType, Source
from byteport.kubernetes import port
from byteport.sandbox.simulated import SimulatedCluster
from byteport.temporal.alerts_intake import tell_over
from tests.workflows.interference import Outage, held
from tests.workflows.patience import paged, until, until_so
from tests.workflows.remediation import Remediation, remediation_of
from tests.workflows.world import World
from workflows.phases.passing import AGAIN

pytestmark = pytest.mark.slow


async def alerted(world: World, *alerts: str, reporter: str = "", by: str = "") -> Remediation:
    """A pod is killed by its own liveness probe, which is a person's; alerts tell of it, and people were paged."""
    world.policy(settle_seconds=5)
    await world.one_pod_crashes(fault="liveness")
    remediation = await remediation_of(world, Failure.CRASHLOOP)
    with world.time_stands_still():
        for alert in alerts:
            await tell(remediation, alert, reporter=reporter, by=by)
    await remediation.until(Phase.ESCALATED)
    await paged(world)
    return remediation


async def tell(
    remediation: Remediation, alert: str, *, kind: SignalType | None = None, reporter: str = "", by: str = ""
) -> None:
    signal = remediation.signal(alert, kind=kind, reporter=reporter)
    source = Source.PERSON if reporter else Source.ALERTMANAGER
    await remediation.report(signal.model_copy(update={"source": source, "sender": by}))


async def call_over(remediation: Remediation, alert: str, *, by: str = "") -> None:
    world, told = remediation.world, ToldOver(evidence_digest=alert, sender=by, source=Source.ALERTMANAGER)
    await tell_over(world.client, world.installation, remediation.target, remediation.failure, told)


async def heal(world: World, cluster: SimulatedCluster) -> None:
    for pod in await world.pods():
        await cluster.annotate_pod("shop", str(pod["metadata"]["name"]), {"sim.byteport.io/fault": None})
    world.advance(3600)


def endings(world: World) -> list[Ending]:
    return [notice.ending for notice in world.notices if notice.ending is not None]


@pytest.mark.claim("C-487")
async def test_what_all_its_alerts_call_over_ends_once_the_cluster_shows_it_and_people_hear_it_once(
    world: World, cluster: SimulatedCluster
) -> None:
    remediation = await alerted(world, "a1", "a2")
    await heal(world, cluster)
    await call_over(remediation, "a1")
    await remediation.pass_time(120)
    assert (await remediation.state()).phase is Phase.ESCALATED  # one of them still fires
    await call_over(remediation, "a2")
    await remediation.pass_time(30)
    closed = await remediation.closed()
    assert (closed.decision, closed.reasons) == (Decision.ESCALATED, (Reason.RECOVERED,))
    last = world.records[-1]
    assert (last.event, last.reason) == (Event.SKIPPED, "recovered")
    assert endings(world) == [Ending.OVER]
    assert world.writes == []


@pytest.mark.claim("C-487")
async def test_no_word_ends_it_while_the_cluster_shows_it_and_it_looks_again_by_itself(
    world: World, cluster: SimulatedCluster
) -> None:
    remediation = await alerted(world, "a1")
    await call_over(remediation, "a1")
    await remediation.pass_time(AGAIN[0].total_seconds() + 10)
    assert (await remediation.state()).phase is Phase.ESCALATED
    assert endings(world) == []
    await heal(world, cluster)
    await remediation.pass_time(AGAIN[1].total_seconds() + 30)
    assert (await remediation.closed()).reasons == (Reason.RECOVERED,)


async def test_what_comes_back_while_it_settles_stays_with_people(world: World, cluster: SimulatedCluster) -> None:
    world.policy(settle_seconds=60)
    remediation = await alerted(world, "a1")
    await heal(world, cluster)
    await call_over(remediation, "a1")
    await remediation.pass_time(2)
    await tell(remediation, "a2")
    await remediation.pass_time(600)
    assert (await remediation.state()).phase is Phase.ESCALATED


@pytest.mark.claim("C-930")
async def test_what_is_escalated_ends_by_the_senders_of_its_alerts_alone_and_each_for_its_own(
    world: World, cluster: SimulatedCluster
) -> None:
    """Two senders tell of one observation; a third tells its end, and an end of something that nobody told of."""
    remediation = await alerted(world, "a1@1", by="token/one")
    await tell(remediation, "a1@1", by="token/two")
    await heal(world, cluster)
    for alert, sender in (("a1@1", "token/three"), ("a9@1", "token/three"), ("a1@1", "token/one")):
        await call_over(remediation, alert, by=sender)
    await remediation.pass_time(120)
    assert (await remediation.state()).phase is Phase.ESCALATED
    await call_over(remediation, "a1@1", by="token/two")
    await remediation.pass_time(30)
    assert (await remediation.closed()).reasons == (Reason.RECOVERED,)


@pytest.mark.claim("C-930")
async def test_what_only_the_watch_has_told_of_no_senders_end_closes(world: World, cluster: SimulatedCluster) -> None:
    world.policy(settle_seconds=5)
    await world.one_pod_crashes(fault="liveness")
    remediation = await remediation_of(world, Failure.CRASHLOOP)
    with world.time_stands_still():
        await remediation.report()
    await remediation.until(Phase.ESCALATED)
    await heal(world, cluster)
    await call_over(remediation, "a1@1", by="token/one")
    await remediation.pass_time(600)
    assert (await remediation.state()).phase is Phase.ESCALATED


@pytest.mark.claim("C-487")
async def test_an_alert_that_is_told_again_after_its_end_fires(world: World, cluster: SimulatedCluster) -> None:
    world.policy(settle_seconds=60)
    remediation = await alerted(world, "a1@1")
    await heal(world, cluster)
    await call_over(remediation, "a1@1")
    await remediation.pass_time(2)
    await tell(remediation, "a1@1")
    await remediation.pass_time(600)
    assert (await remediation.state()).phase is Phase.ESCALATED
    await call_over(remediation, "a1@1")
    await remediation.pass_time(70)
    assert (await remediation.closed()).reasons == (Reason.RECOVERED,)


@pytest.mark.claim("C-487")
async def test_whoever_takes_it_over_meanwhile_has_it(world: World, cluster: SimulatedCluster) -> None:
    world.policy(settle_seconds=60)
    remediation = await alerted(world, "a1")
    await heal(world, cluster)
    await call_over(remediation, "a1")
    await remediation.acknowledge(by="grace")
    await remediation.closed()
    assert endings(world) == [Ending.TAKEN_OVER]


@pytest.mark.claim("C-487")
async def test_what_a_person_reported_waits_for_a_person(world: World, cluster: SimulatedCluster) -> None:
    remediation = await alerted(world, "mine", reporter="ada")
    await tell(remediation, "a1")
    await heal(world, cluster)
    await call_over(remediation, "a1")
    await remediation.pass_time(600)
    assert (await remediation.state()).phase is Phase.ESCALATED


@pytest.mark.claim("C-487")
async def test_what_the_agent_has_touched_waits_for_a_person(world: World, cluster: SimulatedCluster) -> None:
    world.policy(mode="auto", settle_seconds=5)
    await world.a_release_fails()
    remediation = await remediation_of(world, Failure.BAD_ROLLOUT)
    with world.time_stands_still(), held(cluster, "patch", port.DEPLOYMENTS) as hold:
        await tell(remediation, "a1")
        await hold.reached.wait()
        await cluster.scale("shop/web", 0)
    await remediation.until(Phase.ESCALATED)
    await cluster.scale("shop/web", 3)
    world.advance(3600)
    await call_over(remediation, "a1")
    await remediation.pass_time(600)
    assert (await remediation.state()).phase is Phase.ESCALATED


async def errors(world: World, *, began: timedelta) -> Remediation:
    """Alone an alert of failing requests tells of it, and that they did not begin with the newest release."""
    remediation = await remediation_of(world, Failure.BAD_ROLLOUT)
    signal = remediation.signal("errors", kind=SignalType.ERROR_RATE)
    at = world.clock() - began
    with world.time_stands_still():
        await remediation.report(signal.model_copy(update={"source": Source.ALERTMANAGER, "observed_at": at}))
    return remediation


@pytest.mark.claim("C-485")
async def test_a_release_that_crashes_is_undone_though_an_alert_was_escalated_before(
    world: World, cluster: SimulatedCluster
) -> None:
    world.policy(mode="auto", settle_seconds=5)
    await world.healthy(for_seconds=7200)
    world.clock.to_present()
    remediation = await errors(world, began=timedelta(0))
    waiting = await remediation.until(Phase.ESCALATED)
    assert Reason.NOT_WITH_RELEASE in waiting.state.reasons
    await paged(world)
    await cluster.deploy("shop/web", image="web:2", fault="crash")
    world.advance(700)
    await remediation.report(remediation.signal())
    await until(lambda: world.writes, "the rollback")
    world.advance(60)
    await remediation.pass_time(60)
    closed = await remediation.closed()
    assert closed.decision is Decision.ACTED
    assert await world.image() == "web:1"
    assert endings(world) == [Ending.OVER]


@pytest.mark.claim("C-485")
async def test_what_the_cluster_shows_while_the_ledger_cannot_record_that_people_were_told_counts_as_well(
    world: World, cluster: SimulatedCluster
) -> None:
    world.policy(mode="auto", settle_seconds=5)
    await world.healthy(for_seconds=7200)
    world.clock.to_present()
    outage = Outage(world)
    with held(cluster, "list", port.EVENTS) as hold:
        remediation = await errors(world, began=timedelta(0))
        await hold.reached.wait()
        await until_so(lambda: only_looks(remediation), "the ledger to have been asked")
        outage.begin()
    await remediation.until(Phase.ESCALATED)
    await cluster.deploy("shop/web", image="web:2", fault="crash")
    world.advance(700)
    await remediation.report(remediation.signal())
    assert (await remediation.state()).reports == 2
    outage.end()
    await until(lambda: world.writes, "the rollback")
    assert await world.image() == "web:1"


async def only_looks(remediation: Remediation) -> bool:
    pending = (await remediation.handle.describe()).raw_description.pending_activities
    return [one.activity_type.name for one in pending] == [READ_SITUATION.name]


async def test_errors_that_are_over_before_the_release_was_judged_are_nobodys(
    world: World, cluster: SimulatedCluster
) -> None:
    await world.healthy(for_seconds=7200)
    await cluster.deploy("shop/web", image="web:2", fault="crash")
    world.advance(10)
    world.clock.to_present()
    remediation = await errors(world, began=timedelta(0))

    async def waits() -> bool:
        return (await remediation.state()).reasons == (Reason.TOO_EARLY,)

    await until_so(waits, "it to be too early to tell")
    await cluster.deploy("shop/web", image="web:3")
    world.advance(300)
    await call_over(remediation, "errors")
    await remediation.pass_time(7)
    closed = await remediation.closed()
    assert (closed.decision, closed.reasons) == (Decision.SKIPPED, (Reason.RECOVERED,))
    assert world.notices == []

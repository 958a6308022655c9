"""A source calls failing requests over while people think about a rollback: the same alert's word counts, and nobody else's."""

from datetime import timedelta

import pytest

from byteport.contracts.ledger import Decision
from byteport.contracts.workflows import ApprovalOutcome, Phase, ToldOver
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.domain.signals import SignalType, Source
from byteport.sandbox.simulated import SimulatedCluster
from byteport.temporal.alerts_intake import tell_over
from tests.workflows.remediation import Remediation, remediation_of
from tests.workflows.world import World

pytestmark = pytest.mark.slow


async def errors_after_a_release(world: World, *alerts: str, by: str = "") -> Remediation:
    """`shop/web:2` never served, and it is alerts of failing requests that tell of it."""
    world.policy(settle_seconds=1, reread_seconds=600)
    await world.a_release_fails()
    remediation = await remediation_of(world, Failure.BAD_ROLLOUT)
    for alert in alerts:
        signal = remediation.signal(alert, kind=SignalType.ERROR_RATE)
        began = world.clock() - timedelta(minutes=50)  # the release is an hour old
        told = {"source": Source.ALERTMANAGER, "observed_at": began, "sender": by}
        await remediation.report(signal.model_copy(update=told))
    return remediation


async def call_over(remediation: Remediation, alert: str, *, by: str = "") -> None:
    world, told = remediation.world, ToldOver(evidence_digest=alert, sender=by, source=Source.ALERTMANAGER)
    await tell_over(world.client, world.installation, remediation.target, remediation.failure, told)


async def test_the_end_of_its_own_alert_takes_the_request_back_where_the_rollout_is_well(
    world: World, cluster: SimulatedCluster
) -> None:
    remediation = await errors_after_a_release(world, "a1")
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    await cluster.deploy("shop/web", image="web:3")
    world.advance(300)
    await call_over(remediation, "a1")
    closed = await remediation.closed()
    assert (closed.decision, closed.reasons) == (Decision.SKIPPED, (Reason.RECOVERED,))
    assert (await waiting.asked()).outcome is ApprovalOutcome.WITHDRAWN
    assert world.writes == []


@pytest.mark.claim("C-930")
async def test_the_end_that_another_sender_tells_takes_nothing_back_and_people_see_who_did(
    world: World, cluster: SimulatedCluster
) -> None:
    remediation = await errors_after_a_release(world, "a1@1", by="token/monitoring")
    await remediation.until(Phase.AWAITING_APPROVAL)
    await cluster.deploy("shop/web", image="web:3")
    world.advance(300)
    for alert in ("a1@1", "a1@2", "a2@1"):
        await call_over(remediation, alert, by="token/other")
    state = await remediation.state()
    assert state.phase is Phase.AWAITING_APPROVAL
    said = [moment.what for moment in state.timeline if moment.what.startswith("not heeded")]
    assert said == ["not heeded: token/other calls an alert over that another sender sent"]
    await call_over(remediation, "a1@1", by="token/monitoring")
    assert (await remediation.closed()).reasons == (Reason.RECOVERED,)


async def test_it_takes_nothing_back_where_the_cluster_does_not_agree(world: World) -> None:
    remediation = await errors_after_a_release(world, "a1")
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    await call_over(remediation, "a1")
    await waiting.approve(by="ada")
    assert (await remediation.closed()).decision is Decision.ACTED
    assert len(world.writes) == 1


@pytest.mark.claim("C-485")
async def test_a_new_release_that_fails_is_not_kept_waiting_by_a_question_that_an_alert_has_raised(
    world: World, cluster: SimulatedCluster
) -> None:
    """The target is read at once, and not when its time comes, once the cluster shows by itself what only an alert had told of."""
    remediation = await errors_after_a_release(world, "a1")
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    await cluster.deploy("shop/web", image="web:3", fault="crash")
    world.advance(700)
    await remediation.report()
    again = await remediation.until_asked_again(waiting)
    assert (await waiting.asked()).outcome is ApprovalOutcome.WITHDRAWN
    assert again.plan_digest != waiting.plan_digest
    assert world.writes == []

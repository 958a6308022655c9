"""What happens to a plan while people think: the world goes on, and a yes is to what was planned and nothing else."""

import pytest

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision
from byteport.contracts.people import Ending
from byteport.contracts.workflows import ApprovalOutcome, Phase
from byteport.domain.approvals import Answer, NotTaken, Rejection, Taken
from byteport.domain.reasons import Reason
from byteport.errors import PreconditionFailed
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows.remediation import Remediation, crash_loop
from tests.workflows.world import World

pytestmark = pytest.mark.slow


@pytest.mark.claim("C-050")
async def test_a_yes_is_void_when_somebody_has_deployed_what_works(
    world: World, cluster: SimulatedCluster, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    await cluster.deploy("shop/web", image="web:3")
    assert isinstance((await waiting.approve(by="ada")).verdict, Taken)
    closed = await bad_release.closed()
    assert (closed.decision, closed.reasons) == (Decision.SKIPPED, (Reason.RECOVERED,))
    assert (world.writes, await world.image()) == ([], "web:3")
    assert [notice.ending for notice in world.notices] == [None, Ending.OVER]


async def test_a_yes_is_void_when_somebody_has_deployed_another_failing_release(
    world: World, cluster: SimulatedCluster, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    yes = await waiting.signed(by="ada")
    await cluster.deploy("shop/web", image="web:3", fault="crash")
    world.advance(700)
    await waiting.give(yes)
    again = await bad_release.until_asked_again(waiting)
    assert again.plan_digest != waiting.plan_digest
    assert world.writes == []
    reply = await again.approve(by="ada")
    assert isinstance(reply.verdict, Taken)
    await bad_release.closed()
    assert (len(world.writes), await world.image()) == (1, "web:1")


async def test_a_deploy_is_noticed_without_any_answer_and_the_old_request_is_taken_back(
    world: World, cluster: SimulatedCluster, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    late = await waiting.signed(by="ada")
    await cluster.deploy("shop/web", image="web:3", fault="crash")
    again = await bad_release.until_asked_again(waiting)
    assert again.plan_digest != waiting.plan_digest
    assert (await waiting.asked()).outcome is ApprovalOutcome.WITHDRAWN
    assert [record.reason for record in world.records if record.event is Event.EXPIRED] == ["target_changed"]
    assert (await waiting.give(late)).verdict == NotTaken(because=Rejection.CLOSED)
    assert world.writes == []


@pytest.mark.claim("C-022")
async def test_nothing_is_done_when_the_label_is_taken_away_before_the_yes(
    world: World, cluster: SimulatedCluster, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    await cluster.label_namespace("shop", {ENABLED_LABEL: None})
    await waiting.approve(by="ada")
    closed = await bad_release.closed()
    assert (closed.decision, closed.reasons) == (Decision.SKIPPED, (Reason.NAMESPACE_NOT_ENABLED,))
    assert world.writes == []


@pytest.mark.claim("C-022")
async def test_the_label_taken_away_is_noticed_without_any_answer(
    cluster: SimulatedCluster, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    await cluster.label_namespace("shop", {ENABLED_LABEL: None})
    assert (await bad_release.closed()).reasons == (Reason.NAMESPACE_NOT_ENABLED,)
    assert (await waiting.asked()).outcome is ApprovalOutcome.WITHDRAWN


async def test_a_target_that_recovers_by_itself_and_stays_so_voids_the_request(
    world: World, cluster: SimulatedCluster
) -> None:
    world.policy(settle_seconds=1)
    remediation = await crash_loop(world)
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    for pod in await world.pods():
        await cluster.annotate_pod("shop", pod["metadata"]["name"], {"sim.byteport.io/fault": None})
    world.advance(1800)
    closed = await remediation.closed()
    assert (closed.decision, closed.reasons) == (Decision.SKIPPED, (Reason.RECOVERED,))
    assert (await waiting.asked()).outcome is ApprovalOutcome.WITHDRAWN
    assert world.writes == []
    assert [record.event for record in world.records] == [Event.PLANNED, Event.EXPIRED, Event.SKIPPED]


@pytest.mark.claim("C-050")
async def test_a_changed_policy_voids_the_request_and_the_plan_is_asked_about_again(
    world: World, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    yes = await waiting.signed(by="ada")
    world.policy(settle_seconds=31)
    await waiting.give(yes)
    again = await bad_release.until_asked_again(waiting)
    assert world.writes == []
    stale = world.people.sign(await waiting.request(), Answer.APPROVE, by="grace", now=world.clock())
    assert (await again.give(stale)).verdict == NotTaken(because=Rejection.CLOSED)
    await again.approve(by="ada")
    await bad_release.closed()
    assert len(world.writes) == 1


@pytest.mark.claim("C-050")
async def test_a_failed_precondition_voids_the_yes_and_the_target_is_diagnosed_again(
    world: World, cluster: SimulatedCluster, bad_release: Remediation
) -> None:
    """What the API server says by 422 when a test of the patch does not hold."""
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    yes = await waiting.signed(by="ada")
    cluster.fail_next("patch", PreconditionFailed("a test of the patch did not apply"))
    await waiting.give(yes)
    again = await bad_release.until_asked_again(waiting)
    assert world.writes == []
    assert [r.result for r in world.records if r.event is Event.FINISHED] == ["failure"]
    assert (await again.asked()).taken == ()
    await again.approve(by="ada")
    await bad_release.closed()
    assert len(world.writes) == 1

"""What follows an act: healthy for the settle time, or the guarded inverse and a page."""

import pytest

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import Phase
from byteport.domain.reasons import Reason
from byteport.kubernetes import port
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows.interference import after_the_call, before_the_call
from tests.workflows.patience import paged
from tests.workflows.remediation import Remediation, Waiting
from tests.workflows.restored import FAULT, image_of, restored_pods_fail
from tests.workflows.world import JSON, World

pytestmark = pytest.mark.slow


def outcomes(world: World) -> list[tuple[Event, Result | None, str | None]]:
    return [(record.event, record.result, record.reason) for record in world.records if record.action_id]


def created(pod: JSON) -> str:
    return str(pod["metadata"]["creationTimestamp"])


async def test_a_rollback_that_costs_pods_is_undone_once_and_escalated(
    world: World, cluster: SimulatedCluster, half_bad: Waiting
) -> None:
    after_the_call(cluster, "patch", lambda: restored_pods_fail(world))
    await half_bad.approve(by="grace")
    await half_bad.remediation.until(Phase.ESCALATED)
    assert ([verb for verb, _ in world.writes], await world.image()) == (["patch", "patch"], "web:2")
    assert outcomes(world) == [
        (Event.STARTED, None, None),
        (Event.FINISHED, Result.FAILURE, "not_verified"),
        (Event.STARTED, None, None),
        (Event.REVERTED, Result.SUCCESS, "not_verified"),
    ]
    page = await paged(world, phase="escalated")
    assert page.tried == (
        "done: kubectl rollout undo deployment/web -n shop --to-revision=1",
        "it did not help: not_verified",
        "done: kubectl rollout undo deployment/web -n shop --to-revision=2",
    )


async def test_pods_that_were_lost_while_people_thought_are_no_reason_to_undo_a_rollback(
    world: World, half_bad: Waiting
) -> None:
    """Fewer pods than when the plan was made, but none fewer than at the act: going forward again would mend nothing."""
    await restored_pods_fail(world)
    await half_bad.approve(by="grace")
    await half_bad.remediation.until(Phase.ESCALATED)
    assert ([verb for verb, _ in world.writes], await world.image()) == (["patch"], "web:1")
    assert "not undone: not_verified" in (await paged(world, phase="escalated")).tried


async def test_a_pod_that_hangs_in_terminating_is_no_reason_to_undo_a_rollback(
    world: World, cluster: SimulatedCluster, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    hangs = next(pod for pod in await world.pods() if image_of(pod) == "web:2")["metadata"]["name"]
    await cluster.set_finalizers(port.PODS, "shop", hangs, ["example.com/hold"])
    await waiting.approve(by="ada")
    closed = await bad_release.closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert "deletionTimestamp" in (await cluster.get(port.PODS, "shop", hangs))["metadata"]
    assert len(world.writes) == 1


async def test_a_good_revision_that_is_slow_to_pull_is_left_as_it_is_and_escalated(
    world: World, cluster: SimulatedCluster, bad_release: Remediation
) -> None:
    async def one_pod_pulls_slowly() -> None:
        old = next(pod for pod in await world.pods() if image_of(pod) == "web:1")
        await cluster.remove(port.PODS, "shop", old["metadata"]["name"])
        for pod in await world.pods():
            if pod["status"]["phase"] == "Pending":
                await cluster.annotate_pod("shop", pod["metadata"]["name"], {FAULT: "image"})

    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    after_the_call(cluster, "patch", one_pod_pulls_slowly)
    await waiting.approve(by="ada")
    escalated = await bad_release.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.NOT_VERIFIED,)
    assert (len(world.writes), await world.image()) == (1, "web:1")
    assert outcomes(world)[-1] == (Event.FINISHED, Result.FAILURE, "not_verified")
    assert "not undone: not_verified" in (await paged(world)).tried


async def test_a_target_scaled_to_nothing_is_failure_not_health(
    world: World, cluster: SimulatedCluster, bad_release: Remediation
) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    after_the_call(cluster, "patch", lambda: cluster.scale("shop/web", 0))
    await waiting.approve(by="ada")
    escalated = await bad_release.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.SCALED_TO_ZERO,)
    assert len(world.writes) == 1


async def test_no_new_pod_within_a_minute_of_a_delete_is_paged_at_once(
    world: World, cluster: SimulatedCluster, crash_to_come: Remediation
) -> None:
    """A quota that was lowered in the same second: the outage is one that we made, and no deadline is waited out."""
    before_the_call(cluster, "delete", lambda: quota_is_full(cluster))
    await crash_to_come.report()
    escalated = await crash_to_come.until(Phase.ESCALATED)
    assert escalated.state.reasons == (Reason.NO_REPLACEMENT,)
    assert len(world.writes) == 1
    page = await paged(world)
    assert 60 <= (page.at - cluster.mutations()[0].at).total_seconds() < 90
    assert page.reasons == (Reason.NO_REPLACEMENT,)


@pytest.mark.claim("C-048")
async def test_a_fix_that_does_not_help_is_escalated_and_the_next_of_its_kind_is_not_repeated(
    world: World, cluster: SimulatedCluster, crash_to_come: Remediation
) -> None:
    async def replacement_crashes_too() -> None:
        for pod in await world.pods():
            if pod["status"]["phase"] == "Pending":
                await cluster.annotate_pod("shop", pod["metadata"]["name"], {FAULT: "transient"})
        world.advance(5)

    after_the_call(cluster, "delete", replacement_crashes_too)
    await crash_to_come.report()
    escalated = await crash_to_come.until(Phase.ESCALATED)
    assert escalated.state.result is Result.FAILURE
    await crash_to_come.acknowledge()
    await crash_to_come.closed()
    healed, *others = sorted(await world.pods(), key=created, reverse=True)
    await cluster.annotate_pod("shop", healed["metadata"]["name"], {FAULT: None})
    world.advance(1800)  # well for so long that its restarts are no present trouble
    await cluster.annotate_pod("shop", others[0]["metadata"]["name"], {FAULT: "transient"})
    world.advance(400)
    await crash_to_come.report()
    again = await crash_to_come.until(Phase.AWAITING_APPROVAL)
    assert again.state.reasons == (Reason.DID_NOT_HOLD,)
    assert len(world.writes) == 1


async def quota_is_full(cluster: SimulatedCluster) -> None:
    await cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "few", "namespace": "shop"},
            "spec": {"hard": {"pods": "1"}},
        }
    )

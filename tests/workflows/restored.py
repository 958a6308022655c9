"""A release of which one pod serves, whose rollback two people must agree to, and which may cost pods."""

from __future__ import annotations

from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from tests.workflows.remediation import Waiting, remediation_of
from tests.workflows.world import JSON, World

FAULT = "sim.byteport.io/fault"


async def half_bad(world: World) -> Waiting:
    """One pod of the new release serves and the others crash; ada has said yes to going back, and grace has not yet."""
    world.policy(approvals={"FailedDeployAutoRollbackRunbook": {"quorum": 2}})
    await world.healthy(replicas=8)
    await world.cluster.deploy("shop/web", image="web:2", fault="crash")
    world.advance(700)
    lucky = next(pod for pod in await world.pods() if image_of(pod) == "web:2")
    await world.cluster.annotate_pod("shop", lucky["metadata"]["name"], {FAULT: None})
    world.advance(5)
    world.clock.to_present()
    remediation = await remediation_of(world, Failure.BAD_ROLLOUT)
    await remediation.report()
    waiting = await remediation.until(Phase.AWAITING_APPROVAL)
    await waiting.approve(by="ada")
    return waiting


async def restored_pods_fail(world: World) -> None:
    """Whatever pod the restored revision has, its readiness probe fails."""
    for _ in range(20):
        for pod in await world.pods():
            await world.cluster.annotate_pod("shop", pod["metadata"]["name"], {FAULT: "probe"})
        world.advance(1)


def image_of(pod: JSON) -> str:
    return str(pod["spec"]["containers"][0]["image"])

"""The rollback runbook on a cluster: diagnosis, plan, patch and health on what an API server really shows."""

from __future__ import annotations

import pytest

from byteport.domain.failures import Failure
from byteport.domain.plans import Refused, RollbackPlan
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal, SignalType
from byteport.errors import PreconditionFailed
from byteport.kubernetes.patches import patch_matches, rollback_patch
from byteport.kubernetes.port import DEPLOYMENTS, REPLICA_SETS
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.rollout_symptoms import RolloutTrouble, rollout_symptom
from byteport.kubernetes.situation import Situation
from byteport.runbooks.base import Health
from byteport.runbooks.failed_deploy_rollback import FailedDeployAutoRollbackRunbook
from tests.integration.cluster_port.stages import BY, Stage
from tests.integration.cluster_port.worlds import signal_about, world_of

RUNBOOK = FailedDeployAutoRollbackRunbook()


async def look(stage: Stage) -> tuple[Signal, Situation]:
    world = await world_of(stage)
    signal = signal_about(world, stage, SignalType.FAILED_DEPLOY)
    return signal, read_situation(world, signal.target, Failure.BAD_ROLLOUT)


async def planned(stage: Stage) -> RollbackPlan:
    """Once its kubelet has said of the new pod what is wrong with it, which may be after the deadline."""
    config = PolicyConfig(rollback_allowed=frozenset({f"{stage.namespace}/web"}))

    async def found() -> RollbackPlan | None:
        signal, situation = await look(stage)
        plan = RUNBOOK.plan(RUNBOOK.diagnose(signal, situation), situation, config)
        return plan if isinstance(plan, RollbackPlan) else None

    plan = await stage.eventually(found)
    assert plan.caveats == ()
    return plan


async def bad_release(stage: Stage, fault: str = "image") -> None:
    await stage.deploy("web", progressDeadlineSeconds=2)
    await stage.complete("web")
    await stage.deploy("web", image="registry.example/app:2", fault=fault, progressDeadlineSeconds=2)

    async def late() -> bool | None:
        world = await world_of(stage)
        symptom = rollout_symptom(world.of("Deployment")[0], world.now)
        return True if symptom is not None and symptom.trouble is RolloutTrouble.DEADLINE_EXCEEDED else None

    await stage.eventually(late)


async def roll_back(stage: Stage, plan: RollbackPlan) -> None:
    deployment = await stage.port.get(DEPLOYMENTS, stage.namespace, "web")
    replica_set = await stage.port.get(REPLICA_SETS, stage.namespace, plan.to_replica_set)
    patch = rollback_patch(deployment, replica_set, BY.action_id)
    sent = {"cluster_uid": "c1", "namespace": stage.namespace, "name": "web", "action_id": BY.action_id}
    assert patch_matches(plan, patch, replica_set, **sent)
    await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", patch, by=BY)


async def health(stage: Stage, plan: RollbackPlan) -> Health:
    _, situation = await look(stage)
    return RUNBOOK.health(plan, situation, acted_at=situation.now, now=situation.now).health


@pytest.mark.parametrize(("fault", "cause"), [("image", Cause.BAD_IMAGE), ("crash", Cause.RELEASE_CRASHES)])
async def test_a_failed_release_is_planned_rolled_back_and_found_healthy(
    stage: Stage, fault: str, cause: Cause
) -> None:
    await bad_release(stage, fault)

    async def told() -> bool | None:
        signal, situation = await look(stage)
        return True if RUNBOOK.diagnose(signal, situation).cause is cause else None

    await stage.eventually(told)
    plan = await planned(stage)
    assert (plan.from_revision, plan.to_revision) == (2, 1)
    assert await health(stage, plan) is Health.FAILED
    await roll_back(stage, plan)

    async def healthy() -> bool | None:
        return True if await health(stage, plan) is Health.HEALTHY else None

    await stage.eventually(healthy)
    signal, situation = await look(stage)
    assert RUNBOOK.recovered(signal, situation)
    assert RUNBOOK.diagnose(signal, situation).silent


async def test_what_we_left_is_known_as_ours_and_what_a_person_wrote_after_us_is_not(stage: Stage) -> None:
    await bad_release(stage)
    plan = await planned(stage)
    await roll_back(stage, plan)
    _, situation = await look(stage)
    offered = RUNBOOK.offered_inverse(plan, situation)
    assert isinstance(offered, RollbackPlan)
    assert offered.to_template_digest == plan.from_template_digest
    assert isinstance(RUNBOOK.inverse(plan, situation, now=situation.now), Refused)
    await stage.deploy("web", image="registry.example/app:3", progressDeadlineSeconds=2)
    _, situation = await look(stage)
    assert RUNBOOK.offered_inverse(plan, situation) == Refused(because=(Reason.TARGET_CHANGED,))


async def test_a_deploy_between_plan_and_act_makes_the_patch_fail(stage: Stage) -> None:
    await bad_release(stage)
    plan = await planned(stage)
    deployment = await stage.port.get(DEPLOYMENTS, stage.namespace, "web")
    replica_set = await stage.port.get(REPLICA_SETS, stage.namespace, plan.to_replica_set)
    patch = rollback_patch(deployment, replica_set, BY.action_id)
    await stage.deploy("web", image="registry.example/app:3", progressDeadlineSeconds=2)
    with pytest.raises(PreconditionFailed):
        await stage.port.patch(DEPLOYMENTS, stage.namespace, "web", patch, by=BY)
    after = await stage.port.get(DEPLOYMENTS, stage.namespace, "web")
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/app:3"

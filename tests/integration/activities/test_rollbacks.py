"""Putting a template back: exactly the agreed one, on exactly the Deployment that the plan was made for."""

import asyncio
from datetime import timedelta

import pytest

from activities.kubernetes import mutations
from byteport.contracts.kubernetes import ROLL_BACK, Mutated
from byteport.domain.plans import RollbackPlan
from byteport.domain.warrants import Warrant
from byteport.errors import NotPermitted, Unavailable, UnknownOutcome
from byteport.kubernetes import port
from byteport.kubernetes.refusals import RollbackRule
from byteport.kubernetes.templates import guard_digest, template_digest, template_of, template_to_restore
from tests.integration.activities.asking import failure, outcome
from tests.integration.activities.simulated_bench import SimulatedBench


async def test_what_is_reported_names_the_object_and_the_action(bench: SimulatedBench, rollback: Warrant) -> None:
    before = await bench.deployment()
    mutated = await bench.act(rollback)
    deployment = await bench.deployment()
    assert mutated == Mutated(
        action_id=rollback.grant.body.action_id,
        already=False,
        at=bench.clock(),
        object_uid=rollback.plan.target.uid,
        resource_version=mutated.resource_version,
        available_before=before["status"]["availableReplicas"],
    )
    assert int(mutated.resource_version) <= int(deployment["metadata"]["resourceVersion"])


@pytest.mark.claim("C-042")
async def test_a_rollback_restores_the_template_and_touches_nothing_else(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    before = await bench.deployment()
    await bench.act(rollback)
    after = await bench.deployment()
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "web:1"
    assert {**after["spec"], "template": 0} == {**before["spec"], "template": 0}
    assert after["metadata"]["annotations"]["byteport.io/action-id"] == rollback.grant.body.action_id


async def test_an_autoscaler_that_scaled_meanwhile_voids_nothing(bench: SimulatedBench, rollback: Warrant) -> None:
    await bench.cluster.scale("shop/web", 7)
    await bench.act(rollback)
    assert (await bench.deployment())["spec"]["replicas"] == 7


async def test_lost_and_unreadable_it_is_unknown(bench: SimulatedBench, rollback: Warrant) -> None:
    bench.cluster.fail_next("patch", UnknownOutcome("no answer"), applied=True)

    async def meanwhile() -> None:
        """Asked last of all before the call: what is read after it is read after the call."""
        bench.cluster.fail_next("get", Unavailable("no route"))

    bench.switch.meanwhile = meanwhile
    assert (await failure(bench, rollback)).type == "unknown_outcome"
    assert (await outcome(bench, rollback)).applied is True


async def test_fault_6_a_server_that_hangs_ends_at_the_calls_own_deadline(
    bench: SimulatedBench, rollback: Warrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a second instead of twelve; the order of the deadlines is tested with the acts themselves."""
    monkeypatch.setattr(type(ROLL_BACK), "client_timeout", timedelta(seconds=0.5))
    bench.cluster.fail_next("patch", Unavailable("too late"), after_seconds=30)
    error = await failure(bench, rollback)
    assert error.type == "unknown_outcome"


async def test_a_call_is_never_begun_when_the_reads_before_it_were_too_slow(
    bench: SimulatedBench, rollback: Warrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutations, "before_the_call", lambda _: 0.1)
    bench.cluster.fail_next("get", Unavailable("too late"), after_seconds=30)
    error = await failure(bench, rollback)
    assert (error.type, error.non_retryable) == ("unavailable", False)
    assert bench.written() == []


NOT_PROVED = NotPermitted("patch deployments shop/web: the admission policy refuses", RollbackRule.NOT_PROVED)


async def test_a_revision_that_serves_and_is_not_proved_is_the_api_servers_own_defect(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    bench.cluster.fail_next("patch", NOT_PROVED)
    error = await failure(bench, rollback)
    assert (error.type, error.non_retryable) == ("not_proved", True)
    assert isinstance(rollback.plan, RollbackPlan)
    assert error.message.endswith(f"though {rollback.plan.to_replica_set} serves")
    assert bench.written() == []


async def test_one_that_serves_no_more_is_rightly_not_proved(bench: SimulatedBench, rollback: Warrant) -> None:
    for pod in await bench.pods():
        await bench.annotate(port.PODS, pod["metadata"]["name"], {"sim.byteport.io/fault": "crash"})
    bench.cluster.advance(30)
    bench.cluster.fail_next("patch", NOT_PROVED)
    assert (await failure(bench, rollback)).type == "not_permitted"


async def test_another_refusal_of_the_policy_is_only_not_permitted(bench: SimulatedBench, rollback: Warrant) -> None:
    bench.cluster.fail_next("patch", NotPermitted("the admission policy refuses"))
    assert (await failure(bench, rollback)).type == "not_permitted"


async def test_a_rollback_replayed_on_another_worker_finds_its_own_stamp(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    await bench.act(rollback)
    assert (await bench.act(rollback, on=bench.new_mutations())).already
    assert len(bench.written()) == 1


async def test_a_rollback_replayed_after_somebody_released_again_writes_nothing(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    """The Deployment is again as the warrant's plan found it; the stamp on the restored revision tells."""
    await bench.act(rollback)
    bench.cluster.advance(5)
    await bench.cluster.deploy(
        "shop/web", image="web:2", fault="crash", annotations={"byteport.io/action-id": "0" * 64}
    )
    bench.cluster.advance(5)
    assert isinstance(rollback.plan, RollbackPlan)
    assert template_digest(template_of(await bench.deployment())) == rollback.plan.from_template_digest
    assert (await bench.act(rollback, on=bench.new_mutations())).already
    assert len(bench.written()) == 1


async def test_fault_12_somebody_deployed_between_diagnosis_and_act(bench: SimulatedBench, rollback: Warrant) -> None:
    await bench.cluster.deploy("shop/web", image="web:3")
    error = await failure(bench, rollback)
    assert error.type == "precondition_failed"
    assert "changed" in error.message
    assert bench.written() == []


async def test_fault_12_somebody_deploys_between_our_read_and_our_call(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    deploying = asyncio.create_task(_deploy_when_asked_whether_halted(bench))
    error = await failure(bench, rollback)
    await deploying
    assert error.type == "precondition_failed"
    assert bench.written() == []


async def _deploy_when_asked_whether_halted(bench: SimulatedBench) -> None:
    asked, deployed = asyncio.Event(), asyncio.Event()

    async def meanwhile() -> None:
        asked.set()
        await deployed.wait()

    bench.switch.meanwhile = meanwhile
    await asked.wait()
    await bench.cluster.deploy("shop/web", image="web:3")
    deployed.set()


async def test_fault_13_paused_since_the_plan_was_made(bench: SimulatedBench, rollback: Warrant) -> None:
    await bench.cluster.pause("shop/web")
    error = await failure(bench, rollback)
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "paused" in error.message


async def test_fault_13_templates_that_are_identical_are_not_written(bench: SimulatedBench, rollback: Warrant) -> None:
    assert isinstance(rollback.plan, RollbackPlan)
    newest = next(item for item in await bench.replica_sets() if _revision(item) == rollback.plan.from_revision)
    same = template_digest(template_to_restore(newest))
    metadata = newest["metadata"]
    plan = rollback.plan.model_copy(
        update={
            "to_replica_set": metadata["name"],
            "to_replica_set_uid": metadata["uid"],
            "to_template_digest": same,
        }
    )
    error = await failure(bench, bench.warrant(plan, auto=False))
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "not the cause" in error.message


def _revision(replica_set: port.JSON) -> int:
    return int(replica_set["metadata"]["annotations"]["deployment.kubernetes.io/revision"])


async def test_fault_13_the_revision_to_go_back_to_is_gone(bench: SimulatedBench, rollback: Warrant) -> None:
    assert isinstance(rollback.plan, RollbackPlan)
    await bench.cluster.set_finalizers(port.REPLICA_SETS, "shop", rollback.plan.to_replica_set, [])
    await bench.cluster.remove(port.REPLICA_SETS, "shop", rollback.plan.to_replica_set)
    error = await failure(bench, rollback)
    assert (error.type, bench.written()) == ("precondition_failed", [])


async def test_fault_14_a_deployment_made_again_under_its_name_is_another(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    await bench.cluster.remove(port.DEPLOYMENTS, "shop", "web")
    await bench.cluster.deploy("shop/web", image="web:1")
    error = await failure(bench, rollback)
    assert (error.type, bench.written()) == ("target_gone", [])


async def test_an_earlier_attempt_that_may_have_acted_before_somebody_deployed_is_unknown(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    await bench.cluster.deploy("shop/web", image="web:3")
    error = await failure(bench, rollback, attempt=2)
    assert (error.type, bench.written()) == ("unknown_outcome", [])


@pytest.mark.claim("C-042")
async def test_a_revision_whose_template_is_not_the_agreed_one_is_not_restored(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    """Somebody who may write ReplicaSets puts another template where the good revision was."""
    assert isinstance(rollback.plan, RollbackPlan)
    good = await bench.cluster.get(port.REPLICA_SETS, "shop", rollback.plan.to_replica_set)
    good["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"
    await bench.cluster.apply(good)
    error = await failure(bench, rollback)
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "arguments" in error.message


@pytest.mark.claim("C-042")
async def test_another_deployments_revision_is_not_restored(bench: SimulatedBench, rollback: Warrant) -> None:
    assert isinstance(rollback.plan, RollbackPlan)
    await bench.cluster.deploy("shop/api", image="api:1")
    (foreign,) = (await bench.cluster.list(port.REPLICA_SETS, "shop", labels="app=api")).items
    plan = rollback.plan.model_copy(
        update={
            "to_replica_set": foreign["metadata"]["name"],
            "to_replica_set_uid": foreign["metadata"]["uid"],
            "to_template_digest": template_digest(template_to_restore(foreign)),
            "guard_digest": guard_digest(await bench.deployment()),
        }
    )
    error = await failure(bench, bench.warrant(plan, auto=False))
    assert (error.type, bench.written()) == ("precondition_failed", [])

"""At most one effect per action id, whatever is lost, killed, throttled, changed meanwhile, or sent again."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes import mutations
from byteport.contracts.kubernetes import ROLL_BACK, Mutated, Outcome, ResolveOutcome
from byteport.domain.ids import audit_id
from byteport.domain.plans import DeletePodPlan, RollbackPlan
from byteport.domain.warrants import Warrant
from byteport.errors import NotPermitted, PreconditionFailed, Throttled, Unavailable, UnknownOutcome
from byteport.kubernetes import port
from byteport.kubernetes.templates import guard_digest, template_digest, template_of, template_to_restore
from tests.integration.activities.bench import SimulatedBench, environment_of


@pytest.fixture
async def deletion(bench: SimulatedBench) -> Warrant:
    """A yes to deleting the pod that crashes."""
    pod = await bench.one_pod_crashes()
    return bench.warrant(await bench.deletion(pod), auto=False)


@pytest.fixture
async def rollback(bench: SimulatedBench) -> Warrant:
    """A yes to going back to the first release."""
    await bench.a_release_fails()
    return bench.warrant(await bench.rollback(), auto=False)


async def failure(bench: SimulatedBench, warrant: Warrant, *, attempt: int = 1) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await bench.act(warrant, attempt=attempt)
    return caught.value


async def outcome(bench: SimulatedBench, warrant: Warrant) -> Outcome:
    return await environment_of().run(bench.outcomes.resolve_outcome, ResolveOutcome(warrant=warrant))


def name_of(warrant: Warrant) -> str:
    return warrant.plan.pod.name if isinstance(warrant.plan, DeletePodPlan) else warrant.plan.target.name


VERB = {"deletion": "delete", "rollback": "patch"}


@pytest.fixture(params=["deletion", "rollback"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def warrant(kind: str, bench: SimulatedBench) -> Warrant:
    """Each of the two acts, approved."""
    if kind == "deletion":
        return bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=False)
    await bench.a_release_fails()
    return bench.warrant(await bench.rollback(), auto=False)


# -- done once --------------------------------------------------------------------------------------------------------


async def test_a_write_carries_its_action_id_to_where_the_api_server_logs_it(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    await bench.act(warrant)
    (mutation,) = bench.cluster.mutations()
    action = warrant.grant.body.action_id
    assert mutation.by == port.Attribution(action, audit_id(action), "byteport-agent")


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


async def test_fault_1_killed_before_the_call_it_acts_once_on_another_worker(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    mutated = await bench.act(warrant, attempt=2, on=bench.new_mutations())
    assert not mutated.already
    assert len(bench.written()) == 1


async def test_fault_2_killed_after_the_call_the_effect_is_found_and_no_second_call_made(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    await bench.act(warrant)
    mutated = await bench.act(warrant, attempt=2, on=bench.new_mutations())
    assert mutated.already
    assert len(bench.written()) == 1


async def test_fault_2_the_effect_is_found_also_when_the_world_has_gone_on(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    await bench.act(warrant)
    bench.cluster.advance(50)
    assert (await bench.act(warrant, attempt=2, on=bench.new_mutations())).already


async def test_what_was_done_is_told_also_when_it_would_not_be_allowed_any_more(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    """The worker died after the call; since then the policy was changed, the key revoked, everything halted."""
    await bench.act(warrant)
    bench.set_policy("mode: observe")
    bench.revoke("ada")
    bench.switch.on = True
    bench.clock.advance(78)
    assert (await bench.act(warrant, attempt=2, on=bench.new_mutations())).already
    assert len(bench.written()) == 1


async def test_what_was_not_done_is_refused_when_it_is_not_allowed_any_more(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    bench.revoke("ada")
    assert (await failure(bench, warrant, attempt=2)).type == "not_permitted"
    assert bench.written() == []


async def test_fault_3_applied_and_the_answer_lost_it_is_found_in_place(
    bench: SimulatedBench, warrant: Warrant, kind: str
) -> None:
    bench.cluster.fail_next(VERB[kind], UnknownOutcome("no answer"), applied=True)  # type: ignore[arg-type]
    mutated = await bench.act(warrant)
    assert mutated.already
    assert len(bench.written()) == 1


async def test_lost_and_not_in_place_it_is_unknown_and_nobody_tries_again(
    bench: SimulatedBench, warrant: Warrant, kind: str
) -> None:
    bench.cluster.fail_next(VERB[kind], UnknownOutcome("no answer"))  # type: ignore[arg-type]
    error = await failure(bench, warrant)
    assert (error.type, error.non_retryable) == ("unknown_outcome", True)


async def test_lost_and_unreadable_it_is_unknown(bench: SimulatedBench, rollback: Warrant) -> None:
    bench.cluster.fail_next("patch", UnknownOutcome("no answer"), applied=True)

    async def halted() -> bool:
        """Asked last of all before the call: what is read after it is read after the call."""
        bench.cluster.fail_next("get", Unavailable("no route"))
        return False

    bench.switch.halted = halted  # type: ignore[method-assign]
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


async def test_a_grant_that_ends_while_we_read_is_noticed_as_the_last_thing(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    async def halted() -> bool:
        bench.clock.advance(78)
        return False

    bench.switch.halted = halted  # type: ignore[method-assign]
    error = await failure(bench, warrant)
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "lease" in error.message


async def test_a_request_that_arrives_while_the_next_attempt_is_preparing_is_found(
    bench: SimulatedBench, warrant: Warrant, kind: str
) -> None:
    """The zombie of the attempt before writes between this attempt's look and its call."""
    bench.cluster.fail_next(VERB[kind], PreconditionFailed("the object moved"), applied=True)  # type: ignore[arg-type]
    mutated = await bench.act(warrant, attempt=2)
    assert mutated.already
    assert len(bench.written()) == 1


# -- sent again -------------------------------------------------------------------------------------------------------


async def test_a_warrant_replayed_after_the_act_writes_nothing_more(bench: SimulatedBench, warrant: Warrant) -> None:
    await bench.act(warrant)
    assert (await bench.act(warrant)).already
    assert len(bench.written()) == 1


async def test_a_deletion_replayed_on_another_worker_finds_the_pod_gone(
    bench: SimulatedBench, deletion: Warrant
) -> None:
    await bench.act(deletion)
    bench.cluster.advance(40)
    error = await failure_on_a_new_worker(bench, deletion)
    assert error.type == "target_gone"
    assert len(bench.written()) == 1


async def test_a_deletion_granted_again_is_found_done_by_a_worker_that_remembers_nothing(
    bench: SimulatedBench, deletion: Warrant
) -> None:
    """A workflow that was reset while it verified asks again: the pod is gone, and the log must say done."""
    await bench.act(deletion)
    bench.cluster.advance(40)
    body = deletion.grant.body.model_copy(update={"again": True, "lease_until": bench.clock() + timedelta(minutes=2)})
    again = deletion.model_copy(update={"grant": bench.ledger.sign(body)})
    assert (await bench.act(again, on=bench.new_mutations())).already
    assert len(bench.written()) == 1


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
    assert template_digest(template_of(await bench.deployment())) == rollback.plan.from_template_digest  # type: ignore[union-attr]
    assert (await bench.act(rollback, on=bench.new_mutations())).already
    assert len(bench.written()) == 1


async def failure_on_a_new_worker(bench: SimulatedBench, warrant: Warrant) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await bench.act(warrant, on=bench.new_mutations())
    return caught.value


# -- changed meanwhile ------------------------------------------------------------------------------------------------


async def test_fault_4_a_failed_precondition_of_the_server_is_not_retried(
    bench: SimulatedBench, warrant: Warrant, kind: str
) -> None:
    bench.cluster.fail_next(VERB[kind], PreconditionFailed("422"))  # type: ignore[arg-type]
    error = await failure(bench, warrant)
    assert (error.type, error.non_retryable) == ("precondition_failed", True)


async def test_fault_5_a_throttle_is_honoured_with_the_servers_own_delay(
    bench: SimulatedBench, warrant: Warrant, kind: str
) -> None:
    bench.cluster.fail_next(VERB[kind], Throttled("slow down", timedelta(seconds=7)))  # type: ignore[arg-type]
    error = await failure(bench, warrant)
    assert (error.type, error.non_retryable) == ("throttled", False)
    assert error.next_retry_delay == timedelta(seconds=7)
    assert not (await bench.act(warrant, attempt=2)).already
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
    asked = asyncio.Event()

    async def halted() -> bool:
        asked.set()
        await asyncio.sleep(0.05)
        return False

    bench.switch.halted = halted  # type: ignore[method-assign]
    await asked.wait()
    await bench.cluster.deploy("shop/web", image="web:3")


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


async def test_fault_14_a_pod_made_again_under_its_name_is_another(bench: SimulatedBench, deletion: Warrant) -> None:
    pod = await bench.cluster.get(port.PODS, "shop", name_of(deletion))
    await bench.cluster.remove(port.PODS, "shop", name_of(deletion))
    bench.cluster.advance(40)
    await bench.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": _named(pod), "spec": pod["spec"]})
    assert await bench.cluster.get(port.PODS, "shop", name_of(deletion))
    error = await failure(bench, deletion)
    assert (error.type, bench.written()) == ("target_gone", [])


def _named(pod: port.JSON) -> port.JSON:
    return {key: pod["metadata"][key] for key in ("name", "namespace")}


async def test_a_pod_that_turned_ready_is_left_alone(bench: SimulatedBench, deletion: Warrant) -> None:
    await bench.cluster.annotate_pod("shop", name_of(deletion), {"sim.byteport.io/fault": None})
    bench.cluster.advance(400)
    error = await failure(bench, bench.warrant(deletion.plan, auto=False))
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "pod_is_ready" in error.message


async def test_a_pod_that_restarted_between_our_read_and_our_call_is_left_alone(
    bench: SimulatedBench, deletion: Warrant
) -> None:
    async def halted() -> bool:
        await bench.cluster.annotate_pod("shop", name_of(deletion), {"touched": "by somebody"})
        return False

    bench.switch.halted = halted  # type: ignore[method-assign]
    error = await failure(bench, deletion)
    assert (error.type, bench.written()) == ("precondition_failed", [])


async def test_a_pod_that_somebody_else_is_deleting_is_left_alone(bench: SimulatedBench, deletion: Warrant) -> None:
    await bench.cluster.set_finalizers(port.PODS, "shop", name_of(deletion), ["example.com/drain"])
    await bench.cluster.remove(port.PODS, "shop", name_of(deletion))
    error = await failure(bench, deletion)
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "being_deleted" in error.message


async def test_a_pod_that_no_replica_set_would_make_again_is_left_alone(
    bench: SimulatedBench, deletion: Warrant
) -> None:
    pod = await bench.cluster.get(port.PODS, "shop", name_of(deletion))
    del pod["metadata"]["ownerReferences"]
    await bench.cluster.apply(pod)
    error = await failure(bench, deletion)
    assert (error.type, bench.written()) == ("precondition_failed", [])
    assert "owner" in error.message


async def test_a_pod_of_another_deployment_is_left_alone(bench: SimulatedBench) -> None:
    victim = await bench.one_pod_crashes("api")
    await bench.cluster.deploy("shop/web", image="web:1")
    plan = await bench.deletion(victim, name="web")
    error = await failure(bench, bench.warrant(plan, auto=False))
    assert (error.type, bench.written()) == ("precondition_failed", [])


async def test_a_disruption_budget_that_refuses_is_not_waited_for(bench: SimulatedBench, deletion: Warrant) -> None:
    await bench.cluster.apply(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
        }
    )
    error = await failure(bench, deletion)
    assert (error.type, error.non_retryable, bench.written()) == ("budget_refuses", True, [])


async def test_a_right_that_was_taken_away_is_not_retried(bench: SimulatedBench, warrant: Warrant, kind: str) -> None:
    bench.cluster.fail_next(VERB[kind], NotPermitted("403"))  # type: ignore[arg-type]
    error = await failure(bench, warrant)
    assert (error.type, error.non_retryable) == ("not_permitted", True)


async def test_an_earlier_attempt_that_may_have_acted_before_somebody_deployed_is_unknown(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    await bench.cluster.deploy("shop/web", image="web:3")
    error = await failure(bench, rollback, attempt=2)
    assert (error.type, bench.written()) == ("unknown_outcome", [])


# -- what became of it ------------------------------------------------------------------------------------------------


async def test_an_outcome_is_true_when_the_effect_is_in_place(bench: SimulatedBench, warrant: Warrant) -> None:
    await bench.act(warrant)
    assert (await outcome(bench, warrant)).applied is True


async def test_not_in_place_is_said_only_when_no_request_can_be_on_its_way(
    bench: SimulatedBench, warrant: Warrant
) -> None:
    with pytest.raises(ApplicationError) as caught:
        await outcome(bench, warrant)
    assert (caught.value.type, caught.value.non_retryable) == ("unavailable", False)
    assert caught.value.next_retry_delay is not None
    bench.clock.advance(78)
    assert (await outcome(bench, warrant)).applied is False


async def test_what_somebody_changed_since_cannot_be_told(bench: SimulatedBench, rollback: Warrant) -> None:
    await bench.cluster.deploy("shop/web", image="web:3")
    assert (await outcome(bench, rollback)).applied is None
    await bench.cluster.remove(port.DEPLOYMENTS, "shop", "web")
    assert (await outcome(bench, rollback)).applied is None


async def test_an_outcome_is_told_of_granted_actions_of_this_cluster_only(
    bench: SimulatedBench, rollback: Warrant
) -> None:
    forged = rollback.grant.model_copy(update={"signature": "0" * 128})
    other = bench.warrant(rollback.plan, auto=False, cluster_uid="another")
    for warrant in (rollback.model_copy(update={"grant": forged}), other):
        with pytest.raises(ApplicationError) as caught:
            await outcome(bench, warrant)
        assert caught.value.type == "not_permitted"


# -- bytes ------------------------------------------------------------------------------------------------------------


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

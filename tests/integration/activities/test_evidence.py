"""What one look at a target gathers, what it leaves alone, and that no text leaves with it."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes.evidence import Evidence
from activities.kubernetes.gather import gather
from activities.kubernetes.reads import Reads
from activities.kubernetes.shared_namespaces import Shared
from activities.kubernetes.situations import SituationReader
from byteport.contracts.kubernetes import DELETE_POD, READ_SITUATION, ReadSituation, Seen
from byteport.domain.failures import Failure
from byteport.domain.targets import Target
from byteport.errors import Unavailable
from byteport.kubernetes import further, port
from byteport.kubernetes.port import Resource
from byteport.sandbox.simulated import Right
from tests.integration.activities.bench import environment_of
from tests.integration.activities.recorder import Recorder
from tests.integration.activities.simulated_bench import SimulatedBench


async def seen(
    bench: SimulatedBench, target: Target, failure: Failure = Failure.CRASHLOOP, *, logs: bool = True
) -> Seen:
    call = ReadSituation(target=target, failure=failure, logs=logs)
    return await environment_of().run(Evidence(bench.reader).read_situation, call)


def recorded(bench: SimulatedBench) -> tuple[SituationReader, Recorder]:
    recorder = Recorder(bench.cluster)
    reader = SituationReader(recorder, cluster_uid=bench.cluster.uid, policy=bench.policy, clock=bench.clock)
    return reader, recorder


async def test_one_look_gives_the_pods_the_policy_and_that_the_namespace_is_enabled(bench: SimulatedBench) -> None:
    pod = await bench.one_pod_crashes()
    found = await seen(bench, await bench.target())
    assert found.enabled
    assert found.policy == bench.policy.read()
    assert len(found.situation.pods) == 3
    (failing,) = [reading for reading in found.situation.pods if not reading.ready]
    assert (failing.uid, failing.resource_version) == (
        pod["metadata"]["uid"],
        pod["metadata"]["resourceVersion"],
    )


async def test_a_target_named_without_uid_is_given_the_one_that_was_read(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    target = await bench.target()
    found = await seen(bench, target.model_copy(update={"uid": ""}))
    assert found.situation.target == target


@pytest.mark.claim("C-009", "C-101")
async def test_only_declared_rights_are_used(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    reader, recorder = recorded(bench)
    for failure in (Failure.CRASHLOOP, Failure.BAD_ROLLOUT):
        await reader.look(ReadSituation(target=await bench.target(), failure=failure))
    declared = READ_SITUATION.needs + DELETE_POD.needs  # a budget is asked only about what might be deleted
    assert recorder.used <= {(right.group, right.resource, right.verb) for right in declared.rights}
    assert ("", "pods/log", "get") in recorder.used
    assert ("", "pods/eviction", "create") in recorder.used


@pytest.mark.claim("C-020")
@pytest.mark.parametrize("name", ["unlabelled", "kube-system", "absent"])
async def test_a_namespace_that_is_not_enabled_is_not_inspected(bench: SimulatedBench, name: str) -> None:
    if name == "kube-system":
        await bench.enable(name)
    if name == "unlabelled":
        await bench.cluster.deploy("unlabelled/web", image="web:1", fault="crash")
    reader, recorder = recorded(bench)
    target = Target(cluster_uid=bench.cluster.uid, namespace=name, kind="Deployment", name="web")
    found = await reader.look(ReadSituation(target=target, failure=Failure.CRASHLOOP))
    assert not found.enabled
    assert found.situation.pods == ()
    assert {plural for plural, _ in recorder.read} <= {"namespaces"}


@pytest.mark.claim("C-020")
async def test_a_namespace_that_is_being_deleted_is_not_inspected(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    target = await bench.target()
    await bench.cluster.set_finalizers(port.NAMESPACES, "", "shop", ["kubernetes"])
    await bench.cluster.remove(port.NAMESPACES, "", "shop")
    assert not (await seen(bench, target)).enabled


async def test_a_target_that_is_gone_is_said_to_be_gone(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    target = await bench.target()
    await bench.cluster.remove(port.DEPLOYMENTS, "shop", "web")
    found = await seen(bench, target)
    assert (found.enabled, found.situation.gone) == (True, True)


async def test_another_object_under_the_same_name_is_not_the_target(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    target = await bench.target()
    await bench.cluster.remove(port.DEPLOYMENTS, "shop", "web")
    await bench.cluster.deploy("shop/web", image="web:1")
    assert (await seen(bench, target)).situation.gone


@pytest.mark.parametrize("change", [{"cluster_uid": "another"}, {"namespace": ""}])
async def test_what_this_worker_does_not_look_at_is_refused(bench: SimulatedBench, change: dict[str, str]) -> None:
    await bench.one_pod_crashes()
    with pytest.raises(ApplicationError) as caught:
        await seen(bench, (await bench.target()).model_copy(update=change))
    assert caught.value.type == "not_permitted"


@pytest.mark.claim("C-100", "C-101")
async def test_review_12_a_log_becomes_a_class_and_its_text_dies(bench: SimulatedBench) -> None:
    pod = await bench.one_pod_crashes()
    name = pod["metadata"]["name"]
    secret = "connection refused: postgres://admin:hunter2@db:5432/shop"
    await bench.cluster.set_log("shop", name, "web", f"starting\n{secret}\n", previous=True)
    found = await seen(bench, await bench.target())
    left = found.model_dump_json()
    assert "hunter2" not in left
    assert "starting" not in left
    without = await seen(bench, await bench.target(), logs=False)
    assert found.situation != without.situation


@pytest.mark.claim("C-100")
async def test_review_12_no_message_of_the_cluster_leaves(bench: SimulatedBench) -> None:
    await bench.a_release_fails(fault="image")
    left = (await seen(bench, await bench.target(), Failure.BAD_ROLLOUT)).model_dump_json()
    for words in ("Back-off pulling", "failed to pull", "Error: ", "containers with unready status"):
        assert words not in left


@pytest.mark.parametrize(
    "resource",
    [
        port.RESOURCE_QUOTAS,
        port.LIMIT_RANGES,
        port.SERVICES,
        port.JOBS,
        port.LEASES,
        port.BUDGETS,
        port.AUTOSCALERS,
    ],
)
async def test_an_optional_read_that_is_refused_is_named_and_stops_nothing(
    bench: SimulatedBench, resource: Resource
) -> None:
    await bench.one_pod_crashes()
    bench.cluster.access.revoke(Right("list", resource))
    found = await seen(bench, await bench.target())
    assert found.situation.denied == {resource.plural}
    assert len(found.situation.pods) == 3


async def test_nodes_logs_and_budgets_that_may_not_be_read_are_named(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    for right in (
        Right("get", port.NODES),
        Right("get", port.PODS, "log"),
        Right("create", port.PODS, "eviction"),
    ):
        bench.cluster.access.revoke(right)
    found = await seen(bench, await bench.target())
    assert found.situation.denied == {"nodes", "pods/log", "pods/eviction"}


async def test_a_required_read_that_is_refused_fails_the_reading(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    bench.cluster.access.revoke(Right("list", port.REPLICA_SETS))
    with pytest.raises(ApplicationError) as caught:
        await seen(bench, await bench.target())
    assert (caught.value.type, caught.value.non_retryable) == ("not_permitted", True)


async def test_an_unreachable_cluster_is_tried_again(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    target = await bench.target()
    bench.cluster.fail_next("list", Unavailable("no route"))
    with pytest.raises(ApplicationError) as caught:
        await seen(bench, target)
    assert (caught.value.type, caught.value.non_retryable) == ("unavailable", False)


async def test_logs_of_a_node_that_does_not_answer_are_named_and_stop_nothing(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    target = await bench.target()
    bench.cluster.fail_next("logs", Unavailable("the kubelet does not answer"), times=10)
    assert "pods/log" in (await seen(bench, target)).situation.denied


async def test_a_budget_that_refuses_an_eviction_is_named_by_the_dry_run_alone(bench: SimulatedBench) -> None:
    pod = await bench.one_pod_crashes()
    await bench.cluster.apply(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "web-budget", "namespace": "shop"},
            "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
        }
    )
    bench.cluster.access.revoke(Right("list", port.BUDGETS))
    budgets = (await seen(bench, await bench.target())).situation.surroundings.budgets
    assert [(hold.pod, hold.holder) for hold in budgets] == [(pod["metadata"]["name"], "web-budget")]


async def test_budgets_are_not_asked_about_a_rollout(bench: SimulatedBench) -> None:
    await bench.a_release_fails()
    reader, recorder = recorded(bench)
    await reader.look(ReadSituation(target=await bench.target(), failure=Failure.BAD_ROLLOUT))
    assert ("", "pods/eviction", "create") not in recorder.used


async def test_pods_on_the_same_node_count_only_from_enabled_namespaces(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    for namespace in ("ours", "theirs"):
        await bench.cluster.deploy(f"{namespace}/beside", image="beside:1", replicas=30, fault="crash")
    await bench.enable("ours")
    bench.cluster.advance(400)
    shared = Shared.of(bench.cluster, bench.clock)
    gathered = await gather(
        Reads(bench.cluster, shared.lists),
        await shared.namespaces.read("shop"),
        await bench.target(),
        Failure.CRASHLOOP,
        await bench.cluster.get(port.NAMESPACES, "", "shop"),
        bench.policy.read(),
        logs=True,
    )
    pods = gathered.world.of("Pod")
    assert {pod["metadata"]["namespace"] for pod in pods} == {"shop", "ours"}
    failing = {pod["spec"]["nodeName"] for pod in gathered.pods if further.unwell(pod)}
    assert {pod["spec"]["nodeName"] for pod in pods if pod["metadata"]["namespace"] == "ours"} == failing


async def test_an_experiment_on_the_target_is_part_of_the_standing(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    assert not (await seen(bench, await bench.target())).standing.chaos
    await bench.cluster.annotate_deployment("shop/web", {"litmuschaos.io/chaos": "true"})
    assert (await seen(bench, await bench.target())).standing.chaos


async def test_an_owner_whose_kind_is_not_read_is_not_taken_for_gone(bench: SimulatedBench) -> None:
    await bench.enable("shop")
    target = Target(cluster_uid=bench.cluster.uid, namespace="shop", kind="StatefulSet", name="db", uid="u")
    assert not (await seen(bench, target)).situation.gone

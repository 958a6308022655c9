"""READ_LOAD: use, autoscaler and room of a workload, by declared rights, also where nobody measures anything."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes.gather_load import Load, LoadReader
from byteport.contracts.kubernetes import READ_LOAD, ReadSituation, Seen
from byteport.domain.failures import Failure
from byteport.domain.targets import Target
from byteport.kubernetes import port
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.port import Resource
from byteport.kubernetes.scaling import ScalingReading, UsageSample
from byteport.sandbox.simulated.access import Right
from tests.integration.activities.autoscaled import autoscaled, autoscaler
from tests.integration.activities.bench import environment_of
from tests.integration.activities.recorder import Recorder
from tests.integration.activities.simulated_bench import SimulatedBench


@pytest.fixture
async def target(bench: SimulatedBench) -> Target:
    """An autoscaled Deployment that has run for a while, and uses half a core in all."""
    await autoscaled(bench)
    await bench.cluster.set_load("shop", "web", cpu_cores_total="500m", memory_each="100Mi")
    bench.cluster.advance(600)
    return await bench.target()


async def seen(bench: SimulatedBench, target: Target, failure: Failure = Failure.CPU, **call: Any) -> Seen:
    reading = ReadSituation(target=target, failure=failure, **call)
    return await environment_of().run(Load(bench.load).read_load, reading)


async def scaling(bench: SimulatedBench, target: Target, **call: Any) -> ScalingReading:
    found = (await seen(bench, target, **call)).situation.scaling
    assert found is not None
    return found


async def test_one_look_gives_use_and_the_autoscaler(bench: SimulatedBench, target: Target) -> None:
    found = await scaling(bench, target)
    assert found.autoscaler is not None
    assert (found.autoscaler.name, found.autoscaler.ceiling) == ("web", 10)
    assert len(found.usage) == len(await bench.pods())
    assert sum(one.cpu or 0 for one in found.usage) == pytest.approx(0.5, abs=0.05)
    assert not found.metrics_missing


@pytest.mark.claim("C-009")
@pytest.mark.parametrize("failure", [Failure.CPU, Failure.MEMORY])
async def test_only_declared_rights_are_used_and_no_log_is_read(
    bench: SimulatedBench, target: Target, failure: Failure
) -> None:
    recorder = Recorder(bench.cluster)
    reader = LoadReader(recorder, cluster_uid=bench.uid, policy=bench.policy, clock=bench.clock, nodes=bench.nodes)
    await bench.create(
        {
            **autoscaler("db"),
            "spec": {
                **autoscaler("db")["spec"],
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db"},
            },
        }
    )
    await reader.look(ReadSituation(target=target, failure=failure))
    declared = {(right.group, right.resource, right.verb) for right in READ_LOAD.needs.rights}
    assert recorder.used <= declared
    assert ("metrics.k8s.io", "pods", "list") in recorder.used
    assert ("apps", "statefulsets", "get") in recorder.used


@pytest.mark.parametrize("broken", [False, True])
async def test_a_metrics_api_that_is_absent_or_broken_is_a_finding_and_no_failure(
    bench: SimulatedBench, target: Target, broken: bool
) -> None:
    await bench.cluster.metrics_available(False, broken=broken)
    found = await seen(bench, target)
    assert found.situation.scaling is not None
    assert (found.situation.scaling.metrics_missing, found.situation.scaling.usage) == (True, ())
    assert {"podmetrics", "nodemetrics"} <= found.situation.denied


@pytest.mark.parametrize(("resource", "name"), [(port.POD_METRICS, "podmetrics"), (port.NODE_METRICS, "nodemetrics")])
async def test_metrics_that_may_not_be_read_are_named_and_stop_nothing(
    bench: SimulatedBench, target: Target, resource: Resource, name: str
) -> None:
    bench.cluster.access.revoke(Right("list", resource))
    assert name in (await seen(bench, target)).situation.denied


async def test_a_required_read_that_is_refused_fails_the_reading(bench: SimulatedBench, target: Target) -> None:
    bench.cluster.access.revoke(Right("list", port.PODS))
    with pytest.raises(ApplicationError) as caught:
        await seen(bench, target)
    assert caught.value.type == "not_permitted"


@pytest.mark.claim("C-020")
async def test_a_namespace_that_is_not_enabled_is_not_inspected(bench: SimulatedBench, target: Target) -> None:
    await bench.enable("shop", enabled=False)
    recorder = Recorder(bench.cluster)
    reader = LoadReader(recorder, cluster_uid=bench.uid, policy=bench.policy, clock=bench.clock, nodes=bench.nodes)
    found = await reader.look(ReadSituation(target=target, failure=Failure.CPU))
    assert (found.enabled, found.situation.scaling) == (False, None)
    assert {plural for plural, _ in recorder.read} == {"namespaces"}


async def test_a_target_that_is_gone_is_said_to_be_gone(bench: SimulatedBench, target: Target) -> None:
    await bench.cluster.remove(port.DEPLOYMENTS, "shop", "web")
    assert (await seen(bench, target)).situation.gone


async def test_pods_beside_count_only_from_enabled_namespaces(bench: SimulatedBench, target: Target) -> None:
    """What they ask for takes room on the target's nodes; what may not be looked at is not."""
    for namespace in ("ours", "theirs"):
        await bench.cluster.deploy(f"{namespace}/beside", image="beside:1", replicas=6)
    await bench.enable("ours")
    bench.cluster.advance(60)
    left = (await seen(bench, target)).model_dump_json()
    assert "theirs" not in left


async def test_what_earlier_looks_of_the_run_measured_is_part_of_the_reading(
    bench: SimulatedBench, target: Target
) -> None:
    """Oldest first, each moment once, and nothing from after the present measurement."""
    at = bench.clock() - timedelta(minutes=20)
    old = [UsageSample(at=at + timedelta(minutes=5 * step), pods=3, cpu=0.1, memory=step) for step in range(3)]
    late = UsageSample(at=bench.clock() + timedelta(minutes=5), pods=3, cpu=0.1, memory=9)
    found = await scaling(bench, target, earlier=(old[1], old[0], old[2], old[1], late))
    assert [sample.memory for sample in found.earlier] == [0, 1, 2]


async def test_a_worker_judges_a_trend_by_what_it_measured_itself(bench: SimulatedBench, target: Target) -> None:
    """At the act nothing that the workflow carried is believed; the looks before it were this worker's own."""
    for _ in range(3):
        await seen(bench, target)
        bench.cluster.advance(120)
    own = (await scaling(bench, target)).earlier
    assert len(own) == 3
    assert [sample.at for sample in own] == sorted({sample.at for sample in own})
    fresh = LoadReader(bench.port, cluster_uid=bench.uid, policy=bench.policy, clock=bench.clock, nodes=bench.nodes)
    look = await fresh.look(ReadSituation(target=target, failure=Failure.CPU))
    assert look.situation.scaling is not None
    assert look.situation.scaling.earlier == ()


async def test_samples_that_a_call_claims_are_not_remembered(bench: SimulatedBench, target: Target) -> None:
    claimed = UsageSample(at=bench.clock() - timedelta(minutes=20), pods=3, cpu=9.0, memory=9)
    await seen(bench, target, earlier=(claimed,))
    bench.cluster.advance(60)
    assert claimed not in (await scaling(bench, target)).earlier


async def test_two_targets_of_one_name_have_no_history_in_common(bench: SimulatedBench, target: Target) -> None:
    await seen(bench, target)
    await bench.cluster.remove(port.DEPLOYMENTS, "shop", "web")
    await bench.cluster.deploy("shop/web", image="web:1")
    bench.cluster.advance(600)
    assert (await scaling(bench, await bench.target())).earlier == ()


async def test_a_node_is_looked_at_by_the_nodes_own_reader(bench: SimulatedBench) -> None:
    node = await bench.cluster.get(port.NODES, "", "node-1")
    target = Target(cluster_uid=bench.uid, namespace="", kind="Node", name="node-1", uid=node["metadata"]["uid"])
    assert not (await seen(bench, target, Failure.MEMORY)).enabled
    await bench.cluster.label_node("node-1", {ENABLED_LABEL: "true"})
    found = await seen(bench, target, Failure.MEMORY)
    assert found.enabled
    assert found.situation.node is not None
    assert found.situation.scaling is None

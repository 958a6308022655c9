"""What is known of a node, and how much is counted, where only the namespaces that were given may be seen."""

from __future__ import annotations

import pytest

from activities.kubernetes.counting import Counting
from activities.kubernetes.node_situations import NodeReader
from activities.kubernetes.situations import SituationReader
from byteport.boundary.choices import Choices
from byteport.boundary.names import CEILINGS, ENABLED_LABEL, NAMESPACE
from byteport.contracts.kubernetes import CountTargets, ReadSituation, Seen, Targets
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.domain.policy import Mode, VerdictKind, judge
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import SignalType
from byteport.domain.targets import Target
from byteport.errors import NotPermitted
from byteport.kubernetes import enrolment
from byteport.kubernetes.node_state import UNSEEN
from byteport.kubernetes.world import World
from byteport.runbooks.disk_reclaim import DiskSpaceAutoReclaimRunbook
from tests.builders.asking import signal_on
from tests.integration.activities.granted import Granted, give, take
from tests.integration.activities.pruned import NODE, Commands, full_of_images
from tests.integration.activities.simulated_bench import SimulatedBench

RUNBOOK = DiskSpaceAutoReclaimRunbook()


def agent(bench: SimulatedBench, sight: Sight, *namespaces: str) -> Granted:
    granted = Granted(bench, Choices(sight=sight, helper=True))
    for name in namespaces:
        granted.bind(name)
    return granted


async def node(bench: SimulatedBench, sight: Sight, *namespaces: str) -> Seen:
    port = agent(bench, sight, *namespaces)
    reader = NodeReader(port, cluster_uid=bench.uid, policy=bench.policy, clock=bench.clock, sight=sight)
    target = Target(cluster_uid=bench.uid, namespace="", kind="Node", name=NODE)
    seen = await reader.look(ReadSituation(target=target, failure=Failure.DISK))
    assert port.refused == []
    return seen


def judged(bench: SimulatedBench, seen: Seen) -> tuple[VerdictKind, tuple[Reason, ...]]:
    signal = signal_on(seen.situation.target, SignalType.DISK_PRESSURE, at=World(now=bench.clock(), objects=()))
    diagnosis = RUNBOOK.diagnose(signal, seen.situation)
    assert diagnosis.cause is Cause.DISK_IMAGES
    plan = RUNBOOK.propose(diagnosis, seen.situation, seen.policy)
    verdict = judge(Mode.AUTO, plan, diagnosis, seen.standing, seen.policy)
    return verdict.kind, verdict.reasons


def facts(bench: SimulatedBench, seen: Seen) -> set[object]:
    signal = signal_on(seen.situation.target, SignalType.DISK_PRESSURE, at=World(now=bench.clock(), objects=()))
    return {fact.value for fact in RUNBOOK.diagnose(signal, seen.situation).facts}


async def pod(bench: SimulatedBench, namespace: str, name: str, image: str = "registry.example/app:1") -> None:
    item = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "nodeName": NODE,
            "containers": [{"name": "app", "image": image}],
            "volumes": [{"name": "cache", "emptyDir": {}}],
        },
    }
    await bench.cluster.apply(item)
    bench.cluster.advance(700)


# -- a node -----------------------------------------------------------------------------------------------------------


async def test_a_node_whose_pods_may_all_be_seen_is_pruned_alone(bench: SimulatedBench) -> None:
    await full_of_images(bench)
    seen = await node(bench, Sight.CLUSTER)
    assert seen.situation.node is not None
    assert not seen.situation.node.unseen_pods
    assert judged(bench, seen) == (VerdictKind.ACT, ())


async def test_in_namespaced_sight_a_pod_that_may_not_be_seen_may_use_any_image_so_a_person_is_asked(
    bench: SimulatedBench,
) -> None:
    await give(bench, "shop")
    await full_of_images(bench)
    seen = await node(bench, Sight.NAMESPACED, "shop")
    assert seen.situation.node is not None
    assert seen.situation.node.unseen_pods
    assert seen.situation.node.images_unused is None
    kind, reasons = judged(bench, seen)
    assert kind is VerdictKind.ESCALATE
    assert Reason.CANNOT_TELL in reasons
    assert UNSEEN in facts(bench, seen)


async def test_pods_of_the_namespaces_that_were_given_are_seen_and_measured_and_no_other(
    bench: SimulatedBench,
) -> None:
    await give(bench, "shop")
    await full_of_images(bench)
    await pod(bench, "shop", "spool")
    await pod(bench, "private", "secret-name")
    commands = Commands(bench)
    seen = await node(bench, Sight.NAMESPACED, "shop")
    text = seen.model_dump_json()
    assert "secret-name" not in text
    assert "private" not in text
    measured = [argv[-1] for *_, argv in commands.run if "empty-dir" in argv[-1]]
    assert len(measured) == 1


@pytest.mark.claim("C-025")
async def test_who_else_is_on_the_node_is_not_even_asked(bench: SimulatedBench) -> None:
    await give(bench, "shop")
    await full_of_images(bench)
    await pod(bench, "private", "secret-name")
    port = agent(bench, Sight.NAMESPACED, "shop")
    reader = NodeReader(port, cluster_uid=bench.uid, policy=bench.policy, clock=bench.clock, sight=Sight.NAMESPACED)
    target = Target(cluster_uid=bench.uid, namespace="", kind="Node", name=NODE)
    await reader.look(ReadSituation(target=target, failure=Failure.DISK))
    asked = {one.namespace for one in port.asked if one.resource == "pods" and one.verb == "list"}
    assert asked == {"shop", "byteport-node"}


async def test_a_helper_in_a_namespace_that_was_given_to_us_is_nobodys_to_ask(bench: SimulatedBench) -> None:
    """Whoever may make a pod there could make a helper."""
    await full_of_images(bench)
    await give(bench, "byteport-node")
    seen = await node(bench, Sight.NAMESPACED, "byteport-node")
    assert seen.situation.node is not None
    assert seen.situation.node.helper is None
    assert bench.cluster.commands() == []


# -- namespaces -------------------------------------------------------------------------------------------------------


def reader(bench: SimulatedBench, port: Granted) -> SituationReader:
    return SituationReader(port, cluster_uid=bench.uid, policy=bench.policy, clock=bench.clock, sight=Sight.NAMESPACED)


async def looked(bench: SimulatedBench, port: Granted) -> Seen:
    target = Target(cluster_uid=bench.uid, namespace="shop", kind="Deployment", name="web")
    return await reader(bench, port).look(ReadSituation(target=target, failure=Failure.CRASHLOOP))


@pytest.mark.claim("C-025")
async def test_a_target_is_read_only_where_its_namespace_was_given_and_has_the_label(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    port = agent(bench, Sight.NAMESPACED, "shop")
    assert not (await looked(bench, port)).enabled
    assert port.about("shop") == []
    await give(bench, "shop", label=False)
    assert (await looked(bench, port)).enabled
    await bench.enable("shop", enabled=False)
    assert not (await looked(bench, port)).enabled
    await take(bench, "shop")
    assert not (await looked(bench, port)).enabled


async def test_where_it_may_not_be_read_which_namespaces_were_given_that_is_said_and_not_taken_for_none(
    bench: SimulatedBench,
) -> None:
    await bench.one_pod_crashes()
    port = agent(bench, Sight.NAMESPACED, "shop")
    port.unbind(NAMESPACE)
    with pytest.raises(NotPermitted, match="configmaps"):
        await looked(bench, port)


async def test_workloads_are_counted_over_the_namespaces_that_were_given(bench: SimulatedBench) -> None:
    for where in ("shop/web", "shop/api", "stock/web", "private/web", "unlabelled/web"):
        await bench.cluster.deploy(where, image="web:1")
    await give(bench, "shop", "stock")
    await give(bench, "unlabelled", label=False)
    port = agent(bench, Sight.NAMESPACED, "shop", "stock", "unlabelled")
    counting = Counting(port, bench.policy, cluster_uid=bench.uid, sight=Sight.NAMESPACED)
    assert await counting.count_targets(CountTargets(cluster_uid=bench.uid)) == Targets(workloads=3, nodes=3)
    assert port.refused == []


def test_readers_and_roles_mean_the_same_config_map_and_the_same_label() -> None:
    assert (enrolment.OWN_NAMESPACE, enrolment.GIVEN) == (NAMESPACE, CEILINGS)
    assert enrolment.ENABLED_LABEL == ENABLED_LABEL

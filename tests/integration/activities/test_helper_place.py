"""Where the node helper may be: a namespace that is nobody's application and nothing of the cluster's own, and a pod that is it."""

import pytest

from activities.kubernetes.policy_source import parse_policy
from byteport.contracts.kubernetes import ReadSituation
from byteport.domain.failures import Failure
from byteport.domain.plans import PruneImagesPlan
from byteport.domain.targets import PodRef
from byteport.domain.warrants import Warrant
from byteport.errors import ConfigError
from byteport.kubernetes import port
from byteport.kubernetes.node_commands import HELPER_LABEL, HELPER_NAME
from byteport.sandbox.simulated import shapes
from byteport.sandbox.simulated.node_hands import HELPER_NAMESPACE
from tests.integration.activities.asking import refusal
from tests.integration.activities.bench import AUTO_POLICY
from tests.integration.activities.pruned import NODE, Commands, full_of_images, pruning
from tests.integration.activities.simulated_bench import SimulatedBench


async def _look_alike(bench: SimulatedBench, namespace: str, *, label: str = HELPER_NAME) -> PodRef:
    """A tenant's own pod on the node, with the helper's label and container name."""
    item = shapes.deployment(namespace, "mine", image="mine:1")
    template = item["spec"]["template"]
    template["spec"]["containers"][0]["name"] = "helper"
    template["spec"]["nodeName"] = NODE
    for labels in (template["metadata"]["labels"], item["spec"]["selector"]["matchLabels"]):
        labels[HELPER_LABEL] = label
    await bench.cluster.apply(item)
    bench.cluster.advance(60)
    pod, *_ = [
        one
        for one in (await bench.cluster.list(port.PODS, namespace)).items
        if one["metadata"]["labels"].get(HELPER_LABEL) == label and one["metadata"]["name"].startswith("mine")
    ]
    meta = pod["metadata"]
    return PodRef(namespace=namespace, name=meta["name"], uid=meta["uid"], resource_version=meta["resourceVersion"])


async def _agreed(bench: SimulatedBench, helper: PodRef) -> Warrant:
    plan = (await pruning(bench)).model_copy(update={"helper": helper})
    assert isinstance(plan, PruneImagesPlan)
    return bench.warrant(plan, auto=False)


@pytest.mark.claim("C-047")
async def test_review_6_nothing_is_run_in_a_pod_of_an_enabled_namespace_though_the_policy_calls_it_the_helpers(
    bench: SimulatedBench,
) -> None:
    await full_of_images(bench)
    await bench.enable("shop")
    helper = await _look_alike(bench, "shop")
    commands = Commands(bench)
    bench.set_policy(AUTO_POLICY + "helper_namespace: shop")
    assert (await refusal(bench, await _agreed(bench, helper)))[0] == "not_permitted"
    assert commands.run == []


@pytest.mark.claim("C-047")
async def test_no_disk_is_asked_through_a_pod_of_an_enabled_namespace(bench: SimulatedBench) -> None:
    await full_of_images(bench)
    await bench.enable("shop")
    await _look_alike(bench, "shop")
    bench.set_policy(AUTO_POLICY + "helper_namespace: shop")
    commands = Commands(bench)
    target = (await pruning(bench)).target
    await bench.nodes.look(ReadSituation(target=target, failure=Failure.DISK))
    assert commands.run == []


@pytest.mark.claim("C-047")
async def test_review_6_a_pod_beside_the_helper_in_its_namespace_is_not_the_helper(bench: SimulatedBench) -> None:
    await full_of_images(bench)
    other = await _look_alike(bench, HELPER_NAMESPACE, label="something-else")
    commands = Commands(bench)
    assert (await refusal(bench, await _agreed(bench, other)))[0] == "precondition_failed"
    assert commands.run == []


@pytest.mark.parametrize("place", ["kube-system", "default", "byteport-agent", "", "Shop", "a/b", "../x", "x" * 64])
def test_a_policy_that_puts_the_helper_where_nothing_is_ever_touched_is_none(place: str) -> None:
    with pytest.raises(ConfigError, match="helper_namespace"):
        parse_policy(f"mode: auto\nhelper_namespace: {place!r}".encode(), "policy.yaml")


async def test_the_helpers_own_namespace_is_never_an_applications(bench: SimulatedBench) -> None:
    """Not even with the label: a crash loop of the helper is a person's."""
    await bench.enable(HELPER_NAMESPACE)
    assert await bench.reader.enabled_namespace(HELPER_NAMESPACE, bench.policy.read()) is None

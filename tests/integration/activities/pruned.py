"""A node whose disk images fill, with the node helper on it, and the plans and warrants that prune it."""

from __future__ import annotations

from collections.abc import Sequence

from byteport.domain.plans import PruneImagesPlan, Runtime
from byteport.domain.targets import PodRef, Target
from byteport.kubernetes import port
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.node_commands import HELPER_NAME
from byteport.sandbox.simulated.node_hands import HELPER_NAMESPACE
from tests.integration.activities.simulated_bench import SimulatedBench

NODE = "node-1"


async def full_of_images(bench: SimulatedBench, node: str = NODE, *, runtime: Runtime = Runtime.CONTAINERD) -> None:
    """An enabled node with a helper, 90 % full of unused images, that its kubelet has failed to collect."""
    await bench.cluster.label_node(node, {ENABLED_LABEL: "true"})
    await bench.cluster.install_node_helper()
    bench.cluster.advance(3600)
    await bench.cluster.set_disk(node, runtime=runtime)
    await bench.cluster.fill_disk(node, "images", percent=90)
    bench.cluster.advance(700)


async def pruning(
    bench: SimulatedBench, node: str = NODE, *, helper_on: str = "", runtime: Runtime = Runtime.CONTAINERD
) -> PruneImagesPlan:
    """A prune of `node`, by the helper's pod on it, or on another one."""
    item = await bench.cluster.get(port.NODES, "", node)
    pod = await helper(bench, helper_on or node)
    return PruneImagesPlan(
        target=Target(cluster_uid=bench.uid, namespace="", kind="Node", name=node, uid=item["metadata"]["uid"]),
        helper=PodRef(
            namespace=HELPER_NAMESPACE,
            name=pod["metadata"]["name"],
            uid=pod["metadata"]["uid"],
            resource_version=pod["metadata"]["resourceVersion"],
        ),
        runtime=runtime,
    )


async def helper(bench: SimulatedBench, node: str = NODE) -> port.JSON:
    listed = await bench.cluster.list(port.PODS, HELPER_NAMESPACE)
    return next(item for item in listed.items if item["spec"]["nodeName"] == node and HELPER_NAME in str(item))


def percent(bench: SimulatedBench, node: str = NODE) -> int:
    """How full the node's disk is."""
    return bench.cluster.disk(node).filesystems()[0].percent


class Commands:
    """Every command that reached a container, in order, with where it was run."""

    def __init__(self, bench: SimulatedBench) -> None:
        self.run: list[tuple[str, str, str, tuple[str, ...]]] = []
        passed_on = bench.cluster.exec

        async def noted(
            namespace: str,
            pod: str,
            container: str,
            argv: Sequence[str],
            *,
            by: port.Attribution | None = None,
            seconds: float = port.EXEC_SECONDS,
        ) -> port.ExecResult:
            self.run.append((namespace, pod, container, tuple(argv)))
            return await passed_on(namespace, pod, container, argv, by=by, seconds=seconds)

        bench.cluster.exec = noted  # type: ignore[method-assign]

    @property
    def prunes(self) -> int:
        return len([argv for *_, argv in self.run if "prune" in argv or "--prune" in argv])

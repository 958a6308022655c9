"""READ_LOAD: what a workload's containers use, what scales it, and whether there is room for more of its pods.

Beside what every situation has (`gather.py`, without logs): the measurements of the metrics API, of pods and nodes, the
StatefulSets that autoscalers name, and the other pods on the target's nodes, whose requests take room there. A metrics
API that is not installed or out of order is no failure of the reading: it is what there is to be told.

A trend needs more than one look. What earlier looks of a run measured comes with the call, which is advice; what this
worker measured itself it remembers, so that an act without a person is judged again on nothing but its own looks.

A Node has no autoscaler: it is looked at by the node's own reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from activities.clock import Clock
from activities.kubernetes.bounds import UNBOUNDED, Bounds
from activities.kubernetes.gather import Gathered, gather
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.reads import Reads, present
from activities.kubernetes.recent import Recent
from activities.kubernetes.shared_namespaces import Common, Shared
from activities.kubernetes.situations import Looker, SituationReader
from activities.performs import performs
from byteport.contracts.kubernetes import READ_LOAD, ReadSituation, Seen
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.domain.policy import PolicyConfig
from byteport.domain.targets import Target
from byteport.kubernetes import fields, further, port
from byteport.kubernetes.port import JSON, ClusterPort
from byteport.kubernetes.scaling import UsageSample
from byteport.kubernetes.usage import MOST_SAMPLES, summed

MOST_NODES_BESIDE = 10
MOST_SCALED = 20
MOST_REMEMBERED = 1000
"""Workloads whose own measurements this worker keeps; the least lately looked at is forgotten."""


class LoadReader(SituationReader):
    """One look at a workload's load, or at a node's memory."""

    def __init__(
        self,
        cluster: ClusterPort,
        *,
        cluster_uid: str,
        policy: PolicySource,
        clock: Clock,
        nodes: Looker,
        sight: Sight = Sight.CLUSTER,
        off: frozenset[Failure] = frozenset(),
        bounds: Bounds = UNBOUNDED,
        shared: Shared | None = None,
    ) -> None:
        super().__init__(
            cluster,
            cluster_uid=cluster_uid,
            policy=policy,
            clock=clock,
            sight=sight,
            off=off,
            bounds=bounds,
            shared=shared,
        )
        self._nodes = nodes
        self._measured: Recent[Target, tuple[UsageSample, ...]] = Recent(MOST_REMEMBERED)

    async def look(self, call: ReadSituation) -> Seen:
        if call.target.kind == "Node":
            return await self._nodes.look(call)
        seen = await super().look(call)
        target, scaling = seen.situation.target, seen.situation.scaling
        if scaling is None:
            return seen
        own = self._measured.get(target) or ()
        now = scaling.sample or summed(scaling.usage)
        if now is not None and (not own or now.at > own[-1].at):
            self._measured.put(target, (*own, now)[-MOST_SAMPLES:])
        at = now.at if now is not None else seen.situation.now
        before = {sample.at: sample for sample in (*call.earlier, *scaling.earlier, *own) if sample.at < at}
        known = scaling.model_copy(update={"earlier": tuple(before[key] for key in sorted(before))[-MOST_SAMPLES:]})
        return seen.model_copy(update={"situation": seen.situation.model_copy(update={"scaling": known})})

    async def _gather(self, call: ReadSituation, common: Common, namespace: JSON, policy: PolicyConfig) -> Gathered:
        return await gather_load(self._reads(), common, call, namespace, policy)


class Load:
    """READ_LOAD. It does not decide; a runbook does, from what this returns."""

    def __init__(self, reader: LoadReader) -> None:
        self._reader = reader

    @performs(READ_LOAD)
    async def read_load(self, call: ReadSituation) -> Seen:
        return await self._reader.look(call)


async def gather_load(
    reads: Reads,
    common: Common,
    call: ReadSituation,
    namespace: JSON,
    policy: PolicyConfig,
) -> Gathered:
    """What `gather` reads, and load."""
    target = call.target
    gathered = await gather(reads, common, target, call.failure, namespace, policy, logs=False)
    if gathered.gone:
        return gathered
    world = gathered.world
    read_already = set(further.suspects(gathered.pods))
    nodes = list(dict.fromkeys(node for pod in gathered.pods if (node := further.node_of(pod))))
    elsewhere = [node for node in nodes if node not in read_already][:MOST_NODES_BESIDE]
    scaled = _stateful_sets(world.of("HorizontalPodAutoscaler", target.namespace))
    of_pods, of_nodes, beside, stateful_sets = await asyncio.gather(
        reads.measured("PodMetrics", port.POD_METRICS, target.namespace),
        reads.measured("NodeMetrics", port.NODE_METRICS, ""),
        reads.beside(elsewhere, target.namespace, policy),
        asyncio.gather(
            *(reads.named("StatefulSet", port.STATEFUL_SETS, target.namespace, name) for name in scaled),
        ),
    )
    known = {fields.metadata(item).get("name") for item in world.of("Node")}
    more = replace(
        world,
        objects=(
            *world.objects,
            *of_pods,
            *(item for item in of_nodes if fields.metadata(item).get("name") in known),
            *beside,
            *present(stateful_sets),
        ),
        denied=world.denied | reads.denied,
    )
    return gathered._replace(world=more)


def _stateful_sets(autoscalers: Iterable[JSON]) -> list[str]:
    """Names of those that an autoscaler says it scales: whether they exist tells why it is blind."""
    aims = (fields.mapping(fields.at(item, "spec", "scaleTargetRef")) for item in autoscalers)
    names = (fields.name(aim.get("name")) for aim in aims if aim.get("kind") == "StatefulSet")
    return sorted({name for name in names if name})[:MOST_SCALED]

"""What looks like memory running out at first sight: a container near its limit, a node under pressure. It does not judge.

A node's SystemOOM is a symptom of its own: its condition may have been green at every sample. A container that was killed
for memory is the crash loop's symptom (`symptoms.py`), whose runbook hands it over. Asked by `load_symptoms.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from byteport.domain.canonical import digest
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.events import EventClass, read_events
from byteport.kubernetes.node_memory import read_node_memory
from byteport.kubernetes.owners import OwnerKind, pod_owner
from byteport.kubernetes.surroundings import Tri
from byteport.kubernetes.usage import memory_share, read_usage
from byteport.kubernetes.world import JSON, World

RAISES = 90
"""The settings' default of `memory_percent`: from so much of its limit on a container is looked at."""
NODE_RAISES = 95
"""From so much of its memory used on a node is looked at."""
OOM_MEMORY = timedelta(hours=1)
OLD = timedelta(minutes=5)
"""A measurement that is older raises nothing."""


def memory_symptoms(world: World, cluster_uid: str, *, percent: int = RAISES) -> list[Signal]:
    """One signal per workload with a container at `percent` of its limit or more, and one per node in trouble."""
    return [*_of_workloads(world, cluster_uid, percent), *_of_nodes(world, cluster_uid)]


def _of_workloads(world: World, cluster_uid: str, percent: int) -> Iterator[Signal]:
    measured = {_place(item) for item in world.of("PodMetrics")}
    if not measured:
        return
    targets = {_target_of(pod, world, cluster_uid) for pod in world.of("Pod") if _place(pod) in measured}
    for target in sorted((found for found in targets if found is not None), key=lambda found: found.ref):
        shares = {
            (one.pod, one.container): memory_share(one) or 0.0
            for one in read_usage(world, target).usage
            if one.measured_at is not None and world.now - one.measured_at <= OLD
        }
        hot = {key: share for key, share in shares.items() if 100 * share >= percent}
        if hot:
            # Shares move with every measurement; which containers are near their limits is the observation.
            evidence = digest(["memory", target.ref, [list(key) for key in sorted(hot)]])
            yield _signal(target, round(100 * max(hot.values()), 1), percent, evidence, world)


def _target_of(pod: JSON, world: World, cluster_uid: str) -> Target | None:
    owner, namespace = pod_owner(pod, world), _place(pod)[0]
    if not namespace or not owner.name or owner.kind is OwnerKind.JOB:  # a Job ends by itself
        return None
    kind = owner.kind.value if owner.kind is not OwnerKind.FOREIGN else owner.api_kind or owner.kind.value
    return Target(cluster_uid=cluster_uid, namespace=namespace, kind=kind, name=owner.name, uid=owner.uid)


def _of_nodes(world: World, cluster_uid: str) -> Iterator[Signal]:
    named = set()
    for node in world.of("Node"):
        name = _place(node)[1]
        if not name:
            continue
        named.add(name)
        memory = read_node_memory(world, node)
        total, left = memory.memory_bytes, memory.memory_available_bytes
        share = 100 * (1 - left / total) if total and left is not None else 0.0
        killed = memory.system_oom_at is not None and world.now - memory.system_oom_at <= OOM_MEMORY
        if memory.memory_condition is Tri.TRUE or killed or share >= NODE_RAISES:
            target = Target(
                cluster_uid=cluster_uid,
                namespace="",
                kind="Node",
                name=name,
                uid=fields.uid(fields.metadata(node).get("uid")),
            )
            since = memory.memory_condition_since if memory.memory_condition is Tri.TRUE else None
            evidence = digest(["node-memory", target.ref, str(since), str(memory.system_oom_at), share >= NODE_RAISES])
            yield _signal(target, round(share, 1), NODE_RAISES, evidence, world)
    yield from _of_absent_nodes(world, cluster_uid, named)


def _of_absent_nodes(world: World, cluster_uid: str, named: set[str]) -> Iterator[Signal]:
    """Nodes that only events of a saved bundle speak of."""
    if world.complete:
        return
    told: dict[str, str] = {}
    for event in read_events(world):
        lately = event.last is not None and world.now - event.last <= OOM_MEMORY
        if event.kind is EventClass.SYSTEM_OOM and event.about_kind == "Node" and event.about and lately:
            told[event.about] = str(event.last)
    for name, when in told.items():
        if name not in named:
            target = Target(cluster_uid=cluster_uid, namespace="", kind="Node", name=name)
            yield _signal(target, 0.0, NODE_RAISES, digest(["node-memory", target.ref, when]), world)


def _signal(target: Target, value: float, threshold: float, evidence: str, world: World) -> Signal:
    return Signal(
        type=SignalType.MEMORY_PRESSURE,
        value=value,
        threshold=threshold,
        target=target,
        observed_at=world.now,
        source=Source.WATCH,
        evidence_digest=evidence,
    )


def _place(item: JSON) -> tuple[str, str]:
    meta = fields.metadata(item)
    return fields.name(meta.get("namespace")), fields.name(meta.get("name"))

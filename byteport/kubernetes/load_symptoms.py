"""What looks wrong with a workload's CPU or memory at first sight: its use, its autoscaler. It does not judge.

An autoscaler that is above its target and has asked for enough is no symptom, nor is one at its maximum that is content.
Asked by `symptoms.py` for a whole `World`, and for one autoscaler that the watch has just seen.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from byteport.domain.base import Frozen
from byteport.domain.canonical import digest
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.autoscaler_faults import aim_of
from byteport.kubernetes.autoscaler_reading import autoscalers_of, read_autoscaler
from byteport.kubernetes.owners import OwnerKind, pod_owner
from byteport.kubernetes.scaling import RATE_STANDS, AutoscalerReading, Brake, ContainerUsage, Measure
from byteport.kubernetes.scaling_reading import held_back
from byteport.kubernetes.usage import read_usage
from byteport.kubernetes.world import JSON, World

CPU_PERCENT = 90
"""The settings' default of `cpu_percent`: from so much of its limit on a workload is looked at."""
BLIND_AFTER = timedelta(minutes=3)
"""A new autoscaler, and every one while the metrics API restarts, is blind for a while."""
AT_WORK = timedelta(minutes=3)
"""So long after it has scaled, the replicas that it asked for may still be starting."""
OLD = timedelta(minutes=5)
"""A measurement that is older raises nothing."""


class LoadSymptom(Frozen):
    """One workload's trouble. Equal digests are the same observation: values are put into wide buckets."""

    value: float
    """Percent; of the metrics that a blind autoscaler has, how many it cannot read."""
    threshold: float
    evidence_digest: str


def load_symptoms(world: World, cluster_uid: str) -> list[Signal]:
    """One signal per workload whose autoscaler is short, blind or set up wrongly, or whose containers are at their limits."""
    found: dict[str, Signal] = {}
    for item in world.of("HorizontalPodAutoscaler"):
        symptom = autoscaler_symptom(world, item)
        target = _aimed(world, item, cluster_uid)
        if symptom is not None and target is not None:
            found.setdefault(target.ref, _signal(symptom, target, world))
    for signal in usage_symptoms(world, cluster_uid):
        found.setdefault(signal.target.ref, signal)
    return list(found.values())


def usage_symptoms(world: World, cluster_uid: str, *, percent: int = CPU_PERCENT) -> list[Signal]:
    """One signal per workload whose containers are at their CPU limits, or at `percent` of them without an autoscaler."""
    asked = ((target, _of_usage(world, target, percent)) for target in _measured(world, cluster_uid))
    return [_signal(symptom, target, world) for target, symptom in asked if symptom is not None]


def autoscaler_symptom(world: World, item: JSON) -> LoadSymptom | None:
    """What is wrong with one autoscaler, or None. One that goes by memory most of all is none of CPU's."""
    read = read_autoscaler(world, item)
    binding = read.binding
    if read.deleting or (binding is not None and binding.measures(Measure.MEMORY)):
        return None
    if read.misfit is not None:
        evidence = digest(["autoscaler", read.uid or read.name, read.misfit.value])
        return LoadSymptom(value=float(read.floor), threshold=float(read.ceiling), evidence_digest=evidence)
    if read.brake in (Brake.BLIND, Brake.UNABLE):
        lately = read.braked_since is not None and world.now - read.braked_since < BLIND_AFTER
        unknown = float(sum(metric.ratio is None for metric in read.metrics) or 1)
        evidence = digest(["autoscaler", read.uid or read.name, read.brake.value, str(read.braked_since)])
        return None if lately else LoadSymptom(value=unknown, threshold=0.0, evidence_digest=evidence)
    return _hot(read, world.now)


def _helps_itself(read: AutoscalerReading, now: datetime) -> bool:
    """It has asked for enough, has just scaled, lets its owner's window pass, or has only just met its own rate."""
    if read.brake is Brake.RATE:
        return read.braked_since is not None and now - read.braked_since < RATE_STANDS
    enough = read.asks is not None and read.desired > read.current and read.desired >= read.asks
    lately = read.scaled_at is not None and now - read.scaled_at < AT_WORK
    return read.stabilising or (read.brake is Brake.NONE and (enough or lately))


def _hot(read: AutoscalerReading, now: datetime) -> LoadSymptom | None:
    binding = read.binding
    if not read.hot or _helps_itself(read, now):
        return None
    ratio = binding.ratio if binding is not None and binding.ratio is not None else 1.0
    evidence = digest(["autoscaler", read.uid or read.name, read.brake.value, _bucket(100 * ratio)])
    shown = binding.current_percent if binding is not None else None
    wanted = binding.target_percent if binding is not None else None
    if shown is None or wanted is None:
        shown, wanted = 100 * ratio, 100.0
    return LoadSymptom(value=shown, threshold=wanted, evidence_digest=evidence)


def _of_usage(world: World, target: Target, percent: int) -> LoadSymptom | None:
    """Containers at their CPU limits, where no autoscaler sees it."""
    usage = [one for one in read_usage(world, target).usage if _fresh(one, world)]
    bound = [(one.cpu, one.cpu_limit) for one in usage if one.cpu is not None and one.cpu_limit]
    limit = sum(most or 0.0 for _, most in bound)
    if not limit:
        return None
    share = 100 * sum(used or 0.0 for used, _ in bound) / limit
    scaled = bool(autoscalers_of(world, target))
    throttled = held_back(usage) is True
    if not throttled and (scaled or share < percent):
        return None
    evidence = digest(["cpu", target.ref, throttled, _bucket(share)])
    return LoadSymptom(value=round(share, 1), threshold=float(percent), evidence_digest=evidence)


def _fresh(one: ContainerUsage, world: World) -> bool:
    return one.measured_at is not None and world.now - one.measured_at <= OLD


def _bucket(percent: float) -> int:
    """How often 100 % can be doubled before it exceeds `percent`: a value that wobbles stays where it is."""
    steps = 0
    while percent >= 200 and steps < 60:
        percent, steps = percent / 2, steps + 1
    return steps


def _aimed(world: World, item: JSON, cluster_uid: str) -> Target | None:
    kind, name = aim_of(item)
    namespace = fields.name(fields.metadata(item).get("namespace"))
    if not (kind and name and namespace):
        return None
    found = world.named(kind, namespace, name)
    uid = fields.uid(fields.metadata(found).get("uid")) if found is not None else ""
    return Target(cluster_uid=cluster_uid, namespace=namespace, kind=kind, name=name, uid=uid)


def _measured(world: World, cluster_uid: str) -> list[Target]:
    """Workloads of which a pod was measured, in the order of their names. A Job ends by itself."""
    places = {_place(item) for item in world.of("PodMetrics")}
    found: dict[str, Target] = {}
    for pod in world.of("Pod") if places else []:
        owner, (namespace, _) = pod_owner(pod, world), _place(pod)
        if _place(pod) not in places or not namespace or not owner.name or owner.kind is OwnerKind.JOB:
            continue
        kind = owner.kind.value if owner.kind is not OwnerKind.FOREIGN else owner.api_kind or owner.kind.value
        target = Target(cluster_uid=cluster_uid, namespace=namespace, kind=kind, name=owner.name, uid=owner.uid)
        found.setdefault(target.ref, target)
    return [found[ref] for ref in sorted(found)]


def _place(item: JSON) -> tuple[str, str]:
    meta = fields.metadata(item)
    return fields.name(meta.get("namespace")), fields.name(meta.get("name"))


def _signal(symptom: LoadSymptom, target: Target, world: World) -> Signal:
    return Signal(
        type=SignalType.CPU_SPIKE,
        value=symptom.value,
        threshold=symptom.threshold,
        target=target,
        observed_at=world.now,
        source=Source.WATCH,
        evidence_digest=symptom.evidence_digest,
    )

"""A workload's load and autoscaler from a `World`, as a `ScalingReading`.

Puts the autoscaler (`autoscaler_reading.py`), what was measured (`measurements.py`), and what the pods say of themselves
together. Called by `reading.py` for the failures of load; the CPU and memory runbooks are given the result.
"""

from __future__ import annotations

from collections.abc import Sequence

from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.autoscaler_faults import resources_of, unrequested
from byteport.kubernetes.autoscaler_reading import autoscalers_of, read_autoscaler
from byteport.kubernetes.measurements import with_measurements
from byteport.kubernetes.ownership import keeper_of
from byteport.kubernetes.scaling import ContainerUsage, ScalingReading
from byteport.kubernetes.templates import template_of
from byteport.kubernetes.usage import own_pods
from byteport.kubernetes.world import JSON, World

AT_LIMIT = 0.95
"""From this share of its CPU limit on the kernel holds a container back."""
_SYSTEM = "system-"
_SYSTEM_PRIORITY = 2_000_000_000


def read_scaling(world: World, target: Target) -> ScalingReading:
    """What is known of `target`'s load. Never raises for what it reads."""
    workload = world.named(target.kind, target.namespace, target.name)
    scalers = autoscalers_of(world, target)
    autoscaler = read_autoscaler(world, scalers[0]) if scalers else None
    keeper = keeper_of(workload, []) if workload is not None else None
    resources = frozenset[str]().union(*(resources_of(item) for item in scalers))
    tools = [keeper.gitops, keeper.controller] if keeper is not None else []
    if autoscaler is not None:
        tools.append(autoscaler.owned_by)
    reading = ScalingReading(
        autoscaler=autoscaler,
        requests_missing=tuple(unrequested(workload, resources)),
        priority=_priority(world, workload, own_pods(world, target)),
        owner_tools=tuple(dict.fromkeys(tool for tool in tools if tool)),
    )
    measured = with_measurements(reading, world, target)
    return measured.model_copy(update={"throttled": held_back(measured.usage)})


def held_back(usage: Sequence[ContainerUsage]) -> bool | None:
    """Whether the CPU limit holds a container back in at least half of the pods; None where nobody measured it.

    A pod's sum may look low while one of its containers can have no more.
    """
    shares: dict[str, float] = {}
    for one in usage:
        if one.cpu is not None and one.cpu_limit:
            shares[one.pod] = max(shares.get(one.pod, 0.0), one.cpu / one.cpu_limit)
    if not shares:
        return None
    return sum(share >= AT_LIMIT for share in shares.values()) * 2 >= len(shares)


def _priority(world: World, workload: JSON | None, pods: Sequence[JSON]) -> int:
    """How far above the cluster's default the pods are; a class that was not read counts as above it."""
    classes = {fields.metadata(item).get("name"): item for item in world.of("PriorityClass")}
    usual = max((_value(item) for item in classes.values() if item.get("globalDefault") is True), default=0)
    specs = [pod.get("spec") for pod in pods]
    if not specs and workload is not None:
        specs = [fields.at(template_of(workload), "spec")]
    found = [usual]
    for spec in specs:
        told, named = fields.whole(fields.at(spec, "priority")), fields.at(spec, "priorityClassName")
        if told is not None:
            found.append(told)
        elif isinstance(named, str) and named:
            found.append(_named_value(named, classes.get(named), usual))
    return max(0, *(value - usual for value in found))


def _named_value(name: str, item: JSON | None, usual: int) -> int:
    if item is not None:
        return _value(item)
    return _SYSTEM_PRIORITY if name.startswith(_SYSTEM) else usual + 1


def _value(item: JSON) -> int:
    return fields.whole(item.get("value")) or 0

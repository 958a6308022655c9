"""How many more pods of a workload would find a place: quota, and what nodes have left. And whether pods wait for one.

An upper bound. Pods in namespaces that may not be read are not counted against a node, and a scheduler has reasons of its
own; what does not fit in spite of it shows as Pending, and a raised floor is then put back.

Called by `measurements.py`; asked where a floor may be raised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from byteport.domain.base import Frozen, Instant
from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.events import EventClass, read_events
from byteport.kubernetes.quantities import demand, quantity
from byteport.kubernetes.world import JSON, World

MOST = 10_000
"""Room beyond this is plenty."""
SCALE_UP_MEMORY = timedelta(hours=24)
_COMPUTE = ("cpu", "memory")


class PodRoom(Frozen):
    """Place for more pods."""

    room: int | None = None
    quota_room: int | None = None
    pending: int = 0
    pending_since: Instant | None = None
    scale_up_worked_at: Instant | None = None


def read_pod_room(world: World, target: Target, pods: Sequence[JSON]) -> PodRoom:
    """Place for more of `pods`, the live ones of `target`. Never raises for what it reads."""
    waiting = [pod for pod in pods if not fields.name(fields.at(pod, "spec", "nodeName"))]
    since = [fields.instant(fields.metadata(pod).get("creationTimestamp")) for pod in waiting]
    return PodRoom(
        room=_room(world, target, pods),
        quota_room=min(_by_quota(world, target.namespace, demand(_newest(pods).get("spec"))), default=None)
        if pods
        else None,
        pending=len(waiting),
        pending_since=min((when for when in since if when is not None), default=None),
        scale_up_worked_at=_scale_up(world),
    )


def _room(world: World, target: Target, pods: Sequence[JSON]) -> int | None:
    """The least of what quotas and nodes let in; None where neither was read, or no pod shows what one asks for."""
    if not pods:
        return None
    needs = demand(_newest(pods).get("spec"))
    found = [*_by_quota(world, target.namespace, needs)]
    held = _demands(world)
    places = [
        _on_node(node, needs, held.get(fields.name(fields.metadata(node).get("name")), []))
        for node in world.of("Node")
        if _takes_pods(node)
    ]
    known = [place for place in places if place is not None]
    if known or (world.of("Node") and not places):
        found.append(sum(known))
    return min(MOST, min(found)) if found else None


def _newest(pods: Sequence[JSON]) -> JSON:
    return max(pods, key=lambda pod: str(fields.metadata(pod).get("creationTimestamp")))


def _by_quota(world: World, namespace: str, needs: Mapping[str, Fraction]) -> Iterator[int]:
    for quota in world.of("ResourceQuota", namespace):
        if "Terminating" in fields.strings(fields.at(quota, "spec", "scopes")):
            continue
        hard = fields.mapping(fields.at(quota, "status", "hard")) or fields.mapping(fields.at(quota, "spec", "hard"))
        used = fields.mapping(fields.at(quota, "status", "used"))
        for key, limit in hard.items():
            most, need = quantity(limit), needs.get(key)
            if most is not None and need:
                yield _times(most - (quantity(used.get(key)) or Fraction(0)), need)


def _takes_pods(node: JSON) -> bool:
    """Ready, schedulable, and without a taint: tolerations are the scheduler's business."""
    ready = fields.condition(node, "Ready").get("status") == "True"
    taints = [
        taint
        for taint in fields.entries(fields.at(node, "spec", "taints"))
        if taint.get("effect") != "PreferNoSchedule"
    ]
    return ready and not taints and fields.at(node, "spec", "unschedulable") is not True


def _demands(world: World) -> dict[str, list[dict[str, Fraction]]]:
    """What the pods on each node ask for."""
    held: dict[str, list[dict[str, Fraction]]] = defaultdict(list)
    for pod in world.of("Pod"):
        node = fields.name(fields.at(pod, "spec", "nodeName"))
        if node and fields.at(pod, "status", "phase") not in ("Succeeded", "Failed"):
            held[node].append(demand(pod.get("spec")))
    return held


def _on_node(node: JSON, needs: Mapping[str, Fraction], there: Sequence[Mapping[str, Fraction]]) -> int | None:
    """How many fit beside those that are `there`; None where the node does not say what it has."""
    allocatable = fields.mapping(fields.at(node, "status", "allocatable"))
    room = []
    for key in _COMPUTE:
        total = quantity(allocatable.get(key))
        need = needs.get(f"requests.{key}")
        if total is not None and need:
            taken = sum((asked.get(f"requests.{key}", Fraction(0)) for asked in there), Fraction(0))
            room.append(_times(total - taken, need))
    most = quantity(allocatable.get("pods"))
    if most is not None:
        room.append(_times(most - len(there), Fraction(1)))
    return min(room, default=None)


def _times(left: Fraction, need: Fraction) -> int:
    return max(0, min(MOST, int(left / need)))


def _scale_up(world: World) -> datetime | None:
    """When a cluster autoscaler last made a node for a pod: its event, with a node born within half an hour after it."""
    asked = [event.last for event in read_events(world) if event.kind is EventClass.SCALE_UP]
    born = [fields.instant(fields.metadata(node).get("creationTimestamp")) for node in world.of("Node")]
    worked = [
        made
        for made in born
        for when in asked
        if made is not None
        and when is not None
        and timedelta(0) <= made - when <= timedelta(minutes=30)
        and timedelta(0) <= world.now - made <= SCALE_UP_MEMORY
    ]
    return max(worked, default=None)

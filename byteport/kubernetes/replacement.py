"""Whether a pod that is deleted would come back: whatever would refuse its replacement, by name.

Before a delete, its ReplicaSet must have been able to create pods of late, and quota, limit ranges, the pod-security
level and fail-closed webhooks must let the same pod in once more. A blocker is never worked around: it is escalated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from byteport.kubernetes import fields, podsecurity
from byteport.kubernetes.events import EventClass, EventReading, about
from byteport.kubernetes.messages import Refusal, Unfit, refusal
from byteport.kubernetes.quantities import demand, quantity
from byteport.kubernetes.surroundings import Blocker
from byteport.kubernetes.webhooks import dead_webhooks
from byteport.kubernetes.world import World

LATELY = timedelta(minutes=10)
"""A refusal within this time still stands."""

_COMPUTE = ("cpu", "memory")


def blockers(
    world: World, namespace: str, replica_sets: Sequence[str], spec: object, events: tuple[EventReading, ...]
) -> tuple[Blocker, ...]:
    """Everything that would refuse another pod of `spec` in `namespace`, each once."""
    found = [
        *_refused_lately(world, namespace, replica_sets, events),
        *_no_room(replica_sets, events, world.now),
        *_quotas(world, namespace, spec),
        *_limits(world, namespace, spec),
        *(Blocker(kind=Refusal.WEBHOOK, name=name) for name in dead_webhooks(world, namespace)),
    ]
    place = world.named("Namespace", "", namespace)
    if podsecurity.refused(place, spec):
        found.append(Blocker(kind=Refusal.POD_SECURITY, name=namespace))
    return tuple(dict.fromkeys(found))


def _refused_lately(
    world: World, namespace: str, replica_sets: Sequence[str], events: tuple[EventReading, ...]
) -> Iterator[Blocker]:
    for name in replica_sets:
        for event in about(events, "ReplicaSet", name):
            if event.kind is EventClass.CREATE_REFUSED and _lately(event.last, world.now):
                yield Blocker(kind=event.refusal or Refusal.OTHER, name=name)
        failure = fields.condition(world.named("ReplicaSet", namespace, name), "ReplicaFailure")
        if failure.get("status") == "True":
            yield Blocker(kind=refusal(failure.get("message")), name=name)


def _no_room(replica_sets: Sequence[str], events: tuple[EventReading, ...], now: datetime) -> Iterator[Blocker]:
    """Another pod of the same ReplicaSet waits for a node, or the nodes are full: the new one would wait beside it."""
    for event in events:
        if event.kind is EventClass.UNSCHEDULABLE and event.last is not None and _lately(event.last, now):
            kin = any(event.about.startswith(f"{name}-") for name in replica_sets)
            if kin or Unfit.RESOURCES in event.unfit:
                yield Blocker(kind=Refusal.NO_ROOM, name=event.about)


def _lately(when: datetime | None, now: datetime) -> bool:
    return when is None or now - when <= LATELY


def _quotas(world: World, namespace: str, spec: object) -> Iterator[Blocker]:
    wanted = demand(spec)
    defaulted = bool(world.of("LimitRange", namespace))
    for quota in world.of("ResourceQuota", namespace):
        if "Terminating" in fields.strings(fields.at(quota, "spec", "scopes")):
            continue
        hard = fields.mapping(fields.at(quota, "status", "hard")) or fields.mapping(fields.at(quota, "spec", "hard"))
        used = fields.mapping(fields.at(quota, "status", "used"))
        if not hard or any(_exceeds(key, limit, used, wanted, defaulted=defaulted) for key, limit in hard.items()):
            yield Blocker(kind=Refusal.QUOTA, name=fields.name(fields.metadata(quota).get("name")))


def _exceeds(
    key: str, limit: object, used: Mapping[str, Any], wanted: Mapping[str, Fraction], *, defaulted: bool
) -> bool:
    most, present = quantity(limit), quantity(used.get(key)) or Fraction(0)
    compute = key.removeprefix("requests.").removeprefix("limits.") in _COMPUTE
    if most is None:
        return False
    if key not in wanted:
        # A quota on cpu or memory demands that every pod states them; a LimitRange may state them for it.
        return compute and not defaulted
    return present + wanted[key] > most


def _limits(world: World, namespace: str, spec: object) -> Iterator[Blocker]:
    for limit_range in world.of("LimitRange", namespace):
        rules = fields.entries(fields.at(limit_range, "spec", "limits"))
        if any(rule.get("type") == "Container" and _outside(rule, spec) for rule in rules):
            yield Blocker(kind=Refusal.LIMIT_RANGE, name=fields.name(fields.metadata(limit_range).get("name")))


def _outside(rule: Mapping[str, Any], spec: object) -> bool:
    most, least = fields.mapping(rule.get("max")), fields.mapping(rule.get("min"))
    for container in fields.entries(fields.mapping(spec).get("containers")):
        for section in ("limits", "requests"):
            amounts = fields.mapping(fields.at(container, "resources", section))
            for key, value in amounts.items():
                amount, top, floor = quantity(value), quantity(most.get(key)), quantity(least.get(key))
                if amount is not None and (
                    (top is not None and amount > top) or (floor is not None and amount < floor)
                ):
                    return True
    return False

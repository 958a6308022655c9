"""How many replicas each ReplicaSet of a Deployment gets next: the Deployment controller's arithmetic.

Follows `pkg/controller/deployment` of Kubernetes 1.37. Pure: comes before `deployments.py`, which carries it out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

JSON = dict[str, Any]

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"


class Bounds(NamedTuple):
    """How far a rollout may go above and below the wanted replicas."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def maximum(self) -> int:
        return self.replicas + self.surge if self.replicas else 0


def bounds_of(deployment: JSON) -> Bounds:
    """Percentages round up for the surge and down for the unavailable; both 0 is one unavailable."""
    replicas = int(deployment["spec"]["replicas"])
    strategy = deployment["spec"]["strategy"]
    if strategy["type"] == "Recreate":
        return Bounds(replicas, 0, 0)
    rolling = strategy["rollingUpdate"]
    surge = _count(rolling["maxSurge"], replicas, up=True)
    unavailable = _count(rolling["maxUnavailable"], replicas, up=False)
    return Bounds(replicas, surge, 1 if surge == unavailable == 0 else min(unavailable, replicas))


def new_size(bounds: Bounds, new: JSON, every: Sequence[JSON]) -> int:
    """The newest ReplicaSet's next size: down to what is wanted at once, up as far as the surge allows."""
    current = size(new)
    if current >= bounds.replicas:
        return bounds.replicas
    room = bounds.replicas + bounds.surge - sum(map(size, every))
    return current + max(0, min(room, bounds.replicas - current))


def old_sizes(bounds: Bounds, new: JSON, old: Sequence[JSON]) -> list[int]:
    """The older ReplicaSets' next sizes, `old` oldest first: unhealthy replicas go first, then what can be spared."""
    sizes = [size(item) for item in old]
    everything = sum(sizes) + size(new)
    at_least = bounds.replicas - bounds.unavailable
    spare = everything - at_least - (size(new) - available(new))
    if spare <= 0:
        return sizes
    for index, item in enumerate(old):
        unhealthy = max(0, sizes[index] - available(item))
        gone = min(spare, unhealthy)
        sizes[index] -= gone
        spare -= gone
    surplus = available(new) + sum(map(available, old)) - at_least
    for index in range(len(old)):
        gone = max(0, min(surplus, sizes[index]))
        sizes[index] -= gone
        surplus -= gone
    return sizes


def proportional_sizes(bounds: Bounds, active: Sequence[JSON]) -> list[int]:
    """Sizes after a change of `spec.replicas` amid a rollout: shared out by size, `active` newest first."""
    sizes = [size(item) for item in active]
    to_add = bounds.maximum - sum(sizes)
    left = to_add
    for index in sorted(range(len(active)), key=lambda i: sizes[i], reverse=True):
        if to_add == 0 or left == 0:
            break
        annotated = int((active[index]["metadata"].get("annotations") or {}).get(MAXIMUM, bounds.maximum) or 1)
        share = round(sizes[index] * bounds.maximum / annotated) - sizes[index]
        share = min(share, left) if to_add > 0 else max(share, left)
        sizes[index] += share
        left -= share
    sizes[0] = max(0, sizes[0] + left)
    return sizes


def size(replica_set: JSON) -> int:
    return int(replica_set["spec"].get("replicas", 1))


def available(replica_set: JSON) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def _count(value: int | str, of: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * of / 100
    return math.ceil(share) if up else math.floor(share)

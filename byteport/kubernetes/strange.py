"""Objects that hold what cannot be: a time in the future, an unknown word, more available than there are.

They are read, and not acted upon.

A clock that is wrong, a server of a later version or somebody who writes statuses by hand makes them. The readings take
what they can from such an object; `Runbook.propose` keeps `auto` from acting on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.owners import controlled
from byteport.kubernetes.world import JSON, World

SKEW = timedelta(minutes=5)
"""So far the cluster's clock may be ahead of ours."""
MOST = 5
"""So many are named."""

_STATUSES = frozenset({"True", "False", "Unknown"})
_PHASES = frozenset({"Pending", "Running", "Succeeded", "Failed", "Unknown"})
_STATES = frozenset({"waiting", "running", "terminated"})


def strange_objects(world: World, target: Target, pods: Iterable[tuple[str, str]]) -> frozenset[str]:
    """`Kind/name` of the target's own objects (itself, its ReplicaSets, autoscalers and `pods`) that cannot be so."""
    own = [world.named(target.kind, target.namespace, target.name)]
    own += controlled(world, "ReplicaSet", target.uid, target.namespace)
    own += [item for item in world.of("HorizontalPodAutoscaler", target.namespace) if _scales(item, target)]
    own += [world.named("Pod", namespace, name) for namespace, name in pods]
    names = [_ref(item) for item in own if item is not None and is_strange(item, world.now)]
    return frozenset(sorted(names)[:MOST])


def is_strange(item: JSON, now: datetime) -> bool:
    """Whether anything in `item` is later than now, or a word outside Kubernetes' own lists."""
    return any(when > now + SKEW for when in _times(item)) or any(_unknown_words(item)) or not _adds_up(item)


def _times(item: JSON) -> Iterator[datetime]:
    status = fields.mapping(item.get("status"))
    found = [fields.metadata(item).get("creationTimestamp"), status.get("startTime"), status.get("lastScaleTime")]
    for condition in fields.entries(status.get("conditions")):
        found += [condition.get("lastTransitionTime"), condition.get("lastUpdateTime")]
    for container in _containers(status):
        for kind in ("state", "lastState"):
            for state in fields.mapping(container.get(kind)).values():
                found += [fields.mapping(state).get("startedAt"), fields.mapping(state).get("finishedAt")]
    return (when for when in map(fields.instant, found) if when is not None)


def _unknown_words(item: JSON) -> Iterator[bool]:
    status = fields.mapping(item.get("status"))
    for condition in fields.entries(status.get("conditions")):
        yield condition.get("status") not in (*_STATUSES,)  # a list in its place cannot be hashed
    yield item.get("kind") == "Pod" and status.get("phase") not in (None, *_PHASES)
    for container in _containers(status):
        for kind in ("state", "lastState"):
            yield not set(fields.mapping(container.get(kind))) <= _STATES


def _adds_up(item: JSON) -> bool:
    """Available replicas are Ready ones, and Ready ones are replicas; the API server itself refuses anything else."""
    status = fields.mapping(item.get("status"))
    if item.get("kind") not in ("ReplicaSet", "Deployment") or "replicas" not in status:
        return True
    counts = [fields.count(status.get(name)) for name in ("availableReplicas", "readyReplicas", "replicas")]
    if "readyReplicas" not in status:  # an old bundle may leave it out
        counts.pop(1)
    return counts == sorted(counts)


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for kind in ("containerStatuses", "initContainerStatuses"):
        yield from fields.entries(status.get(kind))


def _scales(autoscaler: JSON, target: Target) -> bool:
    reference = fields.mapping(fields.at(autoscaler, "spec", "scaleTargetRef"))
    return (reference.get("kind"), reference.get("name")) == (target.kind, target.name)


def _ref(item: JSON) -> str:
    return f"{fields.name(item.get('kind'))}/{fields.name(fields.metadata(item).get('name'))}"

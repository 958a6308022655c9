"""Where something else fails too: the nodes and registries that a release must not be blamed for.

Coarser than `neighbours.py` on purpose. That one looks for a common cause among many; here a single neighbour in trouble
is enough to doubt a single failing pod. `rollout_reading.py` puts both answers into its reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from byteport.kubernetes import fields
from byteport.kubernetes.further import node_of, unwell
from byteport.kubernetes.owners import controller
from byteport.kubernetes.world import JSON, World

_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
_PULLS = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"})


def troubled_nodes(world: World, own: frozenset[str]) -> tuple[str, ...]:
    """Nodes on which a pod that none of the ReplicaSets with the uids `own` controls is failing, for whatever cause."""
    return tuple(sorted({node for pod in _others(world, own) if _fails(pod) and (node := node_of(pod))}))


def troubled_registries(world: World, own: frozenset[str]) -> tuple[str, ...]:
    """Registries that a pod of something else waits for, whatever they answer it."""
    waiting = (
        fields.registry(fields.image(status.get("image")))
        for pod in _others(world, own)
        for status in _statuses(pod)
        if _waits_for(status) in _PULLS
    )
    return tuple(sorted({name for name in waiting if name}))


def _others(world: World, own: frozenset[str]) -> Iterable[JSON]:
    return (pod for pod in world.of("Pod") if unwell(pod) and (controller(pod) or {}).get("uid") not in own)


def _fails(pod: JSON) -> bool:
    return any(
        fields.count(found.get("restartCount")) or _waits_for(found) not in _STARTING for found in _statuses(pod)
    )


def _waits_for(status: Mapping[str, Any]) -> str:
    reason = fields.at(status, "state", "waiting", "reason")
    return reason if isinstance(reason, str) else ""


def _statuses(pod: JSON) -> Iterable[Mapping[str, Any]]:
    kinds = ("initContainerStatuses", "containerStatuses")
    return (status for kind in kinds for status in fields.entries(fields.at(pod, "status", kind)))

"""What else leans on a Deployment, or fails beside it: services, autoscalers, nodes and registries.

Of nodes and registries it is coarser than `neighbours.py`, on purpose: that one looks for a common cause among many; here a
single neighbour in trouble is enough to doubt a single failing pod. `rollout_reading.py` puts the answers into its
reading.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping
from typing import Any

from byteport.kubernetes import fields
from byteport.kubernetes.further import node_of, unwell_pods
from byteport.kubernetes.owners import controller
from byteport.kubernetes.templates import template_of
from byteport.kubernetes.world import JSON, World, place_of

_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
_PULLS = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"})


def shared_services(world: World, deployment: JSON) -> tuple[str, ...]:
    """Services whose selector takes in the pods of `deployment` and those of another workload that wants pods."""
    namespace = fields.name(fields.metadata(deployment).get("namespace"))
    uid, own = fields.metadata(deployment).get("uid"), fields.labels(template_of(deployment)).items()
    found = []
    for service in world.of("Service", namespace):
        selector = fields.mapping(fields.at(service, "spec", "selector")).items()
        if (
            selector
            and selector <= own
            and any(selector <= other for other in _labels_of_others(world, namespace, uid))
        ):
            found.append(fields.name(fields.metadata(service).get("name")) or "unnamed")
    return tuple(sorted(found))


def _labels_of_others(world: World, namespace: str, uid: object) -> Iterator[ItemsView[str, Any]]:
    return (labels for place, other, labels in world.each(_wanting_pods) if place == namespace and other != uid)


def _wanting_pods(world: World) -> tuple[tuple[str, object, ItemsView[str, Any]], ...]:
    """Every workload that wants pods: its namespace, its uid, and the labels of its pods."""
    return tuple(
        (place_of(item)[0], fields.metadata(item).get("uid"), fields.labels(template_of(item)).items())
        for kind in ("Deployment", "StatefulSet", "DaemonSet", "Rollout")
        for item in world.of(kind)
        if fields.at(item, "spec", "replicas") != 0
    )


def foreign_autoscaler(world: World, deployment: JSON) -> str:
    """An autoscaler that scales `deployment` and belongs to something else; empty when there is none."""
    meta = fields.metadata(deployment)
    for scaler in world.of("HorizontalPodAutoscaler", fields.name(meta.get("namespace"))):
        aim = fields.mapping(fields.at(scaler, "spec", "scaleTargetRef"))
        name = fields.name(fields.metadata(scaler).get("name"))
        if (aim.get("kind"), aim.get("name")) != ("Deployment", meta.get("name")):
            continue
        keda = name.startswith("keda-hpa-") or any("keda.sh" in str(key) for key in fields.labels(scaler))
        if keda or fields.entries(fields.metadata(scaler).get("ownerReferences")):
            return name or "unnamed"
    return next(
        (
            fields.name(fields.metadata(item).get("name")) or "unnamed"
            for item in world.of("ScaledObject", fields.name(meta.get("namespace")))
            if fields.at(item, "spec", "scaleTargetRef", "name") == meta.get("name")
        ),
        "",
    )


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
    return (pod for pod in unwell_pods(world) if (controller(pod) or {}).get("uid") not in own)


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

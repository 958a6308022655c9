"""The kinds that the simulated cluster keeps, and what the API does with each. Everything else is `NotModelled`.

Deployments, ReplicaSets, Pods, Events, Nodes, Namespaces, ResourceQuotas, PodDisruptionBudgets and the
HorizontalPodAutoscalers of Deployments live; the others are kept as they were applied and nothing acts on them: a Job
runs nothing. What `metrics.k8s.io` gives is no object, and is not kept here (`metrics.py`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from byteport.kubernetes import port
from byteport.kubernetes.port import Resource
from byteport.sandbox.simulated.refusals import NotModelled

JSON = dict[str, Any]


class Kind(NamedTuple):
    """One kind of the API: its names, whether objects lie in a namespace, and whether the API counts generations."""

    resource: Resource
    name: str
    namespaced: bool = True
    generation: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.resource.group}/{self.resource.version}".removeprefix("/")


PRIORITY_CLASSES = Resource("scheduling.k8s.io", "v1", "priorityclasses")

KINDS = (
    Kind(port.PODS, "Pod", generation=True),
    Kind(port.EVENTS, "Event"),
    Kind(port.NODES, "Node", namespaced=False),
    Kind(port.NAMESPACES, "Namespace", namespaced=False),
    Kind(port.SERVICES, "Service"),
    Kind(port.CONFIG_MAPS, "ConfigMap"),
    Kind(port.RESOURCE_QUOTAS, "ResourceQuota"),
    Kind(port.LIMIT_RANGES, "LimitRange"),
    Kind(port.DEPLOYMENTS, "Deployment", generation=True),
    Kind(port.REPLICA_SETS, "ReplicaSet", generation=True),
    Kind(port.STATEFUL_SETS, "StatefulSet", generation=True),
    Kind(port.DAEMON_SETS, "DaemonSet", generation=True),
    Kind(port.JOBS, "Job", generation=True),
    Kind(port.LEASES, "Lease"),
    Kind(port.BUDGETS, "PodDisruptionBudget", generation=True),
    Kind(port.MUTATING_WEBHOOKS, "MutatingWebhookConfiguration", namespaced=False, generation=True),
    Kind(port.VALIDATING_WEBHOOKS, "ValidatingWebhookConfiguration", namespaced=False, generation=True),
    Kind(port.ENDPOINT_SLICES, "EndpointSlice"),
    Kind(port.AUTOSCALERS, "HorizontalPodAutoscaler", generation=True),
    Kind(PRIORITY_CLASSES, "PriorityClass", namespaced=False),
)

_BY_RESOURCE = {kind.resource: kind for kind in KINDS}
_BY_NAME = {(kind.api_version, kind.name): kind for kind in KINDS}


def kind_of(resource: Resource) -> Kind:
    """Raises `NotModelled` for a resource that is not kept."""
    kind = _BY_RESOURCE.get(resource)
    if kind is None:
        raise NotModelled("/".join(filter(None, resource)))
    return kind


def kind_of_object(item: JSON) -> Kind:
    """The kind that an object says it is. Raises `NotModelled`."""
    api_version, name = item.get("apiVersion", ""), item.get("kind", "")
    kind = _BY_NAME.get((api_version, name))
    if kind is None:
        raise NotModelled(f"{api_version} {name}")
    return kind

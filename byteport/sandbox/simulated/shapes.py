"""Objects that the simulated cluster makes by itself or by a short word: a namespace, a node, a plain Deployment.

Comes before `administration.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from byteport.sandbox.controlplane.stages import READINESS
from byteport.sandbox.simulated.clocks import stamp

JSON = dict[str, Any]

HEALTHY = {
    "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID"),
    "Ready": ("True", "KubeletReady"),
}


def namespace(name: str) -> JSON:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def node(name: str, *, zone: str, at: datetime) -> JSON:
    """A Ready node, labelled as the simulated nodes of the real control plane are."""
    capacity = {"cpu": "16", "memory": "64Gi", "pods": "500", "ephemeral-storage": "100Gi"}
    conditions = [
        {
            "type": type_,
            "status": status,
            "reason": reason,
            "lastHeartbeatTime": stamp(at),
            "lastTransitionTime": stamp(at),
        }
        for type_, (status, reason) in HEALTHY.items()
    ]
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": zone,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"providerID": f"simulated:///{zone}/machine-{name}"},
        "status": {
            "conditions": conditions,
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": name},
            ],
            "capacity": capacity,
            "allocatable": capacity,
            "nodeInfo": {"kubeletVersion": "simulated", "containerRuntimeVersion": "containerd://simulated"},
        },
    }


def deployment(home: str, name: str, *, image: str) -> JSON:
    """Three replicas of one container, which has the Deployment's name and a readiness probe, labelled `app`."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": home, "name": name, "labels": dict(labels)},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": dict(labels)},
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {"containers": [{"name": name, "image": image, "readinessProbe": dict(READINESS)}]},
            },
        },
    }


def node_helper_set(home: str, name: str, container: str, labels: Mapping[str, str]) -> JSON:
    """The DaemonSet of the node helper; nothing acts on it here, its pods are made one by one."""
    template = {"metadata": {"labels": dict(labels)}, "spec": {"containers": [_helper_container(container)]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"namespace": home, "name": name, "labels": dict(labels)},
        "spec": {"selector": {"matchLabels": dict(labels)}, "template": template},
    }


def node_helper(
    home: str, name: str, container: str, labels: Mapping[str, str], *, node: str, owner: Mapping[str, Any]
) -> JSON:
    """The node helper's pod on one node."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": home,
            "name": f"{name}-{node}",
            "labels": dict(labels),
            "ownerReferences": [dict(owner)],
        },
        "spec": {"nodeName": node, "containers": [_helper_container(container)]},
    }


def _helper_container(name: str) -> JSON:
    return {"name": name, "image": "registry.example/byteport-node-helper:1"}


def merge(into: JSON, field: str, changes: Mapping[str, str | None]) -> None:
    """Set keys of a map of strings (labels, annotations); None takes one away, and an empty map goes too."""
    merged = {**(into.get(field) or {}), **changes}
    kept = {key: value for key, value in merged.items() if value is not None}
    into.pop(field, None)
    if kept:
        into[field] = kept

"""Single Kubernetes objects: defaults of a healthy one, so that a test names only what is wrong.

Times are given in minutes before `NOW` unless they are datetimes. `workload.py` puts objects together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

JSON = dict[str, Any]
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
When = datetime | float | int


def stamp(when: When, now: datetime = NOW) -> str:
    """An RFC 3339 time; a number is so many minutes before `now`."""
    at = when if isinstance(when, datetime) else now - timedelta(minutes=when)
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def uid_of(*parts: str) -> str:
    """A uid that is the same in every run."""
    digest = hashlib.sha256("/".join(parts).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def waiting(reason: str, message: str = "") -> JSON:
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def running(since: When = 60) -> JSON:
    return {"running": {"startedAt": stamp(since)}}


def terminated(code: int, reason: str = "Error", *, started: When = 4, finished: When = 3, message: str = "") -> JSON:
    end: JSON = {"exitCode": code, "reason": reason, "startedAt": stamp(started), "finishedAt": stamp(finished)}
    return {"terminated": end | ({"message": message} if message else {})}


def container(name: str = "web", image: str = "registry.example.internal/shop/web:7", **more: Any) -> JSON:
    return {"name": name, "image": image, **more}


def status(
    name: str = "web",
    *,
    image: str = "registry.example.internal/shop/web:7",
    state: JSON | None = None,
    last: JSON | None = None,
    restarts: int = 0,
    ready: bool = True,
    started: bool | None = None,
) -> JSON:
    """One container's status; running and ready unless said otherwise."""
    return {
        "name": name,
        "image": image,
        "ready": ready,
        "started": ready if started is None else started,
        "restartCount": restarts,
        "state": running() if state is None else state,
        "lastState": {} if last is None else last,
    }


def owner(kind: str, name: str, uid: str = "", api: str = "apps/v1") -> JSON:
    return {
        "apiVersion": api,
        "kind": kind,
        "name": name,
        "uid": uid or uid_of(kind, name),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod(
    name: str,
    *,
    namespace: str = "shop",
    owners: Sequence[JSON] = (),
    containers: Sequence[JSON] | None = None,
    init: Sequence[JSON] = (),
    statuses: Sequence[JSON] | None = None,
    init_statuses: Sequence[JSON] = (),
    ready: bool = True,
    changed: When | None = None,
    created: When = 600,
    node: str = "node-1",
    phase: str = "Running",
    labels: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
    more_status: Mapping[str, Any] | None = None,
) -> JSON:
    """A pod; Ready since it started unless `ready` and `changed` (when that changed) say otherwise."""
    changed = created if changed is None else changed
    conditions = [
        {"type": "PodScheduled", "status": "True" if node else "False", "lastTransitionTime": stamp(created)},
        {"type": "Initialized", "status": "True", "lastTransitionTime": stamp(created)},
        {"type": "ContainersReady", "status": str(ready), "lastTransitionTime": stamp(changed)},
        {"type": "Ready", "status": str(ready), "lastTransitionTime": stamp(changed)},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid_of("Pod", namespace, name),
            "resourceVersion": "1001",
            "creationTimestamp": stamp(created),
            "labels": dict(labels or {}),
            "ownerReferences": list(owners),
        },
        "spec": {
            **({"nodeName": node} if node else {}),
            "restartPolicy": "Always",
            "containers": [container()] if containers is None else list(containers),
            **({"initContainers": list(init)} if init else {}),
            **(spec or {}),
        },
        "status": {
            "phase": phase,
            "startTime": stamp(created),
            "conditions": conditions,
            "containerStatuses": [status(ready=ready)] if statuses is None else list(statuses),
            **({"initContainerStatuses": list(init_statuses)} if init_statuses else {}),
            **(more_status or {}),
        },
    }


def node(
    name: str,
    *,
    ready: str = "True",
    since: When = 30 * 24 * 60,
    pressure: str = "",
    unschedulable: bool = False,
    zone: str = "",
) -> JSON:
    """A node; `pressure` names one condition that is True."""
    kinds = ("MemoryPressure", "DiskPressure", "PIDPressure")
    calm = [{"type": kind, "status": str(kind == pressure), "lastTransitionTime": stamp(since)} for kind in kinds]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": uid_of("Node", name),
            "creationTimestamp": stamp(90 * 24 * 60),
            "labels": {"topology.kubernetes.io/zone": zone} if zone else {},
        },
        "spec": {"unschedulable": True} if unschedulable else {},
        "status": {"conditions": [*calm, {"type": "Ready", "status": ready, "lastTransitionTime": stamp(since)}]},
    }


def event(
    about: JSON,
    reason: str,
    message: str = "",
    *,
    kind: str = "Warning",
    count: int = 1,
    first: When = 30,
    last: When = 1,
    container_name: str = "",
    host: str = "",
) -> JSON:
    """An event about an object."""
    meta = about["metadata"]
    involved: JSON = {"kind": about["kind"], "name": meta["name"], "uid": meta.get("uid", "")}
    if meta.get("namespace"):
        involved["namespace"] = meta["namespace"]
    if container_name:
        involved["fieldPath"] = f"spec.containers{{{container_name}}}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{meta['name']}.{uid_of(reason, message)[:8]}",
            "namespace": meta.get("namespace", "default"),
        },
        "involvedObject": involved,
        "type": kind,
        "reason": reason,
        "message": message,
        "count": count,
        "firstTimestamp": stamp(first),
        "lastTimestamp": stamp(last),
        "source": {"component": "kubelet", **({"host": host} if host else {})},
    }


def namespace(name: str = "shop", **labels: str) -> JSON:
    found = {"byteport.io/enabled": "true", **labels}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "uid": uid_of("Namespace", name), "labels": found},
        "status": {"phase": "Active"},
    }


def simple(kind: str, name: str, *, namespace: str = "shop", api: str = "v1", **body: Any) -> JSON:
    """Any other object: `simple("Lease", "leader", spec={...})`."""
    metadata = {"name": name, "namespace": namespace, "uid": uid_of(kind, namespace, name)} | body.pop("metadata", {})
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}

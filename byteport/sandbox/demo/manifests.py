"""The demo's objects for a cluster with an API server.

The container really behaves as the fault says where containers run: it crashes while a file lies in the pod's own
scratch folder (a new pod has a new one), or takes more memory than it may. On simulated nodes the annotations do it.
"""

from __future__ import annotations

from typing import Any

from byteport.sandbox.controlplane import BACKOFF_ANNOTATION, FAULT_ANNOTATION, Fault

JSON = dict[str, Any]

IMAGE = "busybox"
GOOD_TAG = "1.36"
NO_SUCH_TAG = "1.36-no-such-tag"
POISON = "/scratch/poison"
GREEDY = "/scratch/greedy"
_SCRIPT = f"while true; do [ -e {GREEDY} ] && exec tail /dev/zero; [ -e {POISON} ] && exit 1; sleep 1; done"
MEMORY_LIMIT = "24Mi"


def namespace(name: str, labels: dict[str, str]) -> JSON:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def deployment(
    home: str, name: str, *, version: int, replicas: int, fault: Fault | None, deadline_seconds: int
) -> JSON:
    """A Deployment of one container; each version is another template."""
    annotations = {FAULT_ANNOTATION: str(fault), BACKOFF_ANNOTATION: "1"} if fault else {}
    container = {
        "name": name,
        "image": f"{IMAGE}:{NO_SUCH_TAG if fault is Fault.IMAGE else GOOD_TAG}",
        "command": ["sh", "-c", _SCRIPT],
        "env": [{"name": "VERSION", "value": str(version)}],
        "resources": {"limits": {"memory": MEMORY_LIMIT, "cpu": "100m"}, "requests": {"memory": "8Mi", "cpu": "10m"}},
        "readinessProbe": {"exec": {"command": ["test", "-d", "/scratch"]}},
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": home, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": deadline_seconds,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": annotations},
                "spec": {"containers": [container], "volumes": [{"name": "scratch", "emptyDir": {}}]},
            },
        },
    }

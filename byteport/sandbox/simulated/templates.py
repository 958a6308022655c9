"""Pod templates: what the API server fills in, how ReplicaSets are told apart, and the pod that comes of one.

Comes before `deployments.py` and `replicasets.py`.
"""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from byteport.sandbox.simulated.copies import copied
from byteport.sandbox.simulated.refusals import NotModelled

JSON = dict[str, Any]

HASH_LABEL = "pod-template-hash"
LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes generated names of."""

_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_PLACEMENT = ("affinity", "topologySpreadConstraints", "schedulingGates", "resourceClaims")


def with_defaults(spec: JSON) -> JSON:
    """A pod spec as the API server keeps it. Raises `NotModelled` for what the simulated scheduler cannot honour."""
    for field in _PLACEMENT:
        if spec.get(field):
            raise NotModelled(f"{field} of a pod")
    if spec.get("restartPolicy", "Always") != "Always":
        raise NotModelled("pods that are not restarted")
    filled = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        **copied(spec),
    }
    for part in ("initContainers", "containers"):
        if spec.get(part):
            filled[part] = [_container(container) for container in spec[part]]
    return filled


def pod_of(spec: JSON) -> JSON:
    """A pod's own spec: what admission adds to a template's."""
    return {
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "tolerations": [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300} for key in _TOLERATED
        ],
        **with_defaults(spec),
    }


def same_template(one: JSON, other: JSON) -> bool:
    """Whether two templates are the same release, for the Deployment controller: all but the hash label."""
    return _without_hash(one) == _without_hash(other)


def template_hash(template: JSON, collisions: int = 0) -> str:
    """Ten letters that stand for a template. Not the very ones that Kubernetes would choose."""
    text = json.dumps([_without_hash(template), collisions], sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:10])


def generated_name(prefix: str) -> str:
    """`prefix` with five letters of chance, as `generateName` makes it."""
    return prefix + "".join(random.choices(LETTERS, k=5))  # noqa: S311  a name, no secret


def _without_hash(template: JSON) -> JSON:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels, "creationTimestamp": None}}


def _container(container: JSON) -> JSON:
    image: str = container.get("image", "")
    name = image.rsplit("/", 1)[-1]
    latest = "@" not in name and (":" not in name or name.endswith(":latest"))
    return {
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "Always" if latest else "IfNotPresent",
        **copied(container),
    }

"""What the API server asks before it keeps a new pod: quotas. Everything else that may refuse one is not modelled.

Comes before `replicasets.py`, whose `FailedCreate` it causes.
"""

from __future__ import annotations

from typing import Any

from byteport.kubernetes.port import NAMESPACES, PODS, RESOURCE_QUOTAS
from byteport.sandbox.simulated.refusals import NotModelled
from byteport.sandbox.simulated.store import Store

JSON = dict[str, Any]

COUNTED = ("pods", "count/pods")
LEVEL = "pod-security.kubernetes.io/enforce"


class Refused(Exception):
    """A pod was not kept; the text is the API server's."""


def admit_pod(store: Store, pod: JSON) -> None:
    """Raises `Refused` when a quota of the namespace has no room, `NotModelled` when it cannot tell."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    here = store.find(NAMESPACES, "", namespace) or {"metadata": {}}
    level = (here["metadata"].get("labels") or {}).get(LEVEL, "privileged")
    if level != "privileged":
        raise NotModelled(f"the pod-security level {level!r}: the pod {name} may or may not be refused")
    for quota in store.all(RESOURCE_QUOTAS, namespace):
        hard: JSON = quota["spec"].get("hard") or {}
        for resource, limit in hard.items():
            if resource not in COUNTED:
                raise NotModelled(f"a quota on {resource!r}")
            used = sum(p["status"].get("phase") not in ("Succeeded", "Failed") for p in store.all(PODS, namespace))
            if used + 1 > int(limit):
                raise Refused(
                    f'pods "{name}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, '
                    f"requested: {resource}=1, used: {resource}={used}, limited: {resource}={limit}"
                )

"""What the API server asks before it keeps a new pod: the namespace's quotas and its pod-security level.

Comes before `replicasets.py`, whose `FailedCreate` it causes. Written from the API server's behaviour, not from the
readings of `byteport/kubernetes`, which it is there to test; what it cannot tell is `NotModelled`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from byteport.kubernetes.port import NAMESPACES, PODS, RESOURCE_QUOTAS
from byteport.kubernetes.quantities import quantity
from byteport.sandbox.simulated.kinds import PRIORITY_CLASSES
from byteport.sandbox.simulated.refusals import NotModelled
from byteport.sandbox.simulated.store import Store

JSON = dict[str, Any]

COUNTED = ("pods", "count/pods")
COMPUTED = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
LEVEL = "pod-security.kubernetes.io/enforce"
_SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
ENDED = ("Succeeded", "Failed")


class Refused(Exception):
    """A pod was not kept; the text is the API server's."""


def admit_pod(store: Store, pod: JSON) -> None:
    """Raises `Refused` when a quota has no room or the level forbids it, `NotModelled` when that cannot be told."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    violations = list(_violations(store, pod))
    if violations:
        level = _level(store, namespace)
        raise Refused(f'pods "{name}" is forbidden: violates PodSecurity "{level}:latest": {", ".join(violations)}')
    for quota in store.all(RESOURCE_QUOTAS, namespace):
        _fit(store, quota, pod)


def prioritize(store: Store, pod: JSON) -> None:
    """Give a pod the priority of its class. Raises `Refused` for a class that there is not."""
    name = pod["spec"].get("priorityClassName", "")
    value = _SYSTEM_PRIORITIES.get(name, 0)
    if name and not value:
        found = store.find(PRIORITY_CLASSES, "", name)
        if found is None:
            metadata = pod["metadata"]
            raise Refused(f'pods "{metadata["name"]}" is forbidden: no PriorityClass with name {name} was found')
        value = int(found["value"])
    pod["spec"]["priority"] = value


def sync_quotas(store: Store) -> None:
    """Write every quota's status."""
    for quota in store.all(RESOURCE_QUOTAS):
        hard = checked_quota(quota)["spec"].get("hard") or {}
        used = _used(store, quota)
        status = {"hard": dict(hard), "used": {resource: _text(used[resource]) for resource in hard}}
        if status != quota.get("status"):
            with store.edited(quota) as draft:
                draft["status"] = status


def checked_quota(quota: JSON) -> JSON:
    """Raises `NotModelled` for a quota on anything else than pods, CPU and memory, or with a scope."""
    spec = quota.get("spec") or {}
    for resource in spec.get("hard") or {}:
        if resource not in COUNTED + COMPUTED:
            raise NotModelled(f"a quota on {resource!r}")
    if spec.get("scopes") or spec.get("scopeSelector"):
        raise NotModelled("a quota with a scope")
    return quota


def _fit(store: Store, quota: JSON, pod: JSON) -> None:
    name, said = pod["metadata"]["name"], quota["metadata"]["name"]
    hard: JSON = quota["spec"].get("hard") or {}
    lacking = {resource: ",".join(_lacking(pod, resource)) for resource in sorted(hard) if resource in COMPUTED}
    missing = "; ".join(f"{resource} for: {containers}" for resource, containers in lacking.items() if containers)
    if missing:
        raise Refused(f'pods "{name}" is forbidden: failed quota: {said}: must specify {missing}')
    used = _used(store, quota)
    over = [r for r in sorted(hard) if used[r] + _demand(pod, r) > (quantity(hard[r]) or Fraction(0))]
    if over:
        requested = ",".join(f"{r}={_text(_demand(pod, r))}" for r in over)
        held = ",".join(f"{r}={_text(used[r])}" for r in over)
        limited = ",".join(f"{r}={hard[r]}" for r in over)
        raise Refused(
            f'pods "{name}" is forbidden: exceeded quota: {said}, '
            f"requested: {requested}, used: {held}, limited: {limited}"
        )


def _used(store: Store, quota: JSON) -> dict[str, Fraction]:
    pods = [p for p in store.all(PODS, quota["metadata"]["namespace"]) if p["status"].get("phase") not in ENDED]
    return {r: sum((_demand(pod, r) for pod in pods), Fraction(0)) for r in quota["spec"].get("hard") or {}}


def _demand(pod: JSON, resource: str) -> Fraction:
    if resource in COUNTED:
        return Fraction(1)
    containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]
    if any(container.get("restartPolicy") for container in containers):
        raise NotModelled("what a sidecar takes of a quota")
    amounts = [_amount(container, resource) or Fraction(0) for container in containers]
    main = len(pod["spec"]["containers"])
    return max([sum(amounts[:main], Fraction(0)), *amounts[main:]])


def _lacking(pod: JSON, resource: str) -> Iterator[str]:
    """Containers that do not say what they take."""
    return (one["name"] for one in pod["spec"]["containers"] if _amount(one, resource) is None)


def _amount(container: JSON, resource: str) -> Fraction | None:
    section, _, name = resource.rpartition(".")
    resources: JSON = container.get("resources") or {}
    limit = (resources.get("limits") or {}).get(name)
    return quantity(limit if section == "limits" else (resources.get("requests") or {}).get(name, limit))


def _text(amount: Fraction) -> str:
    """As the API server writes it: in the largest binary unit that is exact, else whole, else in thousandths."""
    for power, unit in ((3, "Gi"), (2, "Mi"), (1, "Ki")):
        if amount and (amount / 1024**power).denominator == 1:
            return f"{(amount / 1024**power).numerator}{unit}"
    return str(amount.numerator) if amount.denominator == 1 else f"{math.ceil(amount * 1000)}m"


def _level(store: Store, namespace: str) -> str:
    here = store.find(NAMESPACES, "", namespace) or {"metadata": {}}
    level: str = (here["metadata"].get("labels") or {}).get(LEVEL, "privileged")
    return level


def _violations(store: Store, pod: JSON) -> Iterator[str]:
    """Why the namespace's level forbids the pod, as far as ordinary pods go."""
    level, spec = _level(store, pod["metadata"]["namespace"]), pod["spec"]
    if level == "privileged":
        return
    special = ("hostNetwork", "hostPID", "hostIPC", "volumes", "initContainers")
    if level not in ("baseline", "restricted") or any(spec.get(field) for field in special):
        raise NotModelled(f"the pod-security level {level!r} for such a pod")
    for container in spec["containers"]:
        own, shared = container.get("securityContext") or {}, spec.get("securityContext") or {}
        if own.get("privileged") or (own.get("capabilities") or {}).get("add"):
            raise NotModelled(f"the pod-security level {level!r} for a privileged container")
        if level == "restricted":
            yield from _unrestricted(container["name"], own, {**shared, **own})


def _unrestricted(name: str, own: JSON, both: JSON) -> Iterator[str]:
    if own.get("allowPrivilegeEscalation") is not False:
        yield f'allowPrivilegeEscalation != false (container "{name}" must set it)'
    if "ALL" not in ((own.get("capabilities") or {}).get("drop") or []):
        yield f'unrestricted capabilities (container "{name}" must drop "ALL")'
    if both.get("runAsNonRoot") is not True:
        yield f'runAsNonRoot != true (pod or container "{name}" must set it)'
    if (both.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield f'seccompProfile (pod or container "{name}" must set it)'

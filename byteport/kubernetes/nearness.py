"""Whether a measured pod is near a limit by itself, and what of it is worth keeping until its workload has been read.

A workload is a symptom (`memory_symptoms.py`, `load_symptoms.py`) only if one of its containers is: a sum is at a share of
a sum of limits only where a part is. So `activities/kubernetes/metric_sightings.py` looks at one pod after the other,
and reads a workload's other pods only then. It does not judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any

from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.owners import OwnerKind, pod_owner
from byteport.kubernetes.quantities import quantity
from byteport.kubernetes.scaling import ContainerUsage
from byteport.kubernetes.scaling_reading import AT_LIMIT
from byteport.kubernetes.usage import memory_share, read_usage
from byteport.kubernetes.world import JSON, World

_ROUNDING = 1e-9
"""A sum of fractions may come out a little higher than each of them."""
_META = ("name", "namespace", "uid", "labels", "ownerReferences", "deletionTimestamp")
_STATUSES = ("containerStatuses", "initContainerStatuses")
_CONTAINER = ("name", "resources", "restartPolicy", "state")


def near_limit(pod: JSON, measured: JSON, now: datetime, *, memory_percent: int, cpu_percent: int) -> bool:
    """Whether a container of `pod` is at so much of its memory or CPU limit, by the `PodMetrics` of that pod."""
    if _plainly_below(pod, measured, min(memory_percent / 100, cpu_percent / 100, AT_LIMIT) - _ROUNDING):
        return False
    alone = World(now=now, objects=(pod | {"kind": "Pod"}, measured | {"kind": "PodMetrics"}), complete=False)
    owner, namespace = pod_owner(pod, alone), fields.name(fields.metadata(pod).get("namespace"))
    if not namespace or not owner.name or owner.kind is OwnerKind.JOB:
        return False
    kind = owner.kind.value if owner.kind is not OwnerKind.FOREIGN else owner.api_kind or owner.kind.value
    target = Target(cluster_uid="unknown", namespace=namespace, kind=kind, name=owner.name, uid=owner.uid)
    return any(_near(one, memory_percent, cpu_percent) for one in read_usage(alone, target).usage)


def _plainly_below(pod: JSON, measured: JSON, share: float) -> bool:
    """Whether by the bare numbers no container can be near a limit, so that nothing else of it need be read: most are not."""
    least = _least_limits(pod)
    for container in fields.entries(measured.get("containers")):
        for resource in ("cpu", "memory"):
            limit = least.get((str(container.get("name")), resource))
            used = quantity(fields.at(container, "usage", resource)) if limit is not None else None
            if limit is not None and used is not None and used >= limit * Fraction(share):
                return False
    return True


def _least_limits(pod: JSON) -> dict[tuple[str, str], Fraction]:
    """Of each container and resource the least of the limits that its spec and its status speak of."""
    least: dict[tuple[str, str], Fraction] = {}
    for part, kinds in (("spec", ("containers", "initContainers")), ("status", _STATUSES)):
        for kind in kinds:
            for container in fields.entries(fields.at(pod, part, kind)):
                for resource in ("cpu", "memory"):
                    limit = _amount(fields.at(container, "resources", "limits", resource))
                    key = str(container.get("name")), resource
                    if limit is not None and limit > 0:
                        least[key] = min(limit, least.get(key, limit))
    return least


def _amount(value: object) -> Fraction | None:
    return _quantity(value) if isinstance(value, str) else quantity(value)


@lru_cache(4096)
def _quantity(text: str) -> Fraction | None:
    """Limits are few and the same in thousands of pods."""
    return quantity(text)


def _near(one: ContainerUsage, memory_percent: int, cpu_percent: int) -> bool:
    share = memory_share(one)
    if share is not None and 100 * share >= memory_percent:
        return True
    if one.cpu is None or not one.cpu_limit:
        return False
    return one.cpu / one.cpu_limit >= min(cpu_percent / 100, AT_LIMIT) - _ROUNDING


def of_use(item: JSON) -> JSON:
    """Of a pod or a ReplicaSet what its use and its owner are read from: a twentieth of it."""
    meta, spec, status = fields.metadata(item), fields.mapping(item.get("spec")), fields.mapping(item.get("status"))
    return {
        "metadata": _of(meta, _META),
        "spec": _of(spec, ("nodeName",))
        | {key: _containers(spec.get(key)) for key in ("containers", "initContainers") if key in spec},
        "status": _of(status, ("phase",)) | {key: _containers(status.get(key)) for key in _STATUSES if key in status},
    }


def _containers(value: object) -> list[JSON]:
    return [_of(entry, _CONTAINER) for entry in fields.entries(value)]


def _of(value: Mapping[str, Any], keys: tuple[str, ...]) -> JSON:
    return {key: value[key] for key in keys if key in value}

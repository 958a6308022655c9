"""Whether a measured pod is near a limit by itself, and what of it is worth keeping until its workload has been read.

A workload is a symptom (`memory_symptoms.py`, `load_symptoms.py`) only if one of its containers is: a sum is at a share of
a sum of limits only where a part is. So `activities/kubernetes/metric_sightings.py` looks at one pod after the other,
and reads a workload's other pods only then. It does not judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.owners import OwnerKind, pod_owner
from byteport.kubernetes.scaling import ContainerUsage
from byteport.kubernetes.scaling_reading import AT_LIMIT
from byteport.kubernetes.usage import memory_share, read_usage
from byteport.kubernetes.world import JSON, World

_ROUNDING = 1e-9
"""A sum of fractions may come out a little higher than each of them."""
_META = ("name", "namespace", "uid", "labels", "ownerReferences", "deletionTimestamp")
_CONTAINER = ("name", "resources", "restartPolicy", "state")


def near_limit(pod: JSON, measured: JSON, now: datetime, *, memory_percent: int, cpu_percent: int) -> bool:
    """Whether a container of `pod` is at so much of its memory or CPU limit, by the `PodMetrics` of that pod."""
    alone = World(now=now, objects=(pod | {"kind": "Pod"}, measured | {"kind": "PodMetrics"}), complete=False)
    owner, namespace = pod_owner(pod, alone), fields.name(fields.metadata(pod).get("namespace"))
    if not namespace or not owner.name or owner.kind is OwnerKind.JOB:
        return False
    kind = owner.kind.value if owner.kind is not OwnerKind.FOREIGN else owner.api_kind or owner.kind.value
    target = Target(cluster_uid="unknown", namespace=namespace, kind=kind, name=owner.name, uid=owner.uid)
    return any(_near(one, memory_percent, cpu_percent) for one in read_usage(alone, target).usage)


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
        "status": _of(status, ("phase",))
        | {
            key: _containers(status.get(key)) for key in ("containerStatuses", "initContainerStatuses") if key in status
        },
    }


def _containers(value: object) -> list[JSON]:
    return [_of(entry, _CONTAINER) for entry in fields.entries(value)]


def _of(value: Mapping[str, Any], keys: tuple[str, ...]) -> JSON:
    return {key: value[key] for key in keys if key in value}

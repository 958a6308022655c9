"""The pods of one node, as far as its disk is concerned: which images they use, what they write to, what they wait for.

A pod of a namespace that is not enabled reaches this module without a name (`activities/kubernetes/gather_node.py`
leaves it out): it counts, and is never told of. Asked by `node_reading.py`, and before it by the activity for the
directories that are worth measuring.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from byteport.domain.base import Frozen, Instant
from byteport.kubernetes import fields
from byteport.kubernetes.node_commands import empty_dir, host_path, pod_logs
from byteport.kubernetes.node_state import UNSEEN
from byteport.kubernetes.world import JSON

_LISTS = ("initContainers", "containers", "ephemeralContainers")
_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_PULL_FAILS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError"}
)
_DEFAULTS = ("docker" + ".io/library/", "docker" + ".io/", "index." + "docker" + ".io/library/")
MOST_NAMED = 20


class PodsOnNode(Frozen):
    """What all of them together tell."""

    seen: int = 0
    images: frozenset[str] = frozenset()
    """Every name and digest by which a container of theirs may hold on to an image."""
    by_uid: Mapping[str, str] = {}
    """uid → `namespace/name`."""
    host_paths: Mapping[str, str] = {}
    """Path → the pod that declares it."""
    never_pulls: tuple[str, ...] = ()
    creating_since: Instant | None = None
    pull_fails: bool = False
    """One of them is waiting for an image that cannot be pulled."""
    exited_of_live: int = 0


def pods_on(pods: Iterable[JSON], node: str) -> list[JSON]:
    """Those that are bound to `node`."""
    return [pod for pod in pods if fields.at(pod, "spec", "nodeName") == node]


def read_pods_on(pods: Iterable[JSON], now: datetime) -> PodsOnNode:
    """What the pods of one node tell. Never raises for what it reads."""
    images: set[str] = set()
    by_uid: dict[str, str] = {}
    paths: dict[str, str] = {}
    never: list[str] = []
    creating: list[datetime] = []
    pull_fails, exited, seen = False, 0, 0
    for pod in pods:
        seen += 1
        named = name_of(pod)
        uid = fields.uid(fields.metadata(pod).get("uid"))
        if uid and named != UNSEEN:
            by_uid[uid] = named
            paths |= dict.fromkeys(host_paths_of(pod), named)
        images.update(_images_of(pod))
        if _ended(pod):
            continue
        if any(spec.get("imagePullPolicy") == "Never" for spec in _containers(pod)):
            never.append(named)
        if (since := _creating_since(pod, now)) is not None:
            creating.append(since)
        pull_fails = pull_fails or any(_waits_for(status) in _PULL_FAILS for status in _statuses(pod))
        exited += sum(_has_exited(status) for status in _statuses(pod))
    return PodsOnNode(
        seen=seen,
        images=frozenset(images),
        by_uid=by_uid,
        host_paths=paths,
        never_pulls=tuple(dict.fromkeys(sorted(never)))[:MOST_NAMED],
        creating_since=min(creating, default=None),
        pull_fails=pull_fails,
        exited_of_live=exited,
    )


def name_of(pod: JSON) -> str:
    """`namespace/name`, or that it may not be seen."""
    meta = fields.metadata(pod)
    namespace, name = fields.name(meta.get("namespace")), fields.name(meta.get("name"))
    return f"{namespace}/{name}" if namespace and name else UNSEEN


def directories_of(pod: JSON) -> Iterator[str]:
    """What a pod that may be seen writes to on its node's own disk: scratch space, logs, paths of the node."""
    meta = fields.metadata(pod)
    namespace, name, uid = (fields.name(meta.get("namespace")), fields.name(meta.get("name")), meta.get("uid"))
    if not namespace or not name or not isinstance(uid, str):
        return
    for volume in fields.entries(fields.at(pod, "spec", "volumes")):
        kept = volume.get("emptyDir")
        if isinstance(kept, Mapping) and kept.get("medium") != "Memory":
            path = empty_dir(uid, fields.name(volume.get("name")))
            if path is not None:
                yield path
    logs = pod_logs(namespace, name, uid)
    if logs is not None:
        yield logs
    yield from host_paths_of(pod)


def host_paths_of(pod: JSON) -> Iterator[str]:
    """The node's own directories that a pod mounts and that may be measured."""
    for volume in fields.entries(fields.at(pod, "spec", "volumes")):
        path = host_path(fields.at(volume, "hostPath", "path"))
        if path is not None and fields.at(volume, "hostPath", "type") not in ("Socket", "CharDevice", "BlockDevice"):
            yield path


def image_name(value: object) -> str:
    """A reference as it can be compared: without the registry that everybody leaves out, without a runtime's scheme."""
    if not isinstance(value, str) or len(value) > 512:
        return ""
    plain = value.rsplit("://", 1)[-1]
    for prefix in _DEFAULTS:
        plain = plain.removeprefix(prefix)
    tail = plain.rsplit("/", 1)[-1]
    return plain if not plain or ":" in tail or "@" in tail else f"{plain}:latest"


def _images_of(pod: JSON) -> Iterator[str]:
    for spec in _containers(pod):
        yield from filter(None, [image_name(spec.get("image"))])
    for status in _statuses(pod):
        yield from filter(None, [image_name(status.get("image")), image_name(status.get("imageID"))])


def _containers(pod: JSON) -> Iterator[Mapping[str, Any]]:
    for kind in _LISTS:
        yield from fields.entries(fields.at(pod, "spec", kind))


def _statuses(pod: JSON) -> Iterator[Mapping[str, Any]]:
    for kind in _STATUSES:
        yield from fields.entries(fields.at(pod, "status", kind))


def _ended(pod: JSON) -> bool:
    return fields.at(pod, "status", "phase") in ("Succeeded", "Failed")


def _waits_for(status: Mapping[str, Any]) -> object:
    return fields.at(status, "state", "waiting", "reason")


def _creating_since(pod: JSON, now: datetime) -> datetime | None:
    """Since when a container of it is being created, or is still to be: its image may just have been pulled."""
    statuses = list(_statuses(pod))
    fresh = not statuses and fields.at(pod, "status", "phase") == "Pending"
    if not fresh and not any(_waits_for(status) == "ContainerCreating" for status in statuses):
        return None
    started = fields.instant(fields.at(pod, "status", "startTime"))
    return started or fields.instant(fields.metadata(pod).get("creationTimestamp")) or now


def _has_exited(status: Mapping[str, Any]) -> bool:
    """A stopped container of this name lies on the node: the one that ended, or the one before that which runs."""
    return bool(fields.mapping(fields.at(status, "state", "terminated"))) or bool(
        fields.mapping(fields.at(status, "lastState", "terminated"))
    )

"""The names that a pod spec leans on: configuration, claims, accounts. Contents are never read.

Two readers: `pod_reading.py` (what a live pod mounts) and the rollout side (whether an older template names only what a
Ready pod uses now: configuration named by hash may be gone long since).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from byteport.domain.base import Frozen
from byteport.kubernetes import fields


class ReferenceKind(StrEnum):
    """What kind of object is named."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 - the kind, not a secret
    CLAIM = "PersistentVolumeClaim"
    EPHEMERAL_CLAIM = "EphemeralClaim"
    SERVICE_ACCOUNT = "ServiceAccount"
    PRIORITY_CLASS = "PriorityClass"
    RUNTIME_CLASS = "RuntimeClass"


class Reference(Frozen):
    """One object named by a pod spec. `optional` ones may be absent without harm."""

    kind: ReferenceKind
    name: str
    optional: bool = False


def references_of(spec: object) -> tuple[Reference, ...]:
    """Every reference of a pod spec, each once, sorted; a name that is no name is left out."""
    pod = fields.mapping(spec)
    found = {(ref.kind, ref.name, ref.optional) for ref in (*_volumes(pod), *_containers(pod), *_pod(pod)) if ref.name}
    return tuple(Reference(kind=kind, name=name, optional=optional) for kind, name, optional in sorted(found))


def _named(kind: ReferenceKind, source: object, key: str = "name") -> Reference:
    holder = fields.mapping(source)
    return Reference(kind=kind, name=fields.name(holder.get(key)), optional=holder.get("optional") is True)


def _volumes(pod: Mapping[str, Any]) -> Iterator[Reference]:
    for volume in fields.entries(pod.get("volumes")):
        if "configMap" in volume:
            yield _named(ReferenceKind.CONFIG_MAP, volume["configMap"])
        if "secret" in volume:
            yield _named(ReferenceKind.SECRET, volume["secret"], "secretName")
        if "persistentVolumeClaim" in volume:
            yield _named(ReferenceKind.CLAIM, volume["persistentVolumeClaim"], "claimName")
        if "ephemeral" in volume:
            yield Reference(kind=ReferenceKind.EPHEMERAL_CLAIM, name=fields.name(volume.get("name")) or "unnamed")
        for source in fields.entries(fields.at(volume, "projected", "sources")):
            if "configMap" in source:
                yield _named(ReferenceKind.CONFIG_MAP, source["configMap"])
            if "secret" in source:
                yield _named(ReferenceKind.SECRET, source["secret"])


def _containers(pod: Mapping[str, Any]) -> Iterator[Reference]:
    for container in (*fields.entries(pod.get("initContainers")), *fields.entries(pod.get("containers"))):
        for source in fields.entries(container.get("envFrom")):
            if "configMapRef" in source:
                yield _named(ReferenceKind.CONFIG_MAP, source["configMapRef"])
            if "secretRef" in source:
                yield _named(ReferenceKind.SECRET, source["secretRef"])
        for variable in fields.entries(container.get("env")):
            origin = fields.mapping(variable.get("valueFrom"))
            if "configMapKeyRef" in origin:
                yield _named(ReferenceKind.CONFIG_MAP, origin["configMapKeyRef"])
            if "secretKeyRef" in origin:
                yield _named(ReferenceKind.SECRET, origin["secretKeyRef"])


def _pod(pod: Mapping[str, Any]) -> Iterator[Reference]:
    for secret in fields.entries(pod.get("imagePullSecrets")):
        yield _named(ReferenceKind.SECRET, secret)
    account = fields.name(pod.get("serviceAccountName") or pod.get("serviceAccount"))
    if account and account != "default":
        yield Reference(kind=ReferenceKind.SERVICE_ACCOUNT, name=account)
    priority = fields.name(pod.get("priorityClassName"))
    if priority:
        yield Reference(kind=ReferenceKind.PRIORITY_CLASS, name=priority)
    runtime = fields.name(pod.get("runtimeClassName"))
    if runtime:
        yield Reference(kind=ReferenceKind.RUNTIME_CLASS, name=runtime)

"""What one release changed against another: which containers, and which kind of thing about them.

A failure counts against a release only if the release changed what fails: an image that could not be pulled though it is
the old one, or a missing ConfigMap that the old template names too, is not cured by going back. `rollouts.py` compares
each older revision with the newest; `release.py` asks `Changes` before it calls
a failure the release's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Any

from byteport.domain.base import Frozen
from byteport.kubernetes import fields
from byteport.kubernetes.pods import Role
from byteport.kubernetes.quantities import demand, quantity
from byteport.kubernetes.references import Reference, ReferenceKind, references_of

CLAIMS = frozenset({ReferenceKind.CLAIM, ReferenceKind.EPHEMERAL_CLAIM})
"""Volumes that outlive a container and may hold a pod back."""


class Part(StrEnum):
    """A kind of thing that a template says, of a container or of the whole pod."""

    # of a container
    ADDED = "added"
    IMAGE = "image"
    COMMAND = "command"
    ENV = "env"
    PROBES = "probes"
    RESOURCES = "resources"
    MEMORY_FELL = "memory_fell"
    """Its memory limit is lower. Where the older states none, a LimitRange may have set one that nobody sees here."""
    MOUNTS = "mounts"
    LIFECYCLE = "lifecycle"
    SECURITY = "security"
    OTHER = "other"
    # of the pod
    CONTAINERS = "containers"
    """A container of any kind was removed, or their order changed."""
    VOLUMES = "volumes"
    CLAIMS = "claims"
    SCHEDULING = "scheduling"
    REQUESTS_GREW = "requests_grew"
    ACCOUNT = "account"
    NETWORK = "network"
    GATES = "gates"
    LABELS = "labels"
    POD = "pod"


class ContainerChange(Frozen):
    """One container of the newer template that is not as it was in the older one."""

    name: str
    role: Role
    parts: tuple[Part, ...]


class Changes(Frozen):
    """Everything that differs between two templates, as kinds; sorted, so that equal differences are equal."""

    containers: tuple[ContainerChange, ...] = ()
    pod: tuple[Part, ...] = ()

    def of(self, container: str) -> frozenset[Part]:
        """What changed about the container of that name; empty when nothing did."""
        return frozenset(part for change in self.containers if change.name == container for part in change.parts)

    @property
    def nothing_but_labels(self) -> bool:
        return not self.containers and set(self.pod) <= {Part.LABELS}

    @property
    def init_changed(self) -> tuple[str, ...]:
        """Names of run-once init containers that are new or not as they were."""
        return tuple(change.name for change in self.containers if change.role is Role.INIT)


_OF_CONTAINER: tuple[tuple[Part, tuple[str, ...]], ...] = (
    (Part.IMAGE, ("image", "imagePullPolicy")),
    (Part.COMMAND, ("command", "args", "workingDir")),
    (Part.ENV, ("env", "envFrom")),
    (Part.PROBES, ("livenessProbe", "readinessProbe", "startupProbe")),
    (Part.RESOURCES, ("resources", "resizePolicy")),
    (Part.MOUNTS, ("volumeMounts", "volumeDevices")),
    (Part.LIFECYCLE, ("lifecycle",)),
    (Part.SECURITY, ("securityContext",)),
)
_OF_POD: tuple[tuple[Part, tuple[str, ...]], ...] = (
    (
        Part.SCHEDULING,
        ("nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "nodeName", "schedulerName",
         "priorityClassName", "priority", "preemptionPolicy", "runtimeClassName", "os", "resourceClaims", "schedulingGates"),
    ),
    (Part.ACCOUNT, ("serviceAccountName", "serviceAccount", "imagePullSecrets", "automountServiceAccountToken")),
    (Part.SECURITY, ("securityContext",)),
    (Part.NETWORK, ("hostNetwork", "dnsPolicy", "dnsConfig", "hostAliases", "hostname", "subdomain")),
    (Part.GATES, ("readinessGates",)),
)  # fmt: skip
_ELSEWHERE = frozenset(key for _, keys in _OF_POD for key in keys) | {"containers", "initContainers", "volumes"}
_NAMED = frozenset(key for _, keys in _OF_CONTAINER for key in keys) | {"name"}


def changes(older: object, newer: object) -> Changes:
    """What `newer` does not have as `older` has it. Annotations and the hash label are no change."""
    old, new = fields.mapping(fields.at(older, "spec")), fields.mapping(fields.at(newer, "spec"))
    before, after = dict(_containers(old)), dict(_containers(new))
    changed = []
    for key, container in after.items():
        if parts := _container_parts(before.get(key), container):
            changed.append(ContainerChange(name=key[1], role=key[0], parts=parts))
    pod = {part for part, keys in _OF_POD if any(old.get(key) != new.get(key) for key in keys)}
    if [key for key in before if key in after] != [key for key in after if key in before] or set(before) - set(after):
        pod.add(Part.CONTAINERS)
    if old.get("volumes") != new.get("volumes"):
        pod.add(Part.VOLUMES)
    if _claims(old) != _claims(new):
        pod.add(Part.CLAIMS)
    if _grew(demand(old), demand(new)):
        pod.add(Part.REQUESTS_GREW)
    if _labels(older) != _labels(newer):
        pod.add(Part.LABELS)
    if any(old.get(key) != new.get(key) for key in {*old, *new} - _ELSEWHERE):
        pod.add(Part.POD)
    return Changes(containers=tuple(changed), pod=tuple(sorted(pod)))


def container_names(template: object) -> tuple[str, ...]:
    """Names of all containers that a template declares, init containers first."""
    return tuple(name for (_, name), _ in _containers(fields.mapping(fields.at(template, "spec"))) if name)


def _containers(spec: Mapping[str, Any]) -> Iterable[tuple[tuple[Role, str], Mapping[str, Any]]]:
    for container in fields.entries(spec.get("initContainers")):
        role = Role.SIDECAR if container.get("restartPolicy") == "Always" else Role.INIT
        yield (role, fields.name(container.get("name"))), container
    for container in fields.entries(spec.get("containers")):
        yield (Role.MAIN, fields.name(container.get("name"))), container


def _container_parts(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> tuple[Part, ...]:
    if old is None:
        return (Part.ADDED,)
    parts = {part for part, keys in _OF_CONTAINER if any(old.get(key) != new.get(key) for key in keys)}
    if any(old.get(key) != new.get(key) for key in {*old, *new} - _NAMED):
        parts.add(Part.OTHER)
    if _memory_fell(old, new):
        parts.add(Part.MEMORY_FELL)
    return tuple(sorted(parts))


def _memory_fell(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    before, after = (quantity(fields.at(item, "resources", "limits", "memory")) for item in (old, new))
    return before is not None and after is not None and after < before


def _claims(spec: Mapping[str, Any]) -> list[Reference]:
    return [found for found in references_of(spec) if found.kind in CLAIMS]


def _grew(old: Mapping[str, Fraction], new: Mapping[str, Fraction]) -> bool:
    return any(amount > old.get(key, Fraction(0)) for key, amount in new.items())


def _labels(template: object) -> dict[str, Any]:
    return {key: value for key, value in fields.labels(template).items() if key != "pod-template-hash"}

"""Whether the namespace's pod-security level would refuse a pod made again from the same template.

A pod that was admitted before its namespace was locked down lives on, and is refused the moment it is replaced. The
rules are those of the Pod Security Standards (baseline and restricted), as far as a pod spec shows them; what is not
checked here errs on the side of *admitted* only for fields that no ordinary workload sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byteport.kubernetes import fields
from byteport.kubernetes.world import JSON

_ENFORCE = "pod-security.kubernetes.io/enforce"
_BASELINE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip
_RESTRICTED_VOLUMES = frozenset(
    {"name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)


def refused(namespace: JSON | None, spec: object) -> bool:
    """Whether `namespace` enforces a level that a pod of `spec` violates. Without a level nothing is refused."""
    level = fields.labels(namespace).get(_ENFORCE)
    pod = fields.mapping(spec)
    if level == "baseline":
        return _violates_baseline(pod)
    if level == "restricted":
        return _violates_baseline(pod) or _violates_restricted(pod)
    return False


def _containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*fields.entries(pod.get("initContainers")), *fields.entries(pod.get("containers"))]


def _security(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    return fields.mapping(holder.get("securityContext"))


def _violates_baseline(pod: Mapping[str, Any]) -> bool:
    if any(pod.get(key) is True for key in ("hostNetwork", "hostPID", "hostIPC")):
        return True
    if any("hostPath" in volume for volume in fields.entries(pod.get("volumes"))):
        return True
    if fields.at(pod, "securityContext", "seccompProfile", "type") == "Unconfined":
        return True
    return any(_container_violates_baseline(container) for container in _containers(pod))


def _container_violates_baseline(container: Mapping[str, Any]) -> bool:
    security = _security(container)
    added = fields.strings(fields.at(security, "capabilities", "add"))
    ports = fields.entries(container.get("ports"))
    return (
        security.get("privileged") is True
        or any(name.removeprefix("CAP_") not in _BASELINE_CAPABILITIES for name in added)
        or any(fields.count(port.get("hostPort")) > 0 for port in ports)
        or security.get("procMount") == "Unmasked"
        or fields.at(security, "seccompProfile", "type") == "Unconfined"
    )


def _violates_restricted(pod: Mapping[str, Any]) -> bool:
    if any(not _RESTRICTED_VOLUMES.issuperset(volume) for volume in fields.entries(pod.get("volumes"))):
        return True
    shared = _security(pod)
    return any(_container_violates_restricted(container, shared) for container in _containers(pod))


def _container_violates_restricted(container: Mapping[str, Any], shared: Mapping[str, Any]) -> bool:
    security = _security(container)
    user = security.get("runAsUser", shared.get("runAsUser"))
    profile = fields.at(security, "seccompProfile", "type") or fields.at(shared, "seccompProfile", "type")
    added = fields.strings(fields.at(security, "capabilities", "add"))
    return (
        security.get("allowPrivilegeEscalation") is not False
        or security.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True
        or user == 0
        or "ALL" not in fields.strings(fields.at(security, "capabilities", "drop"))
        or any(name != "NET_BIND_SERVICE" for name in added)
        or profile not in ("RuntimeDefault", "Localhost")
    )

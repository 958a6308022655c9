"""Which trouble a well-known alert is, and about which kind of object: the rules of kube-prometheus, and one more, by their names.

Whoever has rules of their own says it by a label, `byteport_signal`. Comes before `alerts.py`, which reads the bodies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from byteport.domain.signals import SignalType

SIGNAL_LABEL = "byteport_signal"
"""A label (or annotation) by which an operator says what an alert of their own is: a `SignalType`."""
VALUE_LABEL = "byteport_value"
THRESHOLD_LABEL = "byteport_threshold"
"""Beside it, plain numbers: what was measured, and from where on it is trouble."""

NODE_DOWN = frozenset({"KubeNodeNotReady", "KubeNodeUnreachable"})
"""No runbook treats it; much else in the same group follows from it."""

_POD = ("Pod",)
_ROLLOUT = ("Deployment",)
_NODE = ("Node",)
_LOAD = ("HorizontalPodAutoscaler", "Deployment", "Pod")


class Rule(NamedTuple):
    """What it is, and of which kinds the first that its labels name is meant."""

    signal: SignalType
    kinds: tuple[str, ...]


RULES: Mapping[str, Rule] = {
    "KubePodCrashLooping": Rule(SignalType.POD_CRASHLOOP, _POD),
    "KubePodNotReady": Rule(SignalType.POD_WEDGED, _POD),
    "KubeContainerWaiting": Rule(SignalType.POD_WEDGED, _POD),
    "KubeContainerOOMKilled": Rule(SignalType.MEMORY_PRESSURE, _POD),
    "KubeDeploymentReplicasMismatch": Rule(SignalType.FAILED_DEPLOY, _ROLLOUT),
    "KubeDeploymentRolloutStuck": Rule(SignalType.FAILED_DEPLOY, _ROLLOUT),
    "KubeDeploymentGenerationMismatch": Rule(SignalType.FAILED_DEPLOY, _ROLLOUT),
    "CPUThrottlingHigh": Rule(SignalType.CPU_SPIKE, _LOAD),
    "KubeHpaMaxedOut": Rule(SignalType.CPU_SPIKE, _LOAD),
    "KubeHpaReplicasMismatch": Rule(SignalType.CPU_SPIKE, _LOAD),
    "NodeFilesystemAlmostOutOfSpace": Rule(SignalType.DISK_PRESSURE, _NODE),
    "NodeFilesystemSpaceFillingUp": Rule(SignalType.DISK_PRESSURE, _NODE),
    "NodeFilesystemAlmostOutOfFiles": Rule(SignalType.DISK_PRESSURE, _NODE),
    "NodeFilesystemFilesFillingUp": Rule(SignalType.DISK_PRESSURE, _NODE),
    "NodeMemoryHighUtilization": Rule(SignalType.MEMORY_PRESSURE, _NODE),
}
_PRESSURES = {"DiskPressure": SignalType.DISK_PRESSURE, "MemoryPressure": SignalType.MEMORY_PRESSURE}
_PRESSURE_RULES = frozenset({"KubeNodePressure", "KubeNodeEviction"})
"""One rule for every condition of a node, which its label `condition` (or `eviction_signal`) names."""
_EVICTIONS = {
    "nodefs.available": SignalType.DISK_PRESSURE,
    "nodefs.inodesFree": SignalType.DISK_PRESSURE,
    "imagefs.available": SignalType.DISK_PRESSURE,
    "imagefs.inodesFree": SignalType.DISK_PRESSURE,
    "memory.available": SignalType.MEMORY_PRESSURE,
}
_CHOSEN: Mapping[SignalType, tuple[str, ...]] = {
    SignalType.POD_CRASHLOOP: ("Pod", "Deployment"),
    SignalType.POD_WEDGED: ("Pod", "Deployment"),
    SignalType.FAILED_DEPLOY: ("Deployment", "Pod"),
    SignalType.ERROR_RATE: ("Deployment", "Pod"),
    SignalType.CPU_SPIKE: _LOAD,
    SignalType.MEMORY_PRESSURE: ("Deployment", "Pod", "Node"),
    SignalType.DISK_PRESSURE: _NODE,
}


def rule_of(name: str, labels: Mapping[str, object], annotations: Mapping[str, object]) -> Rule | None:
    """What an operator's own word says, else what the name of a well-known rule does; None for every other alert."""
    chosen = labels.get(SIGNAL_LABEL, annotations.get(SIGNAL_LABEL))
    if chosen is not None:
        known = next((one for one in SignalType if one.value == chosen), None)
        return Rule(known, _CHOSEN[known]) if known is not None else None
    if name in _PRESSURE_RULES:
        condition, eviction = labels.get("condition"), labels.get("eviction_signal")
        found = _PRESSURES.get(condition) if isinstance(condition, str) else None
        if found is None and isinstance(eviction, str):
            found = _EVICTIONS.get(eviction)
        return Rule(found, _NODE) if found is not None else None
    return RULES.get(name)

"""What a target in trouble may share with others in trouble, from what was read of it: for the storm watch.

Names only, each from a reading that has validated it. A node counts when every failing pod of the target is on it: a
release that fails everywhere has no node in common with anything.
"""

from __future__ import annotations

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.reasons import Cause
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.surroundings import CommonCause, DependencyState

MOST_FACTORS = 8
LONGEST = 300
_PULLS = frozenset({Cause.IMAGE_AUTH, Cause.IMAGE_RATE_LIMITED, Cause.IMAGE_TIMEOUT, Cause.IMAGE_PULL})


def factors_of(situation: Situation, diagnosis: Diagnosis) -> tuple[str, ...]:
    """Node, zone, registry, dependency and namespace, in that order, at most 8."""
    found = [*_nodes(situation), *_suspects(situation), *_registries(situation), *_dependencies(situation, diagnosis)]
    culprit = diagnosis.culprit or ""
    if culprit.startswith("Node/"):
        found.append(culprit)
    if situation.target.namespace:
        found.append(f"Namespace/{situation.target.namespace}")
    return tuple(dict.fromkeys(factor for factor in found if len(factor) <= LONGEST))[:MOST_FACTORS]


def _nodes(situation: Situation) -> list[str]:
    if situation.target.kind == "Node":
        return [f"Node/{situation.target.name}"]
    nodes = {pod.node for pod in situation.pods if pod.cause is not None and not pod.deleting}
    return [f"Node/{node}" for node in nodes if node] if len(nodes) == 1 else []


def _suspects(situation: Situation) -> list[str]:
    words = {CommonCause.NODE: "Node", CommonCause.ZONE: "Zone", CommonCause.REGISTRY: "Registry"}
    return [
        f"{words[one.kind]}/{one.name}" for one in situation.surroundings.suspects if one.kind in words and one.name
    ]


def _registries(situation: Situation) -> list[str]:
    failing = {
        container.registry
        for pod in situation.pods
        for container in pod.containers
        if container.registry and (container.cause or pod.cause) in _PULLS and container.waiting.is_image
    }
    return [f"Registry/{name}" for name in sorted(failing | set(situation.surroundings.registries_failing)) if name]


def _dependencies(situation: Situation, diagnosis: Diagnosis) -> list[str]:
    """What the failing pods could not reach, unless it is there."""
    found = []
    for one in situation.surroundings.dependencies:
        if one.state is DependencyState.UP or not one.culprit:
            continue
        kind, _, name = one.culprit.partition("/")
        host = one.host.split(".")
        namespace = host[1] if len(host) > 1 and not host[-1].isdigit() else situation.target.namespace
        found.append(f"{kind}/{namespace}/{name}" if name else f"Address/{one.culprit}")
    if not found and diagnosis.cause is Cause.DEPENDENCY_DOWN and diagnosis.culprit:
        kind, _, name = diagnosis.culprit.partition("/")
        found.append(f"{kind}/{situation.target.namespace}/{name}" if name else f"Address/{diagnosis.culprit}")
    return found

"""Who else fails, and what they share: a node, a zone, a registry, a dependency.

A delete on a sick node is repeated on it, once per Deployment, each time as the *transient* trouble of one pod. So
before any pod is blamed, its neighbours are counted: a common cause is one escalation that names it, and no act.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction

from byteport.domain.reasons import Cause
from byteport.kubernetes.events import EventClass, EventReading
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.surroundings import CommonCause, NodeReading, Suspect

MANY_TARGETS = 3
"""So many targets that fail on one node are the node's fault."""
MANY_PODS = Fraction(3, 10)
"""Or this share of the pods seen on it, from at least two failing ones."""

_NOT_FAILING = frozenset({None, Cause.SLOW_START, Cause.UNSCHEDULABLE, Cause.EVICTED})
_OWN_FAULT = frozenset(
    {
        Cause.OOM_KILLED,
        Cause.EXITS_ZERO,
        Cause.CONFIG_ERROR,
        Cause.HOOK_FAILED,
        Cause.IMAGE_BAD_REFERENCE,
        Cause.IMAGE_AUTH,
        Cause.IMAGE_RATE_LIMITED,
        Cause.ACCESS_DENIED,
        Cause.CERTIFICATE,
        Cause.MIGRATION,
    }
)
"""Causes that no node brings about: a pod that fails by one of them says nothing about where it runs."""
_PULL_SIDE = frozenset({Cause.IMAGE_AUTH, Cause.IMAGE_RATE_LIMITED, Cause.IMAGE_TIMEOUT, Cause.IMAGE_PULL})
_FAILURE_EVENTS = (EventClass.CRASH_BACKOFF, EventClass.START_FAILED, EventClass.SANDBOX_FAILED)

Key = tuple[str, str, str]


def failing(pod: PodReading) -> bool:
    """Whether the pod fails where it runs: not starting slowly, not waiting for a node, not a finished record."""
    return pod.cause not in _NOT_FAILING and not pod.finished and not pod.deleting


def _by_its_place(pod: PodReading) -> bool:
    return failing(pod) and pod.cause not in _OWN_FAULT


def owner_key(pod: PodReading) -> Key:
    """What makes two pods replicas of one target."""
    return (pod.namespace, pod.owner.kind.value, pod.owner.name)


def suspects(
    pods: Sequence[PodReading], nodes: Sequence[NodeReading], events: Iterable[EventReading]
) -> tuple[Suspect, ...]:
    """Every common cause among `pods`, nodes first. `events` speak of pods that were not read themselves."""
    by_node = _by_place(pods, {pod.uid: pod.node for pod in pods}, CommonCause.NODE)
    by_node = _with_events(by_node, pods, events)
    zones = {node.name: node.zone for node in nodes}
    by_zone = _by_place(pods, {pod.uid: zones.get(pod.node, "") for pod in pods}, CommonCause.ZONE)
    wide = [found for found in by_zone if found.targets >= MANY_TARGETS and _spread(pods, zones, found.name) >= 2]
    return (*by_node, *wide, *_registries(pods), *_dependencies(pods))


def failing_registries(pods: Sequence[PodReading], own: Key) -> tuple[str, ...]:
    """Registries that targets other than `own` cannot pull from, whatever the image."""
    return tuple(sorted({name for pod in pods for name in _unpulled(pod) if owner_key(pod) != own}))


def _by_place(pods: Sequence[PodReading], place: dict[str, str], kind: CommonCause) -> list[Suspect]:
    """Places where many fail while their siblings elsewhere are well."""
    alive = [pod for pod in pods if not pod.finished and not pod.deleting and place.get(pod.uid)]
    here: dict[str, list[PodReading]] = defaultdict(list)
    for pod in alive:
        here[place[pod.uid]].append(pod)
    found = []
    for name, seen in sorted(here.items()):
        bad = [pod for pod in seen if _by_its_place(pod)]
        targets = {owner_key(pod) for pod in bad}
        failing_sets = {*map(_replica_set, bad)}
        elsewhere = [pod for pod in alive if place[pod.uid] != name] if bad else []
        siblings = [pod for pod in elsewhere if _replica_set(pod) in failing_sets]
        ill = sum(1 for pod in siblings if failing(pod))
        well = not siblings or Fraction(ill, len(siblings)) < MANY_PODS
        share = len(bad) >= 2 and Fraction(len(bad), len(seen)) >= MANY_PODS and bool(siblings)
        if well and (len(targets) >= MANY_TARGETS or share):
            found.append(Suspect(kind=kind, name=name, targets=len(targets), pods=len(bad), seen=len(seen)))
    return found


def _replica_set(pod: PodReading) -> tuple[Key, str]:
    """Pods of one revision: an older revision that is well elsewhere is no alibi for a newer one that is not."""
    return owner_key(pod), pod.template_hash


def _with_events(found: list[Suspect], pods: Sequence[PodReading], events: Iterable[EventReading]) -> list[Suspect]:
    """Kubelet events name their node: pods that were not read count as further targets there."""
    read = {pod.name for pod in pods}  # events name pods, uids are often left out
    known = {suspect.name for suspect in found}
    unread: dict[str, set[str]] = defaultdict(set)
    for event in events:
        if event.host and event.about_kind == "Pod" and event.about not in read and event.kind in _FAILURE_EVENTS:
            unread[event.host].add(event.about.rpartition("-")[0] or event.about)
    for node, others in sorted(unread.items()):
        bad = [pod for pod in pods if pod.node == node and _by_its_place(pod)]
        targets = len({owner_key(pod) for pod in bad}) + len(others)
        if node not in known and bad and targets >= MANY_TARGETS:
            found.append(Suspect(kind=CommonCause.NODE, name=node, targets=targets, pods=len(bad) + len(others)))
    return found


def _spread(pods: Sequence[PodReading], zones: dict[str, str], zone: str) -> int:
    return len({pod.node for pod in pods if zones.get(pod.node) == zone and _by_its_place(pod)})


def _unpulled(pod: PodReading) -> set[str]:
    return {item.registry for item in pod.containers if item.cause in _PULL_SIDE and item.registry}


def _registries(pods: Sequence[PodReading]) -> list[Suspect]:
    targets: dict[str, set[Key]] = defaultdict(set)
    count: dict[str, int] = defaultdict(int)
    for pod in pods:
        for name in _unpulled(pod):
            targets[name].add(owner_key(pod))
            count[name] += 1
    return [
        Suspect(kind=CommonCause.REGISTRY, name=name, targets=len(keys), pods=count[name])
        for name, keys in sorted(targets.items())
        if len(keys) >= 2
    ]


def _dependencies(pods: Sequence[PodReading]) -> list[Suspect]:
    targets: dict[str, set[Key]] = defaultdict(set)
    for pod in pods:
        for item in pod.containers:
            if item.cause is Cause.DEPENDENCY_DOWN and (item.log.host or item.log.port):
                targets[f"{item.log.host}:{item.log.port}"].add(owner_key(pod))
    return [
        Suspect(kind=CommonCause.DEPENDENCY, name=name, targets=len(keys), pods=len(keys))
        for name, keys in sorted(targets.items())
        if len(keys) >= 2
    ]

"""Who sets a workload's memory limits, and how often: the API server's own book-keeping, and live pods against template.

A limit that somebody lowers again every few minutes is not mended by one more replica, nor by a person who raises it and
goes home. So the hand is named: a field manager of the template, one that resizes pods in place, a vertical autoscaler,
or a webhook; of requests, only a vertical autoscaler's. Called by `measurements.py`; asked by the memory runbook.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from byteport.domain.base import Frozen, Instant
from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.owners import controlled
from byteport.kubernetes.quantities import quantity
from byteport.kubernetes.templates import annotations_of
from byteport.kubernetes.world import JSON, World

MOST_CHANGES = 20
_MANAGER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}\Z")
_SIZED = ("cpu", "memory")
_VPA_MARK = "vpaUpdates"
"""Annotation that the vertical autoscaler's admission webhook leaves on each pod that it changed."""


class LimitSetters(Frozen):
    """Whose hand the containers' memory limits show."""

    set_by: str = ""
    """Field manager, `Kind/name` of an autoscaler or webhook; empty where nothing tells."""
    changed_at: tuple[Instant, ...] = ()
    """When memory limits were changed, as far as objects still show it; newest last."""
    differ: bool = False
    """A live pod's memory limit is not its template's."""
    requests_set: tuple[str, ...] = ()
    """Resources (`cpu`, `memory`) whose requests a vertical autoscaler sets in the live pods."""


class _Hand(NamedTuple):
    name: str
    at: datetime | None


def read_limit_setters(world: World, target: Target, pods: Sequence[JSON]) -> LimitSetters:
    """Who sets the limits of `target`, whose live pods are `pods`. Never raises for what it reads."""
    owner = world.named(target.kind, target.namespace, target.name)
    releases = controlled(world, "ReplicaSet", target.uid, target.namespace)
    of_template = list(_hands(owner, "f:spec", "f:template", "f:spec"))
    in_place = [hand for pod in pods for hand in _hands(pod, "f:spec", resize=True)]
    differ = any(_differs(pod, _planned(world, pod)) for pod in pods)
    times = {*_changes(releases), *(hand.at for hand in (*of_template, *in_place) if hand.at is not None)}
    return LimitSetters(
        set_by=_between(world, target, pods, in_place) if differ or in_place else _latest(of_template),
        changed_at=tuple(sorted(when for when in times if when <= world.now))[-MOST_CHANGES:],
        differ=differ,
        requests_set=_sized(world, target, pods),
    )


def _sized(world: World, target: Target, pods: Sequence[JSON]) -> tuple[str, ...]:
    """By its mark on a pod ("container 0: cpu request, memory request"), or by its own object where that was saved."""
    said = [fields.text(annotations_of(pod).get(_VPA_MARK), 1024) for pod in pods]
    found = {resource for resource in _SIZED for text in said if f"{resource} request" in text}
    for item in _aimed(world, target):
        if fields.at(item, "spec", "updatePolicy", "updateMode") == "Off":
            continue
        policies = fields.entries(fields.at(item, "spec", "resourcePolicy", "containerPolicies"))
        told = [policy["controlledResources"] for policy in policies if "controlledResources" in policy]
        named = {resource for listed in told for resource in fields.strings(listed)}
        found |= set(_SIZED) & (named if told else set(_SIZED))
    return tuple(sorted(found))


def _hands(item: JSON | None, *path: str, resize: bool = False) -> Iterator[_Hand]:
    """Managers that own a container's resources under `path`, with the time of their last write."""
    for entry in fields.entries(fields.metadata(item).get("managedFields")):
        if (entry.get("subresource") == "resize") is not resize or (entry.get("subresource") and not resize):
            continue
        containers = fields.mapping(fields.at(entry.get("fieldsV1"), *path, "f:containers"))
        if not any(fields.at(container, "f:resources") is not None for container in containers.values()):
            continue
        name = entry.get("manager")
        known = name if isinstance(name, str) and _MANAGER.match(name) else f"manager-{fields.mark(name)}"
        yield _Hand(known, fields.instant(entry.get("time")))


def _latest(hands: Sequence[_Hand]) -> str:
    dated = sorted((hand for hand in hands if hand.at is not None), key=lambda hand: (hand.at, hand.name))
    return dated[-1].name if dated else next((hand.name for hand in hands), "")


def _between(world: World, target: Target, pods: Sequence[JSON], in_place: Sequence[_Hand]) -> str:
    """What sets limits between template and pod, from the surest mark to the least."""
    marked = any(_VPA_MARK in annotations_of(pod) for pod in pods)
    vertical = _vertical(world, target)
    if marked or (vertical and not in_place):
        return f"VerticalPodAutoscaler/{vertical}" if vertical else "vertical-pod-autoscaler"
    if in_place:
        return _latest(in_place)
    webhooks = [item for item in world.of("MutatingWebhookConfiguration") if _on_pods(item)]
    names = {fields.name(fields.metadata(item).get("name")) for item in webhooks} - {""}
    return f"MutatingWebhookConfiguration/{names.pop()}" if len(names) == 1 else ""


def _vertical(world: World, target: Target) -> str:
    return next((fields.name(fields.metadata(item).get("name")) for item in _aimed(world, target)), "")


def _aimed(world: World, target: Target) -> Iterator[JSON]:
    """Vertical autoscalers of `target`."""
    for item in world.of("VerticalPodAutoscaler", target.namespace):
        aim = fields.mapping(fields.at(item, "spec", "targetRef"))
        if (aim.get("kind"), aim.get("name")) == (target.kind, target.name):
            yield item


def _on_pods(configuration: JSON) -> bool:
    rules = [
        rule for hook in fields.entries(configuration.get("webhooks")) for rule in fields.entries(hook.get("rules"))
    ]
    return any({"pods", "*", "*/*"} & set(fields.strings(rule.get("resources"))) for rule in rules)


def _planned(world: World, pod: JSON) -> Mapping[str, Any]:
    """The pod spec that its ReplicaSet's template holds; empty where it was not read."""
    references = fields.entries(fields.metadata(pod).get("ownerReferences"))
    name = next((fields.name(ref.get("name")) for ref in references if ref.get("kind") == "ReplicaSet"), "")
    namespace = fields.name(fields.metadata(pod).get("namespace"))
    return fields.mapping(fields.at(world.named("ReplicaSet", namespace, name), "spec", "template", "spec"))


def _limits(spec: object) -> dict[str, object]:
    """Memory limit by container, as a number; without those that have none."""
    kinds = ("initContainers", "containers")
    items = [item for kind in kinds for item in fields.entries(fields.mapping(spec).get(kind))]
    read = {str(item.get("name")): quantity(fields.at(item, "resources", "limits", "memory")) for item in items}
    return {name: amount for name, amount in read.items() if amount is not None}


def _differs(pod: JSON, planned: Mapping[str, Any]) -> bool:
    """A limit that the template sets is another in the pod. One added where there was none is a LimitRange's."""
    live = _limits(pod.get("spec"))
    return any(name in live and live[name] != amount for name, amount in _limits(planned).items())


def _changes(releases: Sequence[JSON]) -> Iterator[datetime]:
    """When a ReplicaSet was made whose memory limits are not those of the one before it."""
    dated = [(fields.instant(fields.metadata(item).get("creationTimestamp")), item) for item in releases]
    ordered = sorted(((when, item) for when, item in dated if when is not None), key=lambda pair: pair[0])
    before: dict[str, object] | None = None
    for when, item in ordered:
        limits = _limits(fields.at(item, "spec", "template", "spec"))
        if before is not None and limits != before:
            yield when
        before = limits

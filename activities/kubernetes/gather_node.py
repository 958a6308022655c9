"""READ_NODE: one node with its events, the pods on it, the pulls around it, and what its helper's commands print.

A node stands by its own label. Pods of namespaces that are not enabled are not looked at as what they are: their images
and what they wait for count, since a prune concerns them too, and their names are left out before anything reads them.
Where pods may not be listed across namespaces, those of the enabled ones are, and it is said that there may be others:
what an unseen pod uses, pulls or waits for is not known, so that no prune is done alone. In namespaced sight that is
always so, and the others are not even asked about.

Comes after the label was looked at (`node_situations.py`), before `byteport/kubernetes/node_reading.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from activities.kubernetes.enabled import names_of
from activities.kubernetes.node_asking import Asking
from activities.kubernetes.reads import Reads, kinded, present
from byteport.domain.ceilings import Sight
from byteport.domain.plans import Runtime
from byteport.domain.policy import PolicyConfig
from byteport.domain.targets import PodRef
from byteport.errors import NotPermitted, Unavailable
from byteport.kubernetes import fields, port
from byteport.kubernetes.enrolment import enrolled
from byteport.kubernetes.node_commands import is_helper
from byteport.kubernetes.node_helper import EXEC, HELPER_PODS, helper_on, runtime_of
from byteport.kubernetes.node_pods import pods_on
from byteport.kubernetes.node_reading import OTHER_PODS, PULL_EVENTS
from byteport.kubernetes.port import JSON
from byteport.kubernetes.world import World

_PULLS = ("Pulling", "Pulled", "Failed", "BackOff")
_LISTS = ("initContainers", "containers", "ephemeralContainers")
_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")


async def gather_node(
    reads: Reads,
    node: JSON,
    policy: PolicyConfig,
    *,
    closer: bool,
    now: datetime,
) -> World:
    """Read `node` and what is on it. `closer`: whose directories fill it is asked as well, where it is filling up."""
    if reads.sight is Sight.NAMESPACED:
        reads.denied |= {OTHER_PODS, PULL_EVENTS}
    name = fields.name(fields.metadata(node).get("name"))
    enabled, is_applications = await _enabled(reads, policy)
    events, pods, pulls, helpers, use = await asyncio.gather(
        reads.node_events([name]),
        _pods_on(reads, name, enabled),
        _pulls(reads, enabled),
        reads.all_of("Pod", port.PODS, policy.helper_namespace, optional=True, name=HELPER_PODS),
        _use(reads, name),
    )
    helpers = [pod for pod in helpers if is_helper(pod, policy.helper_namespace) and not is_applications]
    if is_applications:
        reads.denied.add(HELPER_PODS)
    known = kinded("Node", node)
    world = World(
        now=now,
        objects=(known, *events, *helpers, *pods, *pulls, *present([use])),
        helper_namespace=policy.helper_namespace,
        denied=frozenset(reads.denied),
    )
    helper = helper_on(world, known)
    if not isinstance(helper, PodRef):
        return world
    asking = Asking(reads.cluster, helper)
    seen = [pod for pod in pods_on(pods, name) if fields.metadata(pod).get("name")]
    output = await asking.ask(runtime_of(known) or Runtime.CONTAINERD, seen, closer=closer)
    denied = world.denied | ({EXEC} if asking.refused else frozenset())
    return replace(world, node_output=output, denied=denied)


async def _use(reads: Reads, node: str) -> JSON | None:
    """What the metrics API measured, where there is one."""
    try:
        return await reads.named("NodeMetrics", port.NODE_METRICS, "", node)
    except Unavailable:
        return None


async def _enabled(reads: Reads, policy: PolicyConfig) -> tuple[frozenset[str], bool]:
    """Namespaces whose pods may be named, and whether the helper's is labelled as one of applications: whoever may
    make a pod there could make a helper, so none there is asked."""
    try:
        labelled = await reads.namespaces.labelled()
    except NotPermitted:
        reads.denied.add(port.NAMESPACES.plural)
        return frozenset(), False
    names = names_of(item for item in labelled if enrolled(item, policy))
    return names, policy.helper_namespace in names_of(labelled)


async def _pods_on(reads: Reads, node: str, enabled: frozenset[str]) -> list[JSON]:
    on = f"spec.nodeName={node}"
    if OTHER_PODS not in reads.denied:
        everywhere = await reads.all_of("Pod", port.PODS, "", fields=on, optional=True, name=OTHER_PODS)
        if OTHER_PODS not in reads.denied:
            return [pod if _namespace(pod) in enabled else _nameless_pod(pod) for pod in everywhere]
    listed = await asyncio.gather(
        *(reads.all_of("Pod", port.PODS, name, fields=on, optional=True) for name in sorted(enabled))
    )
    return [pod for pods in listed for pod in pods]


async def _pulls(reads: Reads, enabled: frozenset[str]) -> list[JSON]:
    """What was pulled, and could not be, anywhere: an image that cannot be pulled there cannot be pulled here."""
    if PULL_EVENTS not in reads.denied:
        everywhere = await _by_reason(reads, "", PULL_EVENTS)
        if PULL_EVENTS not in reads.denied:
            return [event if _namespace(event) in enabled else _nameless_event(event) for event in everywhere]
    listed = await asyncio.gather(*(_by_reason(reads, name, port.EVENTS.plural) for name in sorted(enabled)))
    return [event for events in listed for event in events]


async def _by_reason(reads: Reads, namespace: str, name: str) -> list[JSON]:
    listed = await asyncio.gather(
        *(
            reads.all_of("Event", port.EVENTS, namespace, fields=f"reason={reason}", optional=True, name=name)
            for reason in _PULLS
        )
    )
    return [event for events in listed for event in events]


def _namespace(item: JSON) -> object:
    return fields.metadata(item).get("namespace")


def _nameless_pod(pod: JSON) -> JSON:
    """Images, what it waits for and what has ended: no name, no environment, no path of it."""
    spec = {
        kind: [_only(entry, "image", "imagePullPolicy") for entry in _entries(pod, "spec", kind)] for kind in _LISTS
    }
    status = {kind: [_nameless_status(entry) for entry in _entries(pod, "status", kind)] for kind in _STATUSES}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _only(fields.metadata(pod), "creationTimestamp", "deletionTimestamp"),
        "spec": {"nodeName": fields.at(pod, "spec", "nodeName"), **spec},
        "status": {**_only(fields.mapping(pod.get("status")), "phase", "startTime"), **status},
    }


def _nameless_status(status: Mapping[str, Any]) -> JSON:
    ends = {
        kind: {"terminated": {"exitCode": fields.at(status, kind, "terminated", "exitCode")}}
        for kind in ("state", "lastState")
        if fields.at(status, kind, "terminated") is not None
    }
    waits = fields.at(status, "state", "waiting", "reason")
    state = {"state": {"waiting": {"reason": waits}}} if waits is not None else {}
    return {**_only(status, "image", "imageID"), **state, **ends}


def _nameless_event(event: JSON) -> JSON:
    kept = _only(event, "reason", "type", "message", "count", "firstTimestamp", "lastTimestamp", "eventTime", "series")
    host = fields.at(event, "source", "host")
    return {"apiVersion": "v1", "kind": "Event", "metadata": {}, "involvedObject": {"kind": "Pod"}, **kept} | (
        {"source": {"host": host}} if host is not None else {}
    )


def _only(item: Mapping[str, Any], *keys: str) -> JSON:
    return {key: item[key] for key in keys if key in item}


def _entries(item: JSON, *path: str) -> Iterable[Mapping[str, Any]]:
    return fields.entries(fields.at(item, *path))

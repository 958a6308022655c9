"""What keeps an autoscaler from its work by its own making: it sees nothing, or is set up so that it cannot.

Each with the object that a person must mend. The controller asks the metrics API by the workload's selector, not by
ownership: a finished test pod with the same label makes every percentage impossible. Messages are looked into for the
names of objects that are there, and for a word of the controller's own. Asked by `autoscaler_reading.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from byteport.kubernetes import fields
from byteport.kubernetes.autoscalers import floor_of
from byteport.kubernetes.owners import pod_owner
from byteport.kubernetes.scaling import Blindness, Misfit
from byteport.kubernetes.world import JSON, World

LATELY = timedelta(hours=1)
"""So long an event of the object that makes an autoscaler still speaks of now."""
_CORRECTED = timedelta(seconds=20), timedelta(minutes=10)
"""A count that is wrong again so long after the controller has set it was set by somebody else."""
_KIND = re.compile(r"[A-Za-z]{1,64}\Z")
_NO_REQUEST = re.compile(r"missing request for \w{1,20} in container ([a-z0-9-]{1,63}) of Pod ([a-z0-9.-]{1,253})")
_METRICS_API = "APIService/v1beta1.metrics.k8s.io"


def aim_of(item: JSON) -> tuple[str, str]:
    """Kind and name of what an autoscaler scales; empty where it does not say."""
    aim = fields.mapping(fields.at(item, "spec", "scaleTargetRef"))
    kind = aim.get("kind")
    return kind if isinstance(kind, str) and _KIND.match(kind) else "", fields.name(aim.get("name"))


def blindness(world: World, item: JSON, workload: JSON | None, told: Mapping[str, Any]) -> tuple[Blindness, str]:
    """Why it sees nothing, by the condition `told`, and what to look at."""
    kind, name = aim_of(item)
    stray = _stray_pod(world, item, workload, told)
    if stray is not None:
        return Blindness.STRAY_POD, stray
    for container in unrequested(workload, resources_of(item)):
        return Blindness.NO_REQUEST, f"container {container} of {kind}/{name}"
    if told.get("reason") in ("FailedGetExternalMetric", "FailedGetObjectMetric", "FailedGetPodsMetric"):
        return Blindness.OTHER_METRIC, ""
    message = fields.message(told.get("message"))
    if "missing request" in message:
        return Blindness.NO_REQUEST, f"{kind}/{name}" if kind and name else ""
    if "unable to fetch metrics" in message or "could not find the requested resource" in message:
        return Blindness.NO_API, _METRICS_API
    if "no metrics returned" in message or "did not receive metrics" in message:
        return Blindness.NO_SAMPLES, _METRICS_API
    return Blindness.UNKNOWN, ""


def unrequested(workload: JSON | None, resources: frozenset[str]) -> list[str]:
    """Containers of a workload's template that do not request what the autoscaler takes a percentage of."""
    return [
        fields.name(container.get("name")) or "unnamed"
        for container in fields.entries(fields.at(workload, "spec", "template", "spec", "containers"))
        if resources - _stated(container)
    ]


def _stated(container: Mapping[str, Any]) -> frozenset[str]:
    """Resources that it requests; a limit stands for a request that is not there."""
    own = fields.mapping(container.get("resources"))
    return frozenset({**fields.mapping(own.get("limits")), **fields.mapping(own.get("requests"))})


def resources_of(item: JSON) -> frozenset[str]:
    """Resources that it takes a percentage of, over all of a pod's containers."""
    listed = fields.entries(fields.at(item, "spec", "metrics"))
    names = [
        fields.at(entry, "resource", "name")
        for entry in listed
        if entry.get("type") == "Resource" and fields.at(entry, "resource", "target", "averageUtilization") is not None
    ]
    if not listed and fields.at(item, "spec", "targetCPUUtilizationPercentage") is not None:
        names = ["cpu"]
    return frozenset(name for name in names if isinstance(name, str))


def _stray_pod(world: World, item: JSON, workload: JSON | None, told: Mapping[str, Any]) -> str | None:
    """A pod that the workload's selector takes in, that the workload does not control, and that cannot be measured.

    Where the workload was not read, the controller's message may name the pod; it counts if that pod is there.
    """
    namespace, (_, name) = fields.name(fields.metadata(item).get("namespace")), aim_of(item)
    selector = fields.mapping(fields.at(workload, "spec", "selector", "matchLabels"))
    for pod in world.of("Pod", namespace):
        if not selector or not selector.items() <= fields.labels(pod).items() or pod_owner(pod, world).name == name:
            continue
        ended = fields.at(pod, "status", "phase") in ("Succeeded", "Failed")
        bare = [
            fields.name(container.get("name"))
            for container in fields.entries(fields.at(pod, "spec", "containers"))
            if resources_of(item) - _stated(container)
        ]
        if ended or bare:
            return _of_pod(bare[0] if bare else "", fields.name(fields.metadata(pod).get("name")))
    said = _NO_REQUEST.search(fields.message(told.get("message")))
    found = world.named("Pod", namespace, said.group(2)) if said else None
    if said is None or found is None or pod_owner(found, world).name == name:
        return None
    return _of_pod(fields.name(said.group(1)), said.group(2))


def _of_pod(container: str, pod: str) -> str:
    return f"container {container} of Pod/{pod}" if container else f"Pod/{pod}"


def misfit(
    world: World, item: JSON, workload: JSON | None, told: Mapping[str, Any], others: tuple[str, ...]
) -> tuple[Misfit | None, str]:
    """What is wrong with how it is set up, and the object to mend. `others` are autoscalers of the same workload."""
    meta = fields.metadata(item)
    namespace, own = fields.name(meta.get("namespace")), f"HorizontalPodAutoscaler/{fields.name(meta.get('name'))}"
    floor, ceiling = floor_of(item), fields.count(fields.at(item, "spec", "maxReplicas"))
    maker = _maker(item)
    source = f"{maker[0]}/{maker[1]}" if maker else own
    if floor > ceiling or _maker_crossed(world, namespace, maker):
        return Misfit.MIN_OVER_MAX, source
    if others:
        return Misfit.SEVERAL_WRITERS, f"HorizontalPodAutoscaler/{others[0]}"
    reason = told.get("reason")
    if reason == "AmbiguousSelector":
        return Misfit.SEVERAL_WRITERS, own
    if reason in ("FailedGetScale", "FailedUpdateScale", "InvalidSelector"):
        return Misfit.NO_TARGET, own
    wanted = fields.whole(fields.at(workload, "spec", "replicas"))
    scaled_at = fields.instant(fields.at(item, "status", "lastScaleTime"))
    again = scaled_at is not None and _CORRECTED[0] <= world.now - scaled_at <= _CORRECTED[1]
    if wanted and floor == ceiling and wanted > ceiling and again:
        return Misfit.SEVERAL_WRITERS, source
    return None, ""


def _maker(item: JSON) -> tuple[str, str] | None:
    for reference in fields.entries(fields.metadata(item).get("ownerReferences")):
        kind, name = reference.get("kind"), fields.name(reference.get("name"))
        if isinstance(kind, str) and _KIND.match(kind) and name:
            return kind, name
    return None


def _maker_crossed(world: World, namespace: str, maker: tuple[str, str] | None) -> bool:
    """The ScaledObject that makes it has bounds that cross, or its operator was refused for them lately."""
    if maker is None:
        return False
    spec = fields.mapping((world.named(maker[0], namespace, maker[1]) or {}).get("spec"))
    least, most = fields.whole(spec.get("minReplicaCount")), fields.whole(spec.get("maxReplicaCount"))
    if least is not None and most is not None and least > most:
        return True
    return any(_refused_lately(event, maker, world) for event in world.of("Event", namespace))


def _refused_lately(event: JSON, maker: tuple[str, str], world: World) -> bool:
    about = fields.mapping(event.get("involvedObject")) or fields.mapping(event.get("regarding"))
    if (about.get("kind"), about.get("name")) != maker or event.get("type") != "Warning":
        return False
    said = fields.message(event.get("message") or event.get("note"))
    last = fields.instant(event.get("lastTimestamp") or event.get("eventTime"))
    return "maxReplicas" in said and "minReplicas" in said and last is not None and world.now - last <= LATELY

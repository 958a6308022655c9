"""What looks wrong with a node's disk or memory at first sight. It does not judge; a runbook reads more.

`symptoms.py` asks for the disks of a whole `World` (its memory is `memory_symptoms.py`'s), `activities/kubernetes/
node_sightings.py` for one node, or one event of the namespace `default`, that the watch has just seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from byteport.domain.base import Frozen
from byteport.domain.canonical import digest
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.events import EventClass, read_event
from byteport.kubernetes.node_events import disk_failures
from byteport.kubernetes.world import JSON, World

LATELY = timedelta(hours=1)
"""An event that is older says nothing about the present."""

_CONDITIONS = {
    "DiskPressure": (SignalType.DISK_PRESSURE, "disk"),
    "MemoryPressure": (SignalType.MEMORY_PRESSURE, "memory"),
}


class NodeSymptom(Frozen):
    """One node's trouble. Equal digests are the same observation, however often it is made."""

    type: SignalType
    node: str
    evidence_digest: str


def node_symptoms(world: World, cluster_uid: str) -> list[Signal]:
    """One signal per node whose disk is in trouble, in the order of the nodes."""
    seen = [symptom for item in world.of("Node") for symptom in of_node(item)]
    seen += [symptom for item in world.of("Event") for symptom in of_node_event(item, world.now)]
    found: dict[str, NodeSymptom] = {}
    for symptom in seen:
        if symptom.type is SignalType.DISK_PRESSURE:
            found.setdefault(symptom.node, symptom)
    return [
        node_signal(symptom, node_target(cluster_uid, name, world.named("Node", "", name)), world.now)
        for name, symptom in found.items()
    ]


def node_signal(symptom: NodeSymptom, target: Target, now: datetime) -> Signal:
    """What is reported: a condition or an event is there or is not, so the value is 1 over a threshold of 0."""
    return Signal(
        type=symptom.type,
        value=1.0,
        threshold=0.0,
        target=target,
        observed_at=now,
        source=Source.WATCH,
        evidence_digest=symptom.evidence_digest,
    )


def of_node(item: JSON) -> Iterator[NodeSymptom]:
    """Conditions that are True, of a node that is not on its way out."""
    meta = fields.metadata(item)
    name, uid = fields.name(meta.get("name")), fields.uid(meta.get("uid"))
    if not name or meta.get("deletionTimestamp") is not None:
        return
    for kind, (signal, word) in _CONDITIONS.items():
        condition = fields.condition(item, kind)
        if condition.get("status") == "True":
            since = fields.instant(condition.get("lastTransitionTime"))
            when = since.isoformat() if since is not None else ""
            yield NodeSymptom(type=signal, node=name, evidence_digest=digest([word, uid or name, when]))


def of_node_event(item: JSON, now: datetime) -> Iterator[NodeSymptom]:
    """A kubelet that could not free its disk, or a system out of memory: both may come with every condition green."""
    for name, last in disk_failures([item]):
        if now - last <= LATELY:
            seen = digest(["disk event", name, _hour(last)])
            yield NodeSymptom(type=SignalType.DISK_PRESSURE, node=name, evidence_digest=seen)
    event = read_event(item)
    lately = event.last is not None and now - event.last <= LATELY
    if event.kind is EventClass.SYSTEM_OOM and event.about_kind == "Node" and event.about and lately:
        seen = digest(["memory event", event.about, _hour(event.last)])
        yield NodeSymptom(type=SignalType.MEMORY_PRESSURE, node=event.about, evidence_digest=seen)


def node_target(cluster_uid: str, name: str, item: JSON | None) -> Target:
    """The node as a target: cluster-scoped, so without a namespace."""
    uid = fields.uid(fields.metadata(item).get("uid")) if item is not None else ""
    return Target(cluster_uid=cluster_uid, namespace="", kind="Node", name=name, uid=uid)


def _hour(when: datetime | None) -> str:
    """An event that is repeated every few minutes is one observation an hour."""
    return when.isoformat()[:13] if when is not None else ""

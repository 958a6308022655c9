"""What a stage's namespace looks like to a runbook, and a signal about the Deployment in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes.port import DEPLOYMENTS, EVENTS, JSON, PODS, REPLICA_SETS
from byteport.kubernetes.world import World
from tests.integration.cluster_port.stages import Stage


async def world_of(stage: Stage) -> World:
    """Everything of the namespace, at the latest time that any of it bears."""
    objects: list[JSON] = []
    for resource, kind in ((DEPLOYMENTS, "Deployment"), (REPLICA_SETS, "ReplicaSet"), (PODS, "Pod"), (EVENTS, "Event")):
        listed = await stage.port.list(resource, stage.namespace)
        objects += [{**item, "kind": kind} for item in listed.items]
    return World(now=max(at for item in objects for at in _times(item)), objects=tuple(objects))


def signal_about(world: World, stage: Stage, kind: SignalType) -> Signal:
    """What the watch would say of the Deployment `web`."""
    uid = next(item["metadata"]["uid"] for item in world.of("Deployment"))
    return Signal(
        type=kind,
        value=1,
        threshold=0,
        target=Target(cluster_uid="c1", namespace=stage.namespace, kind="Deployment", name="web", uid=uid),
        observed_at=world.now,
        source=Source.WATCH,
        evidence_digest="e",
    )


def _times(value: Any) -> list[datetime]:
    if isinstance(value, dict):
        return [at for item in value.values() for at in _times(item)]
    if isinstance(value, list):
        return [at for item in value for at in _times(item)]
    if isinstance(value, str) and value[4:5] == "-" and value.endswith("Z"):
        return [datetime.fromisoformat(value).astimezone(UTC)]
    return []

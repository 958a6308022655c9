"""What the metrics API measured, as symptoms: containers near their limits, for as long as it takes to mean it.

The metrics API has no watch, so `watch.py` asks at each of its second looks, one namespace after the other. A share must
have been too high for `HELD`, at two looks or more, before it is reported: a moment's peak starts nothing. A metrics API
that is not installed, refuses or is out of order shows nothing; the runbook says so when it is asked about a workload.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from activities.clock import Clock
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.recent import Recent
from activities.orchestration import SymptomSink
from byteport.domain.base import Frozen, Instant
from byteport.domain.failures import Failure
from byteport.domain.signals import Signal, SignalType
from byteport.domain.targets import Target
from byteport.errors import MalformedInput, NotPermitted, TargetGone, Unavailable
from byteport.kubernetes import port
from byteport.kubernetes.load_symptoms import usage_symptoms
from byteport.kubernetes.memory_symptoms import memory_symptoms
from byteport.kubernetes.port import JSON, ClusterPort, Resource
from byteport.kubernetes.world import World

HELD = timedelta(seconds=45)
"""How long a container must be near its limit: two looks of the watch. The runbook waits for the rest of its 90 s itself."""
FORGOTTEN_AFTER = timedelta(minutes=10)
"""A workload that was not too full for so long begins anew, and is reported again."""
REMEMBERED = 10_000
_OF_LOAD = frozenset({Failure.MEMORY, Failure.CPU})

logger = logging.getLogger("byteport.watch")


class _Seen(Frozen):
    """Since when a workload is too full, when it last was, and what was reported of it."""

    since: Instant
    last: Instant
    reported: str = ""


class MetricSightings:
    """Reports each workload that stays near its limits once, as long as it stays there and its containers are the same."""

    def __init__(
        self,
        cluster: ClusterPort,
        *,
        cluster_uid: str,
        sink: SymptomSink,
        policy: PolicySource,
        clock: Clock,
        off: frozenset[Failure] = frozenset(),
    ) -> None:
        """`off`: failures that are not reported, since their runbook is switched off."""
        self._off = off
        self._cluster = cluster
        self._cluster_uid = cluster_uid
        self._sink = sink
        self._policy = policy
        self._clock = clock
        self._seen: Recent[tuple[SignalType, Target], _Seen] = Recent(REMEMBERED)
        self.reported = 0

    async def look(self, namespace: str) -> None:
        """One look at one enabled namespace. Raises `Unavailable` when a report does not get through."""
        if self._off >= _OF_LOAD:
            return
        metrics = await self._optional("PodMetrics", port.POD_METRICS, namespace)
        if not metrics:
            return
        pods = await self._listed("Pod", port.PODS, namespace)
        if not self._symptoms((*metrics, *pods)):
            return
        # Only now is it worth asking whose the pods are.
        replica_sets = await self._listed("ReplicaSet", port.REPLICA_SETS, namespace)
        autoscalers = await self._optional("HorizontalPodAutoscaler", port.AUTOSCALERS, namespace)
        for signal in self._symptoms((*metrics, *pods, *replica_sets, *autoscalers)):
            await self._see(signal)

    def _symptoms(self, objects: Sequence[JSON]) -> list[Signal]:
        world = World(now=self._clock(), objects=tuple(objects))
        policy = self._policy.read()
        found = [
            *memory_symptoms(world, self._cluster_uid, percent=policy.memory_percent),
            *usage_symptoms(world, self._cluster_uid, percent=policy.cpu_percent),
        ]
        return [signal for signal in found if signal.failure not in self._off]

    async def _see(self, signal: Signal) -> None:
        now, key = self._clock(), (signal.type, signal.target)
        before = self._seen.get(key)
        if before is None or now - before.last > FORGOTTEN_AFTER:
            before = _Seen(since=now, last=now)
        self._seen.put(key, before.model_copy(update={"last": now}))
        if not _due(before, signal, now):
            return
        try:
            await self._sink.report(signal)
        except (MalformedInput, NotPermitted) as error:
            logger.warning("use near its limit cannot be reported: %s", error.message)
            return
        self._seen.put(key, before.model_copy(update={"last": now, "reported": signal.evidence_digest}))
        self.reported += 1

    async def _optional(self, kind: str, resource: Resource, namespace: str) -> list[JSON]:
        try:
            return await self._listed(kind, resource, namespace)
        except (TargetGone, NotPermitted, Unavailable):
            return []

    async def _listed(self, kind: str, resource: Resource, namespace: str) -> list[JSON]:
        """Objects of a list do not say of what kind they are."""
        listed = await self._cluster.list(resource, namespace)
        return [{"kind": kind} | item for item in listed.items]


def _due(seen: _Seen, signal: Signal, now: datetime) -> bool:
    return now - seen.since >= HELD and seen.reported != signal.evidence_digest

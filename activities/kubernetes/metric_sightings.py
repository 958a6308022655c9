"""What the metrics API measured, as symptoms: containers near their limits, for as long as it takes to mean it.

The metrics API has no watch, so `second_looks.py` asks, one namespace after the other. A share must
have been too high for `HELD`, at two looks or more, before it is reported: a moment's peak starts nothing. A metrics API
that is not installed, refuses or is out of order shows nothing; the runbook says so when it is asked about a workload.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta

from activities.clock import Clock
from activities.kubernetes.paced import Pace
from activities.kubernetes.pages import PAGE_LIMIT, paged
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.recent import Recent
from activities.orchestration import SymptomSink
from byteport.domain.base import Frozen, Instant
from byteport.domain.failures import Failure
from byteport.domain.signals import Signal, SignalType
from byteport.domain.targets import Target
from byteport.errors import MalformedInput, NotPermitted, TargetGone, TooLarge, Unavailable
from byteport.kubernetes import fields, port
from byteport.kubernetes.glimpses import Glimpse
from byteport.kubernetes.load_symptoms import usage_symptoms
from byteport.kubernetes.memory_symptoms import memory_symptoms
from byteport.kubernetes.nearness import near_limit, of_use
from byteport.kubernetes.owners import pod_owner
from byteport.kubernetes.port import JSON, ClusterPort, Page
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
        pace: Pace,
        off: frozenset[Failure] = frozenset(),
    ) -> None:
        """`off`: failures that are not reported, since their runbook is switched off."""
        self._off = off
        self._cluster = cluster
        self._cluster_uid = cluster_uid
        self._sink = sink
        self._policy = policy
        self._clock = clock
        self._pace = pace
        self._seen: Recent[tuple[SignalType, Target], _Seen] = Recent(REMEMBERED)
        self.hot = frozenset[str]()
        """Namespaces in which something was near its limit at the last look."""
        self.reported = 0

    async def look(self, namespace: str) -> None:
        """One look at one enabled namespace. Raises `Unavailable` when a report does not get through.

        Of pods that are not near a limit nothing is kept. Where one is, its workload is read again, whole in number.
        """
        if self._off >= _OF_LOAD:
            return
        measured = await self._measured(namespace)
        near = [pod async for pod in self._pods(namespace, measured) if self._is_near(pod, measured)]
        found = await self._signals(namespace, measured, near) if near else []
        self.hot = self.hot | {namespace} if found else self.hot - {namespace}
        for signal in found:
            await self._see(signal)

    async def _measured(self, namespace: str) -> dict[str, Glimpse]:
        """By the pod's name. The usual metrics API has no pages: what is too much for one is not looked at."""
        found: dict[str, Glimpse] = {}
        token = ""
        try:
            while True:
                await self._pace.wait()
                page = await self._cluster.page(port.POD_METRICS, namespace, limit=PAGE_LIMIT, token=token)
                found |= {item.name: item for item in page.glimpses} if isinstance(page, Page) else {}
                token = page.token
                if not token:
                    return found
        except (TargetGone, NotPermitted, Unavailable):
            return {}
        except TooLarge:
            logger.warning("the namespace %s has more pods than are measured at once: none of them is", namespace)
            return {}

    async def _pods(self, namespace: str, measured: Mapping[str, Glimpse]) -> AsyncIterator[JSON]:
        if measured:
            async for glimpse in paged(self._cluster, port.PODS, namespace, self._pace):
                if glimpse.name in measured:
                    yield of_use(glimpse.whole())

    def _is_near(self, pod: JSON, measured: Mapping[str, Glimpse]) -> bool:
        policy, name = self._policy.read(), fields.name(fields.metadata(pod).get("name"))
        item = measured[name].whole() if name else {}
        return near_limit(
            pod, item, self._clock(), memory_percent=policy.memory_percent, cpu_percent=policy.cpu_percent
        )

    async def _signals(self, namespace: str, measured: Mapping[str, Glimpse], near: Sequence[JSON]) -> list[Signal]:
        # Only now is it worth asking whose the pods are.
        replica_sets = tuple(
            [
                of_use(item.whole()) | {"kind": "ReplicaSet"}
                async for item in paged(self._cluster, port.REPLICA_SETS, namespace, self._pace)
            ]
        )
        owners = World(now=self._clock(), objects=replica_sets)
        wanted = {_top(pod, owners) for pod in near}
        pods = [pod async for pod in self._pods(namespace, measured) if _top(pod, owners) in wanted]
        metrics = [measured[name].whole() for pod in pods if (name := fields.name(fields.metadata(pod).get("name")))]
        autoscalers = await self._autoscalers(namespace)
        world = World(
            now=self._clock(),
            objects=(
                *({"kind": "PodMetrics"} | item for item in metrics),
                *({"kind": "Pod"} | pod for pod in pods),
                *replica_sets,
                *({"kind": "HorizontalPodAutoscaler"} | item for item in autoscalers),
            ),
        )
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

    async def _autoscalers(self, namespace: str) -> list[JSON]:
        try:
            return [item.whole() async for item in paged(self._cluster, port.AUTOSCALERS, namespace, self._pace)]
        except (TargetGone, NotPermitted, Unavailable):
            return []


def _top(pod: JSON, owners: World) -> tuple[str, str]:
    owner = pod_owner(pod, owners)
    return owner.api_kind or owner.kind.value, owner.name


def _due(seen: _Seen, signal: Signal, now: datetime) -> bool:
    return now - seen.since >= HELD and seen.reported != signal.evidence_digest

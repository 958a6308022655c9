"""The reads of one gathering: a few at a time, each as one right allows it, and what was refused remembered.

Comes before `gather.py`, `gather_load.py` and `gather_node.py`, which choose what is read. A kind that READ_SITUATION
does not declare is not read; a right that is optional there and refused here ends up in `World.denied`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from activities.kubernetes.enabled import Namespaces
from activities.kubernetes.shared_lists import SharedLists
from byteport.domain.ceilings import Sight
from byteport.domain.policy import PolicyConfig
from byteport.errors import BudgetRefuses, NotPermitted, PermanentError, TargetGone, Unavailable
from byteport.kubernetes import further, port
from byteport.kubernetes.enrolment import enrolled
from byteport.kubernetes.node_reading import OTHER_PODS
from byteport.kubernetes.port import JSON, ClusterPort, Resource
from byteport.kubernetes.webhooks import backing_services
from byteport.kubernetes.world import LogKey, World

AT_ONCE = 12
"""Requests in flight for one reading: an API server's fair queueing counts them."""

LOG_LINES = 50

MOST_BESIDE = 400
"""Lists of the pods beside a target, where each namespace is asked for its own."""

Given = TypeVar("Given")

REQUIRED = {
    "Deployment": port.DEPLOYMENTS,
    "ReplicaSet": port.REPLICA_SETS,
    "Pod": port.PODS,
    "Event": port.EVENTS,
}
OPTIONAL = {
    "ResourceQuota": port.RESOURCE_QUOTAS,
    "LimitRange": port.LIMIT_RANGES,
    "Service": port.SERVICES,
    "Job": port.JOBS,
    "Lease": port.LEASES,
    "PodDisruptionBudget": port.BUDGETS,
    "HorizontalPodAutoscaler": port.AUTOSCALERS,
}
OF_NO_LIST = {
    "Node": port.NODES,
    "Namespace": port.NAMESPACES,
    "StatefulSet": port.STATEFUL_SETS,
    "MutatingWebhookConfiguration": port.MUTATING_WEBHOOKS,
    "ValidatingWebhookConfiguration": port.VALIDATING_WEBHOOKS,
    "EndpointSlice": port.ENDPOINT_SLICES,
    "PodMetrics": port.POD_METRICS,
    "NodeMetrics": port.NODE_METRICS,
}
"""What is read by name, or for some failures only."""
_API_VERSION = {
    kind: f"{resource.group}/{resource.version}".removeprefix("/")
    for kind, resource in (REQUIRED | OPTIONAL | OF_NO_LIST).items()
}


class Reads:
    """The reads of one gathering: at most `AT_ONCE` in flight, and what was refused remembered."""

    def __init__(self, cluster: ClusterPort, lists: SharedLists, sight: Sight = Sight.CLUSTER) -> None:
        self.cluster = cluster
        self._lists = lists
        self.sight = sight
        self.namespaces = Namespaces(cluster, sight)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.denied: set[str] = set()

    async def all_of(
        self, kind: str, resource: Resource, namespace: str, *, fields: str = "", optional: bool, name: str = ""
    ) -> list[JSON]:
        try:
            listed = await self._one(self._lists.list(resource, namespace, fields=fields))
        except NotPermitted:
            if not optional:
                raise
            self.denied.add(name or resource.plural)
            return []
        return [kinded(kind, item) for item in listed.items]

    async def named(self, kind: str, resource: Resource, namespace: str, name: str) -> JSON | None:
        """One optional object; None when there is none or it may not be read."""
        try:
            return kinded(kind, await self._one(self.cluster.get(resource, namespace, name)))
        except TargetGone:
            return None
        except NotPermitted:
            self.denied.add(resource.plural)
            return None

    async def measured(self, kind: str, resource: Resource, namespace: str) -> list[JSON]:
        """What the metrics API measured. Not installed, out of order or refused, it is `denied`: nobody measured."""
        try:
            listed = await self._one(self._lists.list(resource, namespace))
        except (TargetGone, NotPermitted, Unavailable):
            self.denied.add(kind.lower())
            return []
        return [kinded(kind, item) for item in listed.items]

    async def nodes(self, names: Sequence[str]) -> list[JSON]:
        return present(await asyncio.gather(*(self.named("Node", port.NODES, "", name) for name in names)))

    async def node_events(self, names: Sequence[str]) -> list[JSON]:
        """A node's events lie in the namespace `default`; only those about nodes that matter here are kept."""
        if not names:
            return []
        events = await self.all_of(
            "Event",
            port.EVENTS,
            "default",
            fields="involvedObject.kind=Node",
            optional=True,
            name="events of nodes",
        )
        return [event for event in events if (event.get("involvedObject") or {}).get("name") in names]

    async def beside(self, nodes: Sequence[str], namespace: str, policy: PolicyConfig) -> list[JSON]:
        """Pods of other enabled namespaces on the same nodes. Those of any other namespace are dropped unread."""
        if self.namespaces.sight is Sight.NAMESPACED:
            return await self._beside_in_sight(nodes, namespace, policy)
        listed = await asyncio.gather(*(self._pods_on(node, "") for node in nodes))
        pods = [pod for pods in listed for pod in pods if pod["metadata"].get("namespace") != namespace]
        names = sorted({str(pod["metadata"].get("namespace", "")) for pod in pods})
        ours = dict(zip(names, await asyncio.gather(*(self._enabled(name, policy) for name in names)), strict=True))
        return [pod for pod in pods if ours[str(pod["metadata"].get("namespace", ""))]]

    async def _beside_in_sight(self, nodes: Sequence[str], namespace: str, policy: PolicyConfig) -> list[JSON]:
        """The same where no list of all pods may be had: each namespace that was given to us is asked for its own."""
        given = await self.namespaces.given() if nodes else ()
        others = [name for name in given if name != namespace and not policy.protects(name)]
        most = MOST_BESIDE // max(1, len(nodes))
        if len(others) > most:
            self.denied.add(OTHER_PODS)

        async def of(name: str) -> list[JSON]:
            if not await self._enabled(name, policy):
                return []
            listed = await asyncio.gather(*(self._pods_on(node, name) for node in nodes))
            return [pod for pods in listed for pod in pods]

        found = await asyncio.gather(*(of(name) for name in others[:most]))
        return [pod for pods in found for pod in pods]

    async def _pods_on(self, node: str, namespace: str) -> list[JSON]:
        on = f"spec.nodeName={node}"
        return await self.all_of("Pod", port.PODS, namespace, fields=on, optional=True, name=OTHER_PODS)

    async def _enabled(self, name: str, policy: PolicyConfig) -> bool:
        try:
            return enrolled(await self.namespaces.read(name), policy)
        except (TargetGone, NotPermitted):
            return False

    async def tails(self, wanted: Sequence[further.LogRead]) -> dict[LogKey, str]:
        tails = await asyncio.gather(*(self._tail(read) for read in wanted))
        return {read.key: tail for read, tail in zip(wanted, tails, strict=True) if tail}

    async def _tail(self, read: further.LogRead) -> str:
        """The former instance's last lines, then the present one's. An unreachable kubelet is itself evidence."""
        parts: list[str] = []
        for previous in (True, False) if read.previous else (False,):
            try:
                part = await self._one(
                    self.cluster.logs(*read.key, previous=previous, tail_lines=LOG_LINES),
                )
            except (NotPermitted, Unavailable):
                self.denied.add("pods/log")
                continue
            except PermanentError:
                continue  # the pod is gone, or that container has no log
            if part and part not in parts:
                parts.append(part)
        return "\n".join(parts)

    async def budget_refusals(self, namespace: str, pods: Sequence[str]) -> dict[str, str]:
        answers = await asyncio.gather(*(self._refusal(namespace, pod) for pod in pods))
        return {pod: answer for pod, answer in zip(pods, answers, strict=True) if answer}

    async def _refusal(self, namespace: str, pod: str) -> str:
        try:
            await self._one(self.cluster.evict_dry_run(namespace, pod))
        except BudgetRefuses as refusal:
            return refusal.budget or refusal.message
        except TargetGone:
            return ""
        except NotPermitted:
            self.denied.add("pods/eviction")
        return ""

    async def webhooks(self, namespace: JSON, name: str, now: datetime) -> list[JSON]:
        """The webhooks of the cluster, and who answers those that must be asked before a pod is made here."""
        kinds = {
            "MutatingWebhookConfiguration": port.MUTATING_WEBHOOKS,
            "ValidatingWebhookConfiguration": port.VALIDATING_WEBHOOKS,
        }
        listed = await asyncio.gather(*(self.all_of(kind, what, "", optional=True) for kind, what in kinds.items()))
        found = [item for items in listed for item in items]
        seen = World(now=now, objects=(kinded("Namespace", namespace), *found))
        homes = sorted({backing.namespace for backing in backing_services(seen, name)})
        slices = await asyncio.gather(
            *(self.all_of("EndpointSlice", port.ENDPOINT_SLICES, home, optional=True) for home in homes)
        )
        return [*found, *(item for items in slices for item in items)]

    async def _one(self, request: Awaitable[Given]) -> Given:
        async with self._slots:
            return await request


def kinded(kind: str, item: JSON) -> JSON:
    """Items of a list come without their kind; a `World` is sorted by it."""
    return {"apiVersion": _API_VERSION[kind], "kind": kind} | item


def present(items: Iterable[JSON | None]) -> list[JSON]:
    return [item for item in items if item is not None]
